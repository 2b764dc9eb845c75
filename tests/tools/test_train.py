"""Training and searching on configs that MMEngine trains."""

import sys

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper

from ddas_mm.cli.commands import use_amp
from ddas_mm.cli.run import run
from ddas_mm.errors import SettingError
from tests import toy
from tests.toy import ToyModel
from tools import search

POLICY = dict(space=dict(name='sanity'), total_prob=0.5)


def training(work_dir, policy=POLICY, **changes):
    config = toy.search_config(work_dir, **{'train_cfg.max_epochs': 1})
    config.train_cfg = dict(by_epoch=True, max_epochs=1)
    config.custom_hooks = []
    config.train_dataloader.dataset.pipeline[0].policy = policy
    config.merge_from_dict(changes)
    return config


@pytest.mark.parametrize(
    'optimizer',
    [
        dict(type='Lamb', lr=0.1),
        dict(type='mmpretrain.LARS', lr=0.1),
    ],
)
def test_optimiser_of_another_package_trains(tmp_path, optimizer):
    scope = 'mmengine' if '.' in optimizer['type'] else 'mmpretrain'
    config = training(tmp_path, default_scope=scope)
    config.optim_wrapper.optimizer = optimizer
    run(config)
    assert (tmp_path / 'epoch_1.pth').is_file()


@pytest.mark.parametrize(
    'wrapper', [{}, dict(type='OptimWrapper'), dict(type=OptimWrapper)]
)
def test_amp_makes_an_amp_wrapper_of_a_plain_one(wrapper):
    config = Config(dict(optim_wrapper=dict(optimizer=dict(type='SGD'), **wrapper)))
    use_amp(config)
    assert config.optim_wrapper.type == 'AmpOptimWrapper'
    assert config.optim_wrapper.loss_scale == 'dynamic'


def test_amp_leaves_an_amp_wrapper_its_settings():
    wrapper = dict(type='AmpOptimWrapper', loss_scale=8.0, optimizer=dict(type='SGD'))
    config = Config(dict(optim_wrapper=wrapper))
    use_amp(config)
    assert config.optim_wrapper == wrapper


@pytest.mark.parametrize(
    ('wrapper', 'name'),
    [
        (dict(type='ApexOptimWrapper', optimizer=dict(type='SGD')), 'ApexOptimWrapper'),
        (dict(type='mmpretrain.DeepSpeedOptimWrapper', optimizer={}), 'DeepSpeed'),
        (dict(constructor='Two', a=dict(optimizer=dict(type='SGD'))), 'constructor, a'),
    ],
)
def test_amp_refuses_other_wrappers_in_one_sentence(wrapper, name):
    with pytest.raises(SettingError, match=f'--amp makes .*{name}') as error:
        use_amp(Config(dict(optim_wrapper=wrapper)))
    assert '\n' not in str(error.value)


def test_log_tells_the_config_without_the_rows_of_the_policy(tmp_path):
    run(toy.search_config(tmp_path / 'search', log_level='INFO'))
    found = Config.fromfile(tmp_path / 'search/ddas_policy.py').ddas_policy
    options = {'log_level': 'INFO', 'custom_hooks': [dict(type='ddas_mm.DDASHook')]}
    config = training(tmp_path / 'train', found, **options)
    run(config)
    (log,) = (tmp_path / 'train').glob('*/*.log')
    assert "policy='rows: 2'" in log.read_text()
    assert 'op_probs' not in log.read_text()
    dumped = Config.fromfile(next((tmp_path / 'train').glob('*.py')))
    step = dumped.train_dataloader.dataset.pipeline[0]
    assert step.policy.op_probs == found.op_probs  # what is kept is whole


PURE_SEARCH = """
from mmengine.dataset import DefaultSampler, default_collate
from mmengine.hooks import CheckpointHook
from mmengine.optim import OptimWrapper
from torch.optim import SGD
from ddas_mm.augment.transform import DDASAugment
from ddas_mm.hook import DDASHook
from ddas_mm.search.loop import DDASLoop
from tests.toy import ToyDataset, ToyFlip, ToyModel, ToyPack
default_scope = None
model = dict(type=ToyModel)
pipeline = [dict(type=DDASAugment), dict(type=ToyFlip), dict(type=ToyPack)]
train_dataloader = dict(
    batch_size=4, num_workers=0, collate_fn=dict(type=default_collate),
    sampler=dict(type=DefaultSampler, shuffle=True),
    dataset=dict(type=ToyDataset, pipeline=pipeline))
train_cfg = dict(
    type=DDASLoop, max_epochs=1, proxy=dict(num_train=12, num_val=8),
    space=dict(name='cifar'), policy_dataloader=dict(batch_size=4))
optim_wrapper = dict(type=OptimWrapper, optimizer=dict(type=SGD, lr=0.1))
default_hooks = dict(checkpoint=dict(type=CheckpointHook))
custom_hooks = [dict(type=DDASHook)]
log_level = 'WARNING'
"""


def test_pure_python_search_config_is_searched(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'pure.py').write_text(PURE_SEARCH)
    words = ['pure.py', '--cfg-options', 'train_cfg.num_policies=2']
    monkeypatch.setattr(sys, 'argv', ['search.py', *words])
    search.main()
    assert (tmp_path / 'work_dirs/pure/policy.json').is_file()


def test_search_starts_from_a_trained_network_at_a_fifth_of_the_rate(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'pure.py').write_text(PURE_SEARCH)
    torch.manual_seed(7)
    trained = ToyModel()
    torch.save({'state_dict': trained.state_dict()}, 'trained.pth')

    def searched(*words):
        folder = f'work_dirs/{len(words)}'
        words = ['pure.py', '--load-from', 'trained.pth', '--work-dir', folder, *words]
        monkeypatch.setattr(sys, 'argv', ['search.py', *words])
        search.main()
        found = torch.load(f'{folder}/epoch_1.pth', weights_only=False)
        return Config.fromstring(found['meta']['cfg'], '.py').optim_wrapper, found

    optim, _ = searched('--resume')  # of which there is nothing yet
    assert optim.optimizer.lr == pytest.approx(0.02)
    optim, found = searched('--cfg-options', 'optim_wrapper.optimizer.lr=1e-9')
    assert optim.optimizer.lr == 1e-9
    for name, value in trained.named_parameters():
        torch.testing.assert_close(found['state_dict'][name], value, rtol=0, atol=1e-6)


def test_search_from_a_trained_network_needs_a_rate_to_lower(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'pure.py').write_text(PURE_SEARCH.replace(', lr=0.1', ''))
    words = ['search.py', 'pure.py', '--load-from', 'trained.pth']
    monkeypatch.setattr(sys, 'argv', words)
    with pytest.raises(
        SettingError, match='--load-from lowers optim_wrapper.optimizer'
    ):
        search.main()
