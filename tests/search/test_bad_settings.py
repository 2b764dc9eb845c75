"""Wrong settings of a search: each ends at start, in one sentence that names it."""

import re

import pytest

from ddas_mm.cli.run import run
from tests import toy
from tests.told import REMOVED, change, told

NAN, INF = float('nan'), float('inf')
LOOP, SPACE, PROXY = 'train_cfg', 'train_cfg.space', 'train_cfg.proxy'
LOADER, VAL, OPTIM = 'train_dataloader', 'train_cfg.policy_dataloader', 'optim_wrapper'
CONSTANTS = f'{SPACE}.constants'
SGD = f'{OPTIM}.optimizer'
AUGMENT = f'{LOADER}.dataset.pipeline.0'
HOOK, SAVING = 'custom_hooks.0', 'default_hooks.checkpoint'

# (setting, value, what is told)
WRONG = [
    # keys that are not known, in every section
    (f'{LOOP}.num_polices', 3, "DDASLoop .*'num_polices'; did you mean 'num_policies'"),
    (f'{LOOP}.magic', 1, "DDASLoop has the unknown key 'magic'; known are"),
    (f'{LOOP}.space', REMOVED, "DDASLoop: missing a required argument: 'space'"),
    (f'{LOOP}.max_epochs', REMOVED, "DDASLoop: missing .*'max_epochs'"),
    (f'{SPACE}.magnitude', 3, "train_cfg.space has the unknown key 'magnitude'"),
    (f'{SPACE}.level', [6], "unknown key 'level'; did you mean 'levels'"),
    (CONSTANTS, {'padding': 1}, "train_cfg.space.constants .*'padding'"),
    (CONSTANTS, {'fil': 1}, "unknown key 'fil'; did you mean 'fill'"),
    (f'{PROXY}.train', 5, "train_cfg.proxy has the unknown key 'train'"),
    (f'{PROXY}.num_vals', 5, "'num_vals'; did you mean 'num_val'"),
    (
        f'{VAL}.batchsize',
        4,
        ".*'batchsize'; did you mean 'batch_size'",
    ),
    (f'{LOADER}.num_worker', 0, "train_dataloader .*; did you mean 'num_workers'"),
    ('custom_hooks', [], 'ddas_mm.DDASHook.*without it no policy would be written'),
    ('custom_hooks', [{'type': 'EMAHook'}], 'without it no policy would be written'),
    (f'{HOOK}.smoth', 2, "DDASHook .*'smoth'; did you mean 'smooth'"),
    (f'{AUGMENT}.polcy', None, "DDASAugment .*'polcy'; did you mean 'policy'"),
    ('randomness.sed', 1, "randomness .*'sed'; did you mean 'seed'"),
    ('model.norms', True, 'ToyModel cannot be built .*norms'),
    (f'{SGD}.learning_rate', 1, 'SGD cannot be built .*learning_rate'),
    (f'{OPTIM}.clip', 1, 'OptimWrapper cannot be built .*clip'),
    (f'{LOADER}.dataset.root', 'x', "train_dataloader.dataset .*'root'"),
    (f'{LOADER}.sampler.shuffled', True, "train_dataloader.sampler .*'shuffled'"),
    (
        'default_hooks.logger',
        {'type': 'LoggerHook', 'every': 5},
        'LoggerHook cannot be built .*every',
    ),
    (
        SAVING,
        {'type': 'CheckpointHook', 'intervall': 1},
        "checkpoint .*'intervall'; did you mean 'interval'",
    ),
    (
        'param_scheduler',
        [{'type': 'MultiStepLR', 'milestone': [1]}],
        'MultiStepLR cannot be built .*milestone',
    ),
    ('model.data_preprocessor', {'size': 3}, 'ToyModel cannot be .*data_preprocessor'),
    # types that are not registered
    ('model.type', 'ToyModl', 'ToyModl cannot be built .*not in the'),
    (f'{LOOP}.type', 'ddas_mm.DDASLop', 'ddas_mm.DDASLop cannot be built'),
    (f'{HOOK}.type', 'ddas_mm.DDASHok', 'ddas_mm.DDASHok cannot be built'),
    (f'{AUGMENT}.type', 'ddas_mm.Augment', 'ddas_mm.Augment is not in the'),
    (f'{LOADER}.dataset.type', 'ToySet', 'train_dataloader.dataset .*ToySet is not'),
    (
        f'{LOADER}.sampler.type',
        'Sampler5',
        'dataloader.sampler .*Sampler5 is not',
    ),
    (f'{LOADER}.batch_sampler', {'type': 'B'}, 'train_dataloader.batch_sampler .*B is'),
    (f'{SGD}.type', 'SDG', "optim_wrapper.optimizer.type 'SDG' is not"),
    # the loop's numbers
    (f'{LOOP}.num_policies', 0, 'train_cfg.num_policies must be int >= 1, but is 0'),
    (f'{LOOP}.num_policies', 2.5, 'train_cfg.num_policies must be int, but is 2.5'),
    (f'{LOOP}.num_policies', True, 'train_cfg.num_policies must be int, but is True'),
    (f'{LOOP}.max_epochs', 0, 'train_cfg.max_epochs.*but is 0'),
    (f'{LOOP}.max_epochs', '2', "train_cfg.max_epochs.*but is '2'"),
    (f'{LOOP}.max_skipped', -1, 'train_cfg.max_skipped.*but is -1'),
    (f'{LOOP}.total_prob', 1.0, 'train_cfg.total_prob must be float < 1.0, but is 1.0'),
    (f'{LOOP}.total_prob', 0, 'train_cfg.total_prob must be float > 0.0, but is 0'),
    (f'{LOOP}.total_prob', NAN, 'train_cfg.total_prob .*but is nan'),
    (f'{LOOP}.total_prob', 'half', "total_prob.*but is 'half'"),
    (f'{LOOP}.op_lr', -1, 'train_cfg.op_lr.*but is -1'),
    (f'{LOOP}.op_lr', NAN, 'op_lr.*but is nan'),
    (f'{LOOP}.op_lr', '1e-3', "op_lr.*but is '1e-3'"),
    (f'{LOOP}.total_lr', INF, 'train_cfg.total_lr must be finite, but is inf'),
    (f'{LOOP}.betas', 0.5, 'train_cfg.betas must be list, but is 0.5'),
    (f'{LOOP}.betas', (0.5,), r'train_cfg.betas must be list of length 2, .*\(0.5,\)'),
    (f'{LOOP}.betas', (0.5, 1.0), r'train_cfg.betas\[1\] must be float < 1.0'),
    (f'{LOOP}.amp', 'yes', "train_cfg.amp must be bool, but is 'yes'"),
    (f'{LOOP}.paired', 1, 'train_cfg.paired must be bool, but is 1'),
    # the space
    (SPACE, 'coco', "train_cfg.space must be a dict, but is 'coco'"),
    (SPACE, {'name': 'cifer'}, "space.name must be .*'cifer'"),
    (SPACE, {'name': ['cifar']}, "space.name must be .*'cifar'"),
    (SPACE, {}, "train_cfg.space needs 'table', or a name"),
    (f'{SPACE}.depth', 0, r'depth \(N_o\).*but is 0'),
    (f'{SPACE}.depth', '2', r"depth \(N_o\).*but is '2'"),
    (f'{SPACE}.table', 'audio', "train_cfg.space.*'audio'"),
    (f'{SPACE}.table', 5, 'train_cfg.space.*5'),
    (f'{SPACE}.ops', [], 'train_cfg.space: there is no candidate operation'),
    (f'{SPACE}.ops', 'Invert', "train_cfg.space.*ops must be a list.*'Invert'"),
    (f'{SPACE}.ops', ['Invert', 'Blurr'], "train_cfg.space.*'Blurr'"),
    (f'{SPACE}.ops', ['Invert', 'Invert'], 'train_cfg.space.*Invert'),
    (f'{SPACE}.ops', ['Rotate_BBox'], "train_cfg.space.*'Rotate_BBox'"),
    (f'{SPACE}.levels', [-2], 'train_cfg.space.*-2'),
    (f'{SPACE}.levels', [NAN], 'train_cfg.space.*nan'),
    (f'{SPACE}.levels', ['six'], "train_cfg.space.*'six'"),
    (f'{SPACE}.levels', 6, 'train_cfg.space.*levels must be a list.*6'),
    (f'{SPACE}.levels', [], 'train_cfg.space.*levels'),
    (CONSTANTS, [1], 'train_cfg.space.constants must be a dict'),
    (CONSTANTS, {'fill': 256}, 'train_cfg.space.*fill.*256'),
    (CONSTANTS, {'fill': NAN}, 'train_cfg.space.*fill.*nan'),
    (CONSTANTS, {'channel_order': 'bgra'}, "channel_order.*'bgra'"),
    (CONSTANTS, {'reference_side': -1}, 'reference_side.*-1'),
    (CONSTANTS, {'reference_side': 'all'}, "reference_side.*'all'|train_cfg.space"),
    # which images
    (PROXY, 100, 'train_cfg.proxy must be a dict, but is 100'),
    (f'{PROXY}.num_train', 20, 'num_train=20 and num_val=8.*has 24'),
    (f'{PROXY}.num_train', '12', "proxy.num_train.*but is '12'"),
    (f'{PROXY}.num_val', 0, 'proxy.num_val.*but is 0'),
    (f'{PROXY}.num_val', NAN, 'proxy.num_val.*but is nan'),
    (f'{PROXY}.seed', -1, 'proxy.seed.*but is -1'),
    (f'{PROXY}.seed', None, 'proxy.seed.*but is None'),
    (PROXY, {'split_file': 'no/split.json'}, "split_file 'no/split.json' cannot be"),
    (PROXY, {'num_classes': 2}, 'train_cfg.proxy needs .* together'),
    (f'{LOADER}.dataset.size', 0, 'train_dataloader.dataset holds no image'),
    (
        f'{LOADER}.dataset',
        REMOVED,
        'train_dataloader.dataset must be dict, but is None',
    ),
    (
        f'{LOADER}.dataset',
        'coco',
        "train_dataloader.dataset must be dict, but is 'coco'",
    ),
    (f'{VAL}.dataset', {'size': 20}, 'overlaps S_train'),
    (f'{VAL}.dataset', {'size': 0, 'seed': 7}, 'policy_dataloader.dataset holds no'),
    # data loaders
    (f'{LOADER}.batch_size', 0, 'train_dataloader.batch_size.*but is 0'),
    (f'{LOADER}.batch_size', -1, 'train_dataloader.batch_size.*but is -1'),
    (f'{LOADER}.batch_size', '4', "train_dataloader.batch_size.*but is '4'"),
    (f'{LOADER}.batch_size', REMOVED, 'train_dataloader.batch_size.*but is None'),
    (f'{LOADER}.num_workers', -1, 'train_dataloader.num_workers.*but is -1'),
    (f'{LOADER}.num_workers', 'two', "train_dataloader.num_workers.*but is 'two'"),
    (f'{LOADER}.collate_fn', 'pad', "collate_fn must be a dict.*'pad'"),
    (f'{LOADER}.collate_fn', {'type': 'pad'}, "collate_fn.type 'pad' is not a known"),
    (f'{LOADER}.collate_fn', {}, "collate_fn must be a dict with 'type'"),
    (
        f'{LOADER}.sampler',
        'DefaultSampler',
        "dataloader.sampler 'DefaultSampler'",
    ),
    (
        f'{LOADER}.sampler',
        {'type': 'InfiniteSampler'},
        'Infinite.* knows no epochs',
    ),
    (f'{LOADER}.dataset.pipeline', [{'type': 'ToyPack'}], 'DDASAugment.*holds 0'),
    (VAL, [4], r'train_cfg.policy_dataloader must be a dict, but is \[4\]'),
    (f'{VAL}.batch_size', 9, 'S_val has 8 images.*policy_dataloader.batch_size=9'),
    (f'{VAL}.batch_size', 0, 'policy_dataloader.batch_size.*but is 0'),
    # the network's update
    (SGD, {'type': 'Adagrad', 'lr': 0.1}, "type must be one of .*SGD.*'Adagrad'"),
    (f'{SGD}.lr', NAN, 'optim_wrapper.optimizer.lr.*nan'),
    (f'{SGD}.lr', -0.1, 'SGD cannot be built .*-0.1'),
    (f'{SGD}.dampening', 0.5, 'optimizer.dampening must be 0'),
    (f'{SGD}.maximize', True, 'optimizer.maximize must be False'),
    (
        f'{OPTIM}.type',
        'AmpOptimWrapper',
        "'AmpOptimWrapper'.*--amp",
    ),
    (f'{OPTIM}.accumulative_counts', 2, 'accumulative_counts must be 1.*but is 2'),
    (f'{OPTIM}.clip_grad', {'max_norm': 1, 'norm_type': 1}, 'norm_type must be 2'),
    ('param_scheduler', [{'type': 'StepLr'}], 'StepLr cannot be built'),
    ('compile', True, 'compile must be unset'),
    # hooks, seed
    (f'{HOOK}.smooth', 0, 'DDASHook.smooth must be int >= 1, but is 0'),
    (f'{HOOK}.smooth', NAN, 'DDASHook.smooth must be int, but is nan'),
    (
        f'{HOOK}.image_interval',
        -1,
        'DDASHook.image_interval must be int >= 0, but is -1',
    ),
    (f'{HOOK}.retrain', 'nowhere.py', "DDASHook.retrain 'nowhere.py' does not exist"),
    (f'{HOOK}.retrain', 5, r'DDASHook.retrain must be str \| None, but is 5'),
    (SAVING, {'type': 'CheckpointHook', 'by_epoch': False}, 'by_epoch'),
    (SAVING, {'type': 'CheckpointHook', 'max_keep_ckpts': 1}, 'max_keep'),
    ('randomness.seed', -1, 'randomness.seed.*but is -1'),
    ('randomness.seed', 'x', "randomness.seed.*but is 'x'"),
    ('randomness', 3, 'randomness must be a dict, but is 3'),
]

TRAINING = [
    ('optim_wrapper.optimizer.type', 'SDG', "optimizer.type 'SDG' is not a known"),
    ('optim_wrapper.type', 'SDG', 'SDG cannot be built from the config'),
    ('optim_wrapper.optimizer.rate', 1, 'SGD cannot be built .*rate'),
    ('param_scheduler', [{'type': 'StepLr'}], 'StepLr cannot be built'),
    ('model.type', 'ToyModl', 'ToyModl cannot be built'),
    ('train_cfg', {'type': 'Loop', 'max_epochs': 1}, 'Loop cannot be built'),
    ('custom_hooks', [{'type': 'Hok'}], 'Hok cannot be built'),
    (f'{AUGMENT}.polcy', 1, "DDASAugment .*'polcy'; did you mean 'policy'"),
]


@pytest.mark.parametrize(('setting', 'value', 'message'), TRAINING)
def test_wrong_setting_of_a_training_ends_it_by_name(
    tmp_path, capsys, monkeypatch, setting, value, message
):
    work = tmp_path / 'work'
    config = toy.search_config(work)
    config.train_cfg = dict(by_epoch=True, max_epochs=1)
    config.custom_hooks = []
    policy = dict(space=dict(name='sanity'), total_prob=0.5)
    config.train_dataloader.dataset.pipeline[0].policy = policy
    change(config, {setting: value})
    sentence = told(lambda: run(config), capsys, monkeypatch)
    assert re.search(message, sentence), sentence
    assert not work.exists()


@pytest.mark.parametrize(
    ('setting', 'value', 'message'),
    WRONG,
    ids=[f'{key}={"-" if value is REMOVED else value}' for key, value, _ in WRONG],
)
def test_wrong_setting_ends_at_start_by_name(
    tmp_path, capsys, monkeypatch, setting, value, message
):

    work = tmp_path / 'work'
    config = toy.search_config(work)
    change(config, {setting: value})
    sentence = told(lambda: run(config), capsys, monkeypatch)
    assert re.search(message, sentence), sentence
    assert not work.exists()  # nothing is left of a search that did not start
