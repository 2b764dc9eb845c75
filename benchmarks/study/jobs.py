"""What the study runs: a list of small jobs for each of its parts.

Jobs stand seed by seed, so that an early stop leaves a fair table. Nothing in here is
chosen by a figure of test images.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any

SHIFTS = {  # name -> the candidate that undoes it, as nearly as one does
    'quarter turn': ('Rotate90', None),
    'upside down': ('FlipUD', None),
    'inverted': ('Invert', None),
    'dark': ('Brightness', 2),
    'low contrast': ('Contrast', 2),
    'blurred': ('Blur', None),
    'tilted': ('Rotate', 6),
    'mirror': ('FlipLR', None),
}
CAMERAS = {  # of the digits: as SHIFTS, of dataset_converters/digits.py
    'dark': ('Brightness', 2),
    'upside-down': ('FlipUD_BBox', None),
    'blurred': ('Sharpness', 2),
    'mirrored': ('FlipLR_BBox', None),
    'low-contrast': ('Contrast', 2),
    'sideways': ('Rotate90_BBox', None),
}
ALL_OPS = (
    *('AutoContrast', 'Equalize', 'Invert', 'Blur', 'Smooth', 'FlipLR', 'FlipUD'),
    *('Rotate90', 'Rotate', 'ShearX', 'ShearY', 'TranslateX', 'TranslateY'),
    *('Posterize', 'Solarize', 'Color', 'Contrast', 'Brightness', 'Sharpness'),
    'Cutout',
)
LEVELLED = ALL_OPS[8:]
EMITTED = ('learned', 'without_harmful', 'helpful')


@dataclass(frozen=True)
class Job:
    """One search, training or measurement.

    Attributes:
        name: Its key in the results.
        part: The file of its result.
        kind: ``search``, ``train`` or ``rank``; of detection with ``digits_`` or
            ``cells_`` before it.
        seed: Seed of all its randomness.
        tags: What a table groups it by.
        setup: What it is done with; see ``work.py`` and ``detection_work.py``.
        needs: Names of jobs that must be done before.
    """

    name: str
    part: str
    kind: str
    seed: int
    tags: dict[str, Any]
    setup: dict[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()


def uniform(total_prob: float, **space: Any) -> dict[str, Any]:
    """Return a policy that prefers nothing."""
    return {'space': space, 'total_prob': total_prob}


def found(search: str, emit: str = 'learned', **how: Any) -> dict[str, Any]:
    """Return a reference to what a search finds."""
    return {'search': search, 'emit': emit, **how}


def _job(part: str, kind: str, seed: int, needs: Any, setup: Any, **tags: Any) -> Job:
    words = [re.sub(r'[^\w.]+', '-', str(value)) for value in tags.values()]
    name = '_'.join([part, *words, f'seed{seed}'])
    return Job(name, part, kind, seed, tags, setup, tuple(needs))


def in_domain(scale: float, count: int = 4000, part: str = 'B') -> Iterator[Job]:
    """Part B: little data, the same camera."""
    common = {
        'network': 'wrn16-2',
        'batch': 128,
        'steps': int(1560 * scale),
        'parts': [{'start': 0, 'count': count}],
    }
    cifar = {'name': 'cifar', 'depth': 2}
    free = {
        'none': (None, ''),
        'crop + flip': (None, 'crop+flip'),
        'RandAugment': ('RandAugment', 'crop+flip'),
        'TrivialAugment-Wide': ('TrivialAugmentWide', 'crop+flip'),
        'uniform': (uniform(0.35, **cifar), 'crop+flip'),
    }
    searches = {}
    for seed in range(3):
        val = count // 3
        setup = {
            **common,
            'base': 'crop+flip',
            'space': cifar,
            'batch': 32,
            'steps': int(1680 * scale),
            'loaders': 1,
            'total_prob': 0.35,
            'op_lr': 0.01,
            'proxy': {'num_train': count - val, 'num_val': val, 'seed': seed},
        }
        search = _job(part, 'search', seed, (), setup, method='search')
        searches[seed] = search.name
        yield search
    for seed in range(5):
        for method, (policy, base) in free.items():
            setup = {**common, 'base': base, 'policy': policy}
            yield _job(part, 'train', seed, (), setup, method=method)
        if seed > 2:
            continue
        for number, name in searches.items():
            ways = {f'DDAS {emit}': found(name, emit) for emit in EMITTED}
            ways['uniform, learned p_tp'] = found(name, equal=True)
            for method, policy in ways.items():
                setup = {**common, 'base': 'crop+flip', 'policy': policy}
                yield _job(
                    part, 'train', seed, [name], setup, method=method, search=number
                )


PAPER_OPS = (  # of the space ``cifar``; Identity is no augmentation
    *('Rotate', 'Posterize', 'Sharpness', 'TranslateX', 'TranslateY', 'AutoContrast'),
    *('Solarize', 'Equalize', 'Brightness', 'Color', 'Smooth', 'Blur', 'Contrast'),
    *('ShearX', 'ShearY', 'Invert', 'FlipUD'),
)


def tried(scale: float, count: int = 4000) -> Iterator[Job]:
    """Part T: as part B, with the operations that short fine-tunings found to help.

    A network is trained on two thirds of the images, and then a little longer with each
    operation; what accuracy it gains on the other third decides. All trained together
    that comes to about one and a half of the trainings of the table.
    """
    common = {'network': 'wrn16-2', 'base': 'crop+flip'}
    cifar = {'table': 'classification', 'levels': (2, 6, 10, 14)}
    third = count // 3
    for seed in range(3):
        val = {'start': seed * third, 'count': third}
        rest = [
            {'start': start, 'count': end - start}
            for start, end in ((0, seed * third), ((seed + 1) * third, count))
            if end > start
        ]
        setup = {**common, 'parts': rest, 'batch': 128, 'steps': int(1040 * scale)}
        setup |= {'policy': None, 'save': True}
        setup['test'] = {**val, 'split': 'train'}
        start = _job('T', 'train', seed, (), setup, what='checkpoint')
        yield start
        trials: dict[str, list[str]] = {}
        for repeat, op in product(range(2), ('none', *PAPER_OPS)):
            policy = None if op == 'none' else uniform(0.5, **cifar, ops=(op,), depth=1)
            tuning = {**setup, 'batch': 64, 'steps': int(100 * scale), 'lr': 0.02}
            tuning |= {'policy': policy, 'load': start.name, 'save': False}
            tags = {'what': 'fine-tuning', 'op': op, 'repeat': repeat}
            trial = _job('T', 'train', 10 * seed + repeat, [start.name], tuning, **tags)
            trials.setdefault(op, []).append(trial.name)
            yield trial
        for method, policy in {
            'tried, p_tp 0.35': {'picked': trials, 'total_prob': 0.35},
            'tried, p_tp 0.7': {'picked': trials, 'total_prob': 0.7},
            'uniform, p_tp 0.7': uniform(0.7, name='cifar', depth=2),
        }.items():
            setup = {**common, 'parts': [{'start': 0, 'count': count}], 'batch': 128}
            setup |= {'steps': int(1560 * scale), 'policy': policy}
            if 'picked' in policy:
                policy['space'] = {**cifar, 'depth': 2}
            needs = [
                name for names in policy.get('picked', {}).values() for name in names
            ]
            yield _job('T', 'train', seed, needs, setup, method=method)


def shift_bench(scale: float, sizes: tuple[int, ...] = (24, 300)) -> Iterator[Job]:
    """Part C on CIFAR-10: a camera that sees the world differently."""
    train = {'start': 0, 'count': 4000}
    common = {
        'network': 'wrn10-2',
        'batch': 128,
        'steps': int(780 * scale),
        'base': 'crop',
    }
    space = {'table': 'classification', 'levels': (2, 6), 'depth': 1}
    space['ops'] = ('Identity', *ALL_OPS)
    own = {
        'none': None,
        'TA, own operations': uniform(1.0, **space),
        'RA, own operations': uniform(1.0, **{**space, 'levels': (6,), 'depth': 2}),
        'uniform': uniform(0.75, **space),
    }
    for seed, size in product(range(3), sizes):
        if size == sizes[0]:
            for method, policy in own.items():  # one network, tested by all cameras
                setup = {**common, 'parts': [train], 'policy': policy}
                setup['test'] = {'shift': list(SHIFTS)}
                tags = {'shift': 'all', 'method': method, 'images': 0}
                yield _job('C', 'train', seed, (), setup, **tags)
        for shift, (op, level) in SHIFTS.items():
            yield from _one_shift(common, space, seed, size, shift, scale)
            levels = () if level is None else (level,)
            alone = uniform(0.75, **{**space, 'ops': (op,), 'levels': levels})
            if size == sizes[0]:
                setup = {**common, 'parts': [train], 'policy': alone}
                setup['test'] = {'shift': shift}
                tags = {'shift': shift, 'method': 'planted alone', 'images': 0}
                yield _job('C', 'train', seed, (), setup, **tags)


def _one_shift(
    common: Any, space: Any, seed: int, size: int, shift: str, scale: float
) -> Iterator[Job]:
    train = {'start': 0, 'count': 4000}
    val = {'start': 10000 + 1000 * seed, 'count': size, 'shift': shift}
    setup = {
        **common,
        'parts': [train],
        'val': [val],
        'space': space,
        'batch': 64,
        'steps': int(620 * scale),
        'total_prob': 0.75,
        'op_lr': 0.02,
    }
    tags = {'shift': shift, 'images': size}
    search = _job('C', 'search', seed, (), setup, method='search', **tags)
    yield search
    # as often as a fifth of all, which is what a critic would do
    both = [train, *[val] * max(1000 // size, 1)]
    learned = found(search.name)
    ways = {
        'trained on them': ((), None, both),
        'DDAS learned': ([search.name], learned, [train]),
        'DDAS learned, trained on them': ([search.name], learned, both),
    }
    for emit in EMITTED[1:]:
        ways[f'DDAS {emit}'] = ([search.name], found(search.name, emit), [train])
    for method, (needs, policy, parts) in ways.items():
        setup = {**common, 'parts': parts, 'policy': policy, 'test': {'shift': shift}}
        yield _job('C', 'train', seed, needs, setup, method=method, **tags)


NETWORKS = {  # of part D: the network, its images, steps
    'D1': ('wrn10-2', {'start': 20000, 'count': 2000}, 1250),
    'D2': ('resnet18-16', {'start': 30000, 'count': 4000}, 1880),
}


def ranking(scale: float, part: str) -> Iterator[Job]:
    """Part D: does a ranking predict what an operation is worth?

    The truth is what a training gains by an operation alone, on test images; the
    instruments see S_val, other images of the training set.
    """
    network, train, steps = NETWORKS[part]
    val = {'start': train['start'] + train['count'], 'count': 2000}
    common = {'network': network, 'parts': [train], 'batch': 64, 'base': ''}
    space = {'table': 'classification', 'ops': ALL_OPS, 'levels': (8,), 'depth': 1}
    trials: dict[str, list[str]] = {}
    for seed in range(3):
        plain = None
        for op in (None, *ALL_OPS):
            levels = (8,) if op in LEVELLED else ()
            policy = op and uniform(0.5, **{**space, 'ops': (op,), 'levels': levels})
            setup = {**common, 'policy': policy, 'steps': int(steps * scale)}
            if op is None:
                setup['save'] = True
            truth = _job(part, 'train', seed, (), setup, what='truth', op=op or 'none')
            plain = plain or truth.name
            yield truth
            if op is None and seed < 2:
                searching = {'space': space, 'val': [val], 'total_prob': 0.35}
                searching |= {'op_lr': 0.01, **common}
                setup = {**searching, 'steps': int(steps * scale)}
                yield _job(part, 'search', seed, (), setup, what='search cold')
                setup = {**searching, 'steps': int(620 * scale), 'lr': 0.02}
                setup['load'] = plain
                yield _job(part, 'search', seed, [plain], setup, what='search warm')
                # named after the statistics of BatchNorm: there were others once
                yield _job(part, 'rank', seed, [plain], setup, what='batch')
        # short ones together take as long as one training
        lengths = {'fine-tuning, short': steps // 20, 'fine-tuning': 250}
        for what, op in product(lengths, (None, *ALL_OPS)) if seed < 2 else ():
            levels = (8,) if op in LEVELLED else ()
            policy = op and uniform(0.5, **{**space, 'ops': (op,), 'levels': levels})
            setup = {**common, 'policy': policy, 'steps': int(lengths[what] * scale)}
            setup |= {'load': plain, 'lr': 0.02, 'test': {**val, 'split': 'train'}}
            setup['settle'] = True  # a second measurement, since D3
            tuned = _job(
                part, 'train', seed, [plain], setup, what=what, op=op or 'none'
            )
            if what == 'fine-tuning':
                trials.setdefault(op or 'none', []).append(tuned.name)
            yield tuned
    levels = {'table': 'classification', 'levels': (8,)}
    first = {'picked': trials, 'first': 4, 'total_prob': 0.75}
    first['space'] = {**levels, 'depth': 1}
    needs = [name for names in trials.values() for name in names]
    for seed in range(3):
        for what, policy in {
            'first four of fine-tuning': first,
            'all operations': uniform(0.75, **levels, ops=ALL_OPS, depth=1),
        }.items():
            setup = {**common, 'policy': policy, 'steps': int(steps * scale)}
            before = needs if 'picked' in policy else ()
            yield _job(part, 'train', seed, before, setup, what='together', op=what)


def paper_search(scale: float) -> Iterator[Job]:
    """Part A: the paper's search at the paper's size."""
    setup = {
        'network': 'wrn40-2',
        'batch': 32,
        'base': 'crop+flip+cutout',
        'space': {'name': 'cifar', 'depth': 2},
        'steps': int(20 * 156 * scale),
        'lr': 0.05,
        'total_prob': 0.35,
        'op_lr': 0.005,
        'parts': [{'start': 0, 'count': 50000}],
        'proxy': {'num_train': 5000, 'num_val': 5000, 'seed': 0},
        'amp': True,
        'loaders': 3,
    }
    yield _job('A', 'search', 0, (), setup, method='search')


def new_camera(scale: float) -> Iterator[Job]:
    """Part S: the digits' sideways camera, over the number of its labelled images."""
    steps = int(2250 * scale)
    for size in (24, 300, 8, 100):
        for seed in range(3):
            if size == 24:
                setup = {'steps': steps, 'policy': None}
                yield _job('S', 'digits_train', seed, (), setup, method='neither')
            setup = {'steps': 400, 'images': size}
            tags = {'images': size}
            search = _job(
                'S', 'digits_search', seed, (), setup, method='search', **tags
            )
            yield search
            with_policy = [search.name], found(search.name)
            ways = {
                'trained on them': ((), None, 1),
                'trained on them, often': ((), None, max(200 // size, 1)),
                'policy': (*with_policy, 0),
                'both': (*with_policy, 1),
            }
            if size >= 200:
                del ways['trained on them, often']  # they are
            for method, (needs, policy, times) in ways.items():
                setup = {'steps': steps, 'images': size, 'policy': policy}
                setup['times'] = times  # that each of them is among the 600 others
                yield _job(
                    'S', 'digits_train', seed, needs, setup, method=method, **tags
                )


def cameras(scale: float) -> Iterator[Job]:
    """Part CD: as part C on digits, other ones than those of part S."""
    steps = int(2250 * scale)
    space = {
        'table': 'detection',
        'ops': (
            *('Identity', 'Rotate90_BBox', 'FlipLR_BBox', 'FlipUD_BBox', 'Rotate_BBox'),
            *('ShearX_BBox', 'ShearY_BBox', 'TranslateX_BBox', 'TranslateY_BBox'),
            *('AutoContrast', 'Equalize', 'Invert', 'Posterize', 'Solarize', 'Color'),
            *('Contrast', 'Brightness', 'Sharpness'),
        ),
        'levels': (2, 6),
        'depth': 1,
        'constants': {'translate_const': 40},  # pixels, of images of 128 x 128
    }
    for seed in range(3):
        for method, policy in {'none': None, 'uniform': uniform(0.75, **space)}.items():
            # one network, tested by all cameras; training images are the same ones
            setup = {'camera': 'sideways', 'steps': steps, 'policy': policy}
            setup['test'] = list(CAMERAS)
            tags = {'shift': 'all', 'method': method, 'images': 0}
            yield _job('CD', 'digits_train', seed, (), setup, **tags)
        for camera, (op, level) in CAMERAS.items():
            common = {'camera': camera, 'images': 24, 'steps': steps}
            tags = {'shift': camera, 'images': 24}
            ways: dict[str, tuple[Any, Any, int]] = {}
            # the long ones were added when the short one had missed a camera, and the
            # slow one when the long one had fallen for a candidate by chance
            for length, (epochs, op_lr) in {
                '': (8, 0.05),
                ', long': (24, 0.05),
                ', long and slow': (24, 0.05 / 3),
            }.items():
                setup = {**common, 'steps': 50 * epochs, 'space': space}
                setup |= {'epochs': epochs, 'op_lr': op_lr}
                method = f'search{length}'
                search = _job(
                    'CD', 'digits_search', seed, (), setup, method=method, **tags
                )
                name = search.name
                ways[f'DDAS learned{length}'] = [name], found(name), 0
                yield search
            levels = () if level is None else (level,)
            alone = uniform(0.75, **{**space, 'ops': (op,), 'levels': levels})
            ways['trained on them'] = (), None, 8  # a quarter of all
            ways['planted alone'] = (), alone, 0
            for method, (needs, policy, times) in ways.items():
                setup = {**common, 'policy': policy, 'times': times}
                each = {**tags, 'method': method}
                if method == 'planted alone':
                    each['images'] = 0
                yield _job('CD', 'digits_train', seed, needs, setup, **each)


# Zoph et al.'s are for 640 x 480 pixels, images here have a quarter of the width
LENGTHS = {'translate_const': 62, 'translate_bbox_const': 30}
LENGTHS |= {'cutout_const': 25, 'cutout_bbox_const': 12}
CELLS = {'name': 'detection', 'levels': (8,), 'depth': 2, 'constants': LENGTHS}


def real_cells(scale: float) -> Iterator[Job]:
    """Part E: blood cells (BCCD), 40 labelled images, from a common checkpoint.

    Of each seed other 40 images, and a short training on them, with flips alone, from
    which all its methods go on. By what comes before, learning to find anything at all,
    no method should be judged, and losses on S_val would tell a search nothing in it.
    """
    space = CELLS
    coco = {**space, 'name': 'coco', 'levels': (6,)}
    for seed in range(3):
        common = {'images': 40}
        setup = {**common, 'steps': int(200 * scale), 'policy': None, 'save': True}
        setup['test'] = 'val'
        start = _job('E', 'cells_train', seed, (), setup, what='start')
        yield start
        common['load'] = start.name
        setup = {**common, 'steps': 150, 'space': space}
        needs = [start.name]
        search = _job('E', 'cells_search', seed, needs, setup, method='search')
        yield search
        for method, policy in {
            'flip': None,
            'Zoph v0': {'policies': 'v0', 'constants': LENGTHS},
            'RandAugment': uniform(1.0, **coco),
            'uniform': uniform(0.35, **space),
            'uniform, every image': uniform(1.0, **space),  # added: is it the rate?
            'uniform, p_tp 0.7': uniform(0.7, **space),  # added with part R
            'DDAS learned': found(search.name),
            'DDAS helpful': found(search.name, 'helpful'),
        }.items():
            setup = {**common, 'steps': int(500 * scale), 'policy': policy}
            if method == 'flip' and seed == 0:
                setup['curve'] = 100  # steps
            before = [*needs, search.name] if 'DDAS' in method else needs
            yield _job('E', 'cells_train', seed, before, setup, method=method)


RATES = 0.0, 0.35, 0.7, 1.0


def rates(scale: float) -> Iterator[Job]:
    """Part R: can fine-tunings of a trained checkpoint tell how often to augment?

    A network is trained without a policy, and fine-tuned at each rate, with all
    operations alike; images that it was not trained on decide. What whole trainings
    gain at these rates stands in the parts E and B with T.
    """
    for seed in range(3):
        setup = {'images': 40, 'steps': int(700 * scale), 'policy': None}
        setup |= {'save': True, 'finish': True, 'test': 'val'}
        what = {'data': 'cells', 'what': 'checkpoint'}
        start = _job('R', 'cells_train', seed, (), setup, **what)
        yield start
        for rate in RATES:
            setup = {'images': 40, 'steps': int(250 * scale), 'test': 'val'}
            setup |= {'load': start.name, 'lr': 0.0002, 'policy': None}
            if rate:
                setup['policy'] = uniform(rate, **CELLS)
            tags = {'data': 'cells', 'what': 'fine-tuning', 'rate': rate}
            yield _job('R', 'cells_train', seed, [start.name], setup, **tags)
    count = 4000
    third = count // 3
    for seed in range(3):  # as in part T
        val = {'start': seed * third, 'count': third}
        ends = ((0, seed * third), ((seed + 1) * third, count))
        rest = [{'start': a, 'count': b - a} for a, b in ends if b > a]
        common = {'network': 'wrn16-2', 'base': 'crop+flip', 'parts': rest}
        common['test'] = {**val, 'split': 'train'}
        setup = {**common, 'batch': 128, 'steps': int(1040 * scale), 'policy': None}
        what = {'data': 'cifar', 'what': 'checkpoint'}
        start = _job('R', 'train', seed, (), {**setup, 'save': True}, **what)
        yield start
        for rate in RATES:
            tuning = {**setup, 'batch': 64, 'steps': int(250 * scale), 'lr': 0.02}
            tuning['load'] = start.name
            if rate:
                tuning['policy'] = uniform(rate, name='cifar', depth=2)
            tags = {'data': 'cifar', 'what': 'fine-tuning', 'rate': rate}
            yield _job('R', 'train', seed, [start.name], tuning, **tags)


CELLS_OPS = (
    *('AutoContrast', 'Equalize', 'Posterize', 'Solarize', 'SolarizeAdd', 'Color'),
    *('Contrast', 'Brightness', 'Sharpness', 'Cutout', 'Invert', 'Rotate_BBox'),
    *('ShearX_BBox', 'ShearY_BBox', 'TranslateX_BBox', 'TranslateY_BBox'),
    *('FlipUD_BBox', 'Rotate90_BBox'),
)


def cells_ranking(scale: float) -> Iterator[Job]:
    """Part D3: as part D on blood cells, 40 of them and a detector.

    The truth starts where the trainings of part E do; the instruments start from the
    checkpoint of part R, as long as such a training as a whole. The first operations of
    the first seed's fine-tunings are trained together with every seed's images.
    """
    space = {**CELLS, 'table': 'detection', 'ops': CELLS_OPS, 'depth': 1}
    del space['name']
    half = {op: uniform(0.5, **{**space, 'ops': (op,)}) for op in CELLS_OPS}

    def training(
        seed: int, needs: Any, what: str, op: str, steps: int, policy: Any, **setup: Any
    ) -> Job:
        setup |= {'images': 40, 'policy': policy, 'steps': int(steps * scale)}
        return _job('D3', 'cells_train', seed, needs, setup, what=what, op=op)

    trials: dict[str, list[str]] = {}
    starts = []
    saved = {'save': True, 'test': 'val'}
    for seed in range(3):
        start = training(seed, (), 'start', 'none', 200, None, **saved)
        starts.append(start.name)
        yield start
        for op, policy in {'none': None, **half}.items():
            load = {'load': start.name}
            yield training(seed, [start.name], 'truth', op, 500, policy, **load)
        how = {**saved, 'finish': True}
        trained = training(seed, (), 'checkpoint', 'none', 700, None, **how)
        yield trained
        # short ones together take as long as one training
        for what, steps in {'fine-tuning': 250, 'fine-tuning, short': 35}.items():
            for op, policy in {'none': None, **half}.items():
                how = {'load': trained.name, 'lr': 0.0002, 'test': 'val'}
                tuned = training(seed, [trained.name], what, op, steps, policy, **how)
                if seed == 0 and what == 'fine-tuning':
                    trials[op] = [tuned.name]
                yield tuned
        searching = {'images': 40, 'steps': 150, 'load': trained.name, 'space': space}
        for kind, what in (('search', 'search warm'), ('rank', 'batch')):
            needs = [trained.name]
            yield _job('D3', f'cells_{kind}', seed, needs, searching, what=what)
    two = {**space, 'depth': 2}
    picked = {'picked': trials, 'first': 4, 'total_prob': 1.0, 'space': two}
    before = [name for names in trials.values() for name in names]
    for seed, start in enumerate(starts):
        alike, whole = uniform(1.0, **two), 'all operations'
        for what, policy, needs, times in (
            ('first four of fine-tuning', picked, before, 0),
            (whole, alike, [], 0),
            # what a critic would do with the images that the choice was made by
            (f'{whole}, trained on S_val too', alike, [], 1),
        ):
            needs = [start, *needs]
            load = {'load': start, 'times': times}
            yield training(seed, needs, 'together', what, 500, policy, **load)


PARTS = {
    'S': new_camera,
    'A': paper_search,
    'B': in_domain,
    'B1000': lambda scale: in_domain(scale, 1000, 'B1000'),
    'T': tried,
    'C': shift_bench,
    'CD': cameras,
    'D1': lambda scale: ranking(scale, 'D1'),
    'D2': lambda scale: ranking(scale, 'D2'),
    'D3': cells_ranking,
    'E': real_cells,
    'R': rates,
}
