"""A training follows the policy's rows in every DataLoader set-up."""

import itertools
import re

import numpy as np
import pytest
import torch

from ddas_mm.augment.progress import CLOCK
from ddas_mm.augment.replay import find_augments
from ddas_mm.cli.run import run_tool
from ddas_mm.errors import SettingError
from tests.ranks import run_ranks
from tests.replaying import (
    BATCH,
    SIZE,
    augment,
    build,
    by_epoch,
    log_of,
    pipeline_of,
    telling,
    train,
)

STEPS = SIZE // BATCH
ALTERNATING = (0.0, 1.0, 0.0, 1.0)


@pytest.fixture(autouse=True)
def _no_pause_between_passes(monkeypatch):
    """MMEngine sleeps 2 s where an iteration-based loop begins another pass."""
    monkeypatch.setattr('mmengine.runner.loops.time.sleep', lambda seconds: None)


def wrapped(name, *steps):
    data = telling(*steps)
    return {
        'plain': data,
        'repeat': dict(type='RepeatDataset', dataset=telling(*steps, size=8), times=3),
        'concat': dict(
            type='ConcatDataset', datasets=[telling(*steps, size=12) for _ in range(2)]
        ),
        'balanced': dict(type='ClassBalancedDataset', dataset=data, oversample_thr=0.1),
        'nested': telling(
            dict(
                type='RandomApply',
                prob=1.0,
                transforms=[dict(type='RandomChoice', transforms=[list(steps)])],
            )
        ),
    }[name]


@pytest.mark.parametrize(
    ('workers', 'method', 'persistent', 'wrapper', 'epochs'),
    [
        (0, None, False, 'plain', 4),
        (1, 'fork', True, 'concat', 3),
        (2, 'fork', True, 'repeat', 7),
        (2, 'fork', False, 'nested', 2),
        (3, 'fork', True, 'balanced', 4),
        (1, 'spawn', True, 'nested', 3),
        (1, 'spawn', False, 'concat', 2),
    ],
)
def test_epochs_follow_the_rows(tmp_path, workers, method, persistent, wrapper, epochs):
    model, _ = train(
        tmp_path,
        wrapped(wrapper, augment(*ALTERNATING)),
        dict(type='EpochBasedTrainLoop', max_epochs=epochs),
        workers,
        loader=dict(
            persistent_workers=persistent,
            multiprocessing_context=method,
        ),
    )
    rows = [(2 * epoch + 1) * 4 // (2 * epochs) for epoch in range(epochs)]
    augmented = by_epoch(model, epochs) > 0
    assert (augmented == [[row % 2] for row in rows]).all()


ITERATIONS = dict(type='IterBasedTrainLoop', max_iters=17, val_interval=1000)
SAMPLERS = {
    'infinite': dict(type='InfiniteSampler', shuffle=True),
    'finite': dict(type='DefaultSampler', shuffle=True),
}


@pytest.mark.parametrize(
    ('workers', 'method', 'persistent', 'sampler', 'size'),
    [
        (0, None, False, 'finite', SIZE),
        (2, 'fork', True, 'infinite', SIZE),
        (3, 'fork', False, 'finite', SIZE),
        (3, 'fork', True, 'finite', 20),  # passes of 5 mini-batches, 3 workers
        (3, 'fork', True, 'finite', 8),  # a worker without any
        (2, 'spawn', True, 'infinite', SIZE),
    ],
)
def test_iterations_follow_the_rows_in_spite_of_prefetching(
    tmp_path, workers, method, persistent, sampler, size
):
    model, _ = train(
        tmp_path,
        telling(augment(*ALTERNATING), size=size),
        ITERATIONS,
        workers,
        loader=dict(
            persistent_workers=persistent,
            multiprocessing_context=method,
            sampler=SAMPLERS[sampler],
        ),
    )
    rows = [(2 * i + 1) * 4 // (2 * 17) for i in range(17)]
    augmented = np.array(model.kinds) > 0
    assert (augmented == [[row % 2] for row in rows]).all()


def halves():
    return telling(augment(0.5, 0.5))


@pytest.mark.parametrize(('workers', 'persistent'), [(0, False), (2, True), (2, False)])
def test_same_seed_same_images_and_no_epoch_repeats_another(
    tmp_path, workers, persistent
):
    loader = dict(persistent_workers=persistent)
    first, second, other = (
        by_epoch(
            train(
                tmp_path / str(run), halves(), workers=workers, loader=loader,
                randomness=dict(seed=seed),
            )[0],
            3,
        )
        for run, seed in enumerate((3, 3, 4))
    )  # fmt: skip
    np.testing.assert_array_equal(first, second)
    for one, two in itertools.combinations([*first, *other], 2):
        assert (one != two).any()


@pytest.mark.parametrize(
    ('persistent', 'sampler'), [(True, 'infinite'), (True, 'finite'), (False, 'finite')]
)
def test_iterations_repeat_in_a_second_run_but_never_within_one(
    tmp_path, persistent, sampler
):
    loader = dict(persistent_workers=persistent, sampler=SAMPLERS[sampler])
    runs = [
        train(tmp_path / str(run), halves(), ITERATIONS, 2, loader=loader)[0].kinds
        for run in range(2)
    ]
    np.testing.assert_array_equal(runs[0], runs[1])
    passes = np.array(runs[0])[: 2 * STEPS].reshape(2, -1)
    assert (passes[0] != passes[1]).any()


def test_workers_draw_apart(tmp_path):
    model, _ = train(tmp_path, halves(), ITERATIONS, 2)
    batches = np.array(model.kinds)[:16]
    assert (batches[::2] != batches[1::2]).any()


def test_epochs_of_a_policy_without_hook_draw_apart_too(tmp_path):
    dataset = telling(augment(0.5))  # one row needs no hook
    runs = [
        by_epoch(
            train(
                tmp_path / str(run), dataset, workers=2, custom_hooks=[],
                loader=dict(persistent_workers=False),
            )[0],
            3,
        )
        for run in range(2)
    ]  # fmt: skip
    np.testing.assert_array_equal(runs[0], runs[1])
    for one, two in itertools.combinations(runs[0], 2):
        assert (one != two).any()


@pytest.mark.parametrize(
    ('train_cfg', 'persistent', 'sampler', 'checkpoint'),
    [
        (dict(type='EpochBasedTrainLoop', max_epochs=4), True, 'finite', 'epoch_2'),
        (dict(type='EpochBasedTrainLoop', max_epochs=4), False, 'finite', 'epoch_2'),
        (ITERATIONS, True, 'infinite', 'iter_7'),
        (ITERATIONS, True, 'finite', 'iter_7'),
    ],
)
def test_resumed_training_feeds_the_images_of_one_that_was_not_stopped(
    tmp_path, train_cfg, persistent, sampler, checkpoint
):
    settings = dict(
        train_cfg=train_cfg,
        workers=2,
        loader=dict(persistent_workers=persistent, sampler=SAMPLERS[sampler]),
        default_hooks=dict(
            checkpoint=dict(
                type='CheckpointHook', interval=1, by_epoch='max_epochs' in train_cfg
            )
        ),
    )
    dataset = telling(augment(0.2, 0.8, 0.5))
    whole, _ = train(tmp_path / 'whole', dataset, **settings)
    rest, _ = train(
        tmp_path / 'rest',
        dataset,
        load_from=str(tmp_path / 'whole' / f'{checkpoint}.pth'),
        resume=True,
        **settings,
    )
    assert 0 < len(rest.kinds) < len(whole.kinds)
    assert rest.kinds == whole.kinds[-len(rest.kinds) :]
    assert rest.indices == whole.indices[-len(rest.kinds) :]


def test_log_counts_the_images_of_the_last_epoch(tmp_path):
    model, log = train(tmp_path, telling(augment(0.3, 0.9)), workers=2)
    counted = re.findall(r'DDAS: (\d+) of (\d+) images augmented .*p_tp (\S+)', log)
    truth = (by_epoch(model, 3) > 0).sum(axis=1)
    assert counted == [
        (str(n), str(SIZE), p)
        for n, p in zip(truth, ('0.3000', '0.9000', '0.9000'), strict=True)
    ]
    assert log.count('uses row 1 of 2: p_tp 0.3000, top Invert 0.7500') == 1
    assert log.count('uses row 2 of 2: p_tp 0.9000') == 1


def test_log_counts_the_images_of_an_iteration_based_training(tmp_path):
    cfg = dict(type='IterBasedTrainLoop', max_iters=40, val_interval=1000)
    _, log = train(tmp_path, telling(augment(0.0, 1.0)), cfg, workers=0)
    counted = re.findall(r'DDAS: (\d+) of (\d+) images augmented .*p_tp (\S+)', log)
    assert counted == 10 * [('0', '8', '0.0000')] + 10 * [('8', '8', '1.0000')]
    assert 'iteration 21 of 40 uses row 2 of 2' in log


def test_rows_that_are_as_near_are_the_later_ones(tmp_path):
    """With twice as many rows as epochs all are; 7.5 / 11 of 22 is below 15."""
    dataset = telling(augment(*[0.0, 1.0] * 11), size=BATCH)
    model, log = train(tmp_path, dataset, dict(by_epoch=True, max_epochs=11))
    assert (by_epoch(model, 11) > 0).all()
    rows = re.findall(r'epoch (\d+) of 11 uses row (\d+) of 22', log)
    assert rows == [(str(e), str(2 * e)) for e in range(1, 12)]


def counts_of_rank(work_dir):
    CLOCK.__init__()  # forked ranks would share its memory, which ranks never do
    torch.distributed.init_process_group('gloo')
    wrapper = dict(type='MMDistributedDataParallel', device_ids=None)
    ranks = dict(launcher='pytorch', cfg=dict(model_wrapper_cfg=wrapper))
    runner = build(work_dir, telling(augment(1.0, 0.0, 0.0)), **ranks)
    runner.train()
    if runner.rank == 0:
        return re.findall(r'DDAS: (\d+) of (\d+) images augmented', log_of(runner))
    return None


@pytest.mark.dist
def test_log_counts_the_images_of_all_ranks(tmp_path):
    counted, _ = run_ranks(2, counts_of_rank, tmp_path)
    assert counted == [(str(SIZE), str(SIZE)), ('0', str(SIZE)), ('0', str(SIZE))]


def test_images_of_before_the_training_are_not_counted(tmp_path):
    dataset = Apart()
    (step,) = find_augments(dataset)
    step.counts.add(True)
    _, log = train(tmp_path, dataset, dict(by_epoch=True, max_epochs=2))
    assert f'DDAS: {SIZE} of {SIZE} images augmented' in log


def test_augmented_validation_is_told(tmp_path):
    validation = dict(
        val_dataloader=dict(
            batch_size=1,
            num_workers=0,
            sampler=dict(type='DefaultSampler', shuffle=False),
            dataset=halves(),
        ),
        val_cfg=dict(),
        val_evaluator=[],
    )
    once = dict(by_epoch=True, max_epochs=1, val_begin=2)
    _, log = train(tmp_path, halves(), once, **validation)
    assert 'pipeline of val_dataloader holds a DDASAugment' in log


def test_two_transforms_in_one_pipeline_draw_apart_and_are_counted(tmp_path):
    # Inverting twice shows as nothing done: equal draws would leave every image alone.
    step = augment(0.5, op_probs=(1.0, 0.0))
    model, log = train(tmp_path, telling(step, step), workers=2)
    assert 0.3 < (np.concatenate(model.kinds) > 0).mean() < 0.7
    assert f'of {2 * SIZE} images augmented' in log


def test_data_sets_with_policies_of_their_own_are_logged_one_by_one(tmp_path):
    dataset = dict(
        type='ConcatDataset',
        datasets=[telling(augment(0.0)), telling(augment(1.0)), telling(augment(1.0))],
    )
    _, log = train(tmp_path, dataset, workers=2)
    assert f'policy 1 of 2: 0 of {SIZE} images' in log
    assert f'policy 2 of 2: {2 * SIZE} of {2 * SIZE} images' in log


def test_hook_without_transform_in_the_running_pipeline_is_refused(tmp_path):
    elsewhere = telling(augment(0.5, 0.5))  # as in a train_pipeline nobody uses
    validation = dict(
        val_dataloader=dict(
            batch_size=1,
            num_workers=0,
            sampler=dict(type='DefaultSampler', shuffle=False),
            dataset=elsewhere,
        ),
        val_cfg=dict(),
        val_evaluator=[],
    )
    with pytest.raises(SettingError, match='no DDASAugment .* running pipeline'):
        build(tmp_path, telling(), **validation).train()


def test_transform_without_policy_is_refused_at_start(tmp_path):
    dataset = telling(dict(type='ddas_mm.DDASAugment'))
    with pytest.raises(SettingError, match='DDASAugment in train.* has no policy'):
        build(tmp_path, dataset).train()


def test_rows_without_hook_are_refused_in_one_sentence(tmp_path, capsys):
    runner = build(tmp_path, telling(augment(0.5, 0.5)), workers=1, custom_hooks=[])
    with pytest.raises(SystemExit):
        run_tool(runner.train)
    (line,) = re.findall('.*error: .*', capsys.readouterr().err)
    assert re.search('2 rows, but nothing .*DDASHook', line)
    assert 'Traceback' not in line


def test_a_second_training_without_hook_is_not_driven_by_the_first(tmp_path):
    train(tmp_path / 'first', halves())
    assert not CLOCK.is_set
    with pytest.raises(SettingError, match='DDASHook'):
        train(tmp_path / 'second', halves(), custom_hooks=[])


class Apart(torch.utils.data.Dataset):
    """A data set that MMEngine has never seen, with its transform in a closure."""

    def __init__(self):
        from mmengine.registry import TRANSFORMS

        steps = [TRANSFORMS.build(s) for s in pipeline_of(augment(1.0, 0.0))]

        def apply(results):
            return steps[1](steps[0](results))

        self.apply = apply

    def __len__(self):
        return SIZE

    def __getitem__(self, index):
        image = np.uint8([[[0] * 3], [[10] * 3]])
        return self.apply({'img': image, 'sample_idx': index})


def test_transform_is_found_where_nothing_of_mm_holds_it(tmp_path):
    model, _ = train(
        tmp_path, Apart(), dict(type='EpochBasedTrainLoop', max_epochs=2), 2
    )
    assert (by_epoch(model, 2) > 0).all(axis=1).tolist() == [True, False]


def switching(hook):
    after = pipeline_of(augment(0.0, 1.0, 1.0))
    return {
        'mmdet': dict(
            type='mmdet.PipelineSwitchHook', switch_epoch=1, switch_pipeline=after
        ),
        'mmpretrain': dict(
            type='mmpretrain.SwitchRecipeHook',
            schedule=[dict(action_epoch=2, train_pipeline=after)],
        ),
    }[hook]


@pytest.mark.parametrize('hook', ['mmdet', 'mmpretrain'])
@pytest.mark.parametrize('ours_first', [True, False])
def test_policy_follows_a_switch_of_pipelines(tmp_path, hook, ours_first):
    hooks = [dict(type='ddas_mm.DDASHook'), switching(hook)]
    model, log = train(
        tmp_path,
        telling(augment(1.0, 1.0, 0.0)),
        workers=2,
        custom_hooks=hooks if ours_first else hooks[::-1],
    )
    assert (by_epoch(model, 3) > 0).all(axis=1).tolist() == [True, True, True]
    assert log.count(f'{SIZE} of {SIZE} images augmented') == 3
    assert 'epoch 2 of 3 uses row 2 of 3: p_tp 1.0000' in log


def test_switch_to_a_pipeline_without_policy_is_told(tmp_path):
    hook = switching('mmdet')
    hook['switch_pipeline'] = pipeline_of()
    model, log = train(
        tmp_path,
        telling(augment(1.0)),
        workers=2,
        custom_hooks=[dict(type='ddas_mm.DDASHook'), hook],
    )
    assert (by_epoch(model, 3) > 0).all(axis=1).tolist() == [True, False, False]
    assert log.count('from epoch 2 on no image is augmented') == 1


def test_images_that_never_reach_the_transform_are_told(tmp_path):
    never = dict(type='RandomApply', prob=0.0, transforms=[augment(1.0)])
    runner = build(tmp_path, telling(never))
    runner.train()
    assert 'no image came through DDASAugment' in log_of(runner)
