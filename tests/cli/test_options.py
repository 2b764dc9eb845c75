"""--cfg-options: a near miss is refused by name, and a new setting is not."""

import pytest
from mmengine.config import Config

from ddas_mm.config import merge_options
from ddas_mm.errors import SettingError
from tests import toy
from tests.ranks import ROOT


@pytest.fixture(scope='module')
def detector():
    """A search of mmdet's RetinaNet."""
    return Config.fromfile(ROOT / 'configs/ddas_retinanet_r18_digits.py')


NEAR_MISSES = {
    'train_cfg.max_epoch': 'train_cfg.max_epochs',
    'train_cgf.max_epochs': 'train_cfg.max_epochs',
    'train_cfg.proxy.num_trains': 'train_cfg.proxy.num_train',
    'train_cfg.policy_dataloader.batchsize': 'train_cfg.policy_dataloader.batch_size',
    'train_dataloader.batchsize': 'train_dataloader.batch_size',
    'train_dataloader.dataset.anno_file': 'train_dataloader.dataset.ann_file',
    'model.backbone.dept': 'model.backbone.depth',
    'model.bbox_head.stacked_conv': 'model.bbox_head.stacked_convs',
    'model.test_cfg.score_th': 'model.test_cfg.score_thr',
    'optim_wrapper.optimizer.weigth_decay': 'optim_wrapper.optimizer.weight_decay',
    'default_hooks.checkpoint.max_keep_ckpt': 'default_hooks.checkpoint.max_keep_ckpts',
    'custom_hooks.0.smoth': 'custom_hooks.0.smooth',
    'load_form': 'load_from',
}
NEW = (
    *('model.init_cfg', 'model.backbone.norm_cfg.momentum', 'model.my_own.thing'),
    *('optim_wrapper.accumulative_counts', 'optim_wrapper.paramwise_cfg.bias_lr_mult'),
    *('optim_wrapper.clip_grad.max_norm', 'optim_wrapper.optimizer.nesterov'),
    *('train_cfg.proxy.split_file', 'train_cfg.space.constants.fill', 'val_data'),
    *('train_cfg.paired', 'train_cfg.val_interval', 'sync_bn', 'resume', 'my_note'),
    *('train_dataloader.persistent_workers', 'train_dataloader.dataset.indices'),
    *('train_dataloader.dataset.pipeline.3.scale_factor', 'auto_scale_lr.enable'),
    *('default_hooks.checkpoint.save_best', 'default_hooks.early_stop.type'),
    *('custom_hooks.0.priority', 'randomness.deterministic', 'env_cfg.mp_cfg.x'),
)


@pytest.mark.parametrize('key', NEAR_MISSES)
def test_near_miss_is_refused_with_what_was_meant(detector, key):
    with pytest.raises(SettingError) as error:
        merge_options(Config(detector.to_dict()), {key: 1})
    assert str(error.value) == (
        f'--cfg-options {key}: there is no such setting; did you mean '
        f'{NEAR_MISSES[key]}?'
    )


@pytest.mark.parametrize('key', NEW)
def test_new_setting_is_put_in(detector, key):
    config = Config(detector.to_dict())
    merge_options(config, {key: 1})
    value = config
    for name in key.split('.'):
        value = value[int(name) if isinstance(value, list) else name]
    assert value == 1


def test_type_that_comes_with_it_decides(detector):
    config = Config(detector.to_dict())
    optimizer = 'optim_wrapper.optimizer'
    merge_options(config, {f'{optimizer}.type': 'Adam', f'{optimizer}.betas': (0, 0.9)})
    assert config.optim_wrapper.optimizer.betas == (0, 0.9)


NO_PLACE = {
    'custom_hooks.7.smooth': 'custom_hooks is a list of 1, and .7. is no index',
    'custom_hooks.first.smooth': "custom_hooks is a list of 1, and 'first' is no index",
    'train_cfg.max_epochs.x': 'train_cfg.max_epochs is 2, no section of settings',
    'val_dataloader.batch_size': 'val_dataloader is None, no section.*_delete_=True',
}


@pytest.mark.parametrize('key', NO_PLACE)
def test_setting_without_a_place_is_refused(tmp_path, key):
    config = toy.search_config(tmp_path)
    config.val_dataloader = None
    with pytest.raises(SettingError, match=f'--cfg-options {key}: {NO_PLACE[key]}'):
        merge_options(config, {key: 1})


def test_new_section_takes_the_place_of_none(tmp_path):
    config = toy.search_config(tmp_path)
    config.val_dataloader = None
    merge_options(
        config, {'val_dataloader._delete_': True, 'val_dataloader.batch_size': 1}
    )
    assert config.val_dataloader == {'batch_size': 1}
