"""The study's jobs of CIFAR-10: small ones, for each of the parts.

Jobs stand seed by seed, so that an early stop leaves a fair table. Nothing in here is
chosen by a figure of test images.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from jobs import RATES, Job, found, new_job, uniform

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
ALL_OPS = (
    *('AutoContrast', 'Equalize', 'Invert', 'Blur', 'Smooth', 'FlipLR', 'FlipUD'),
    *('Rotate90', 'Rotate', 'ShearX', 'ShearY', 'TranslateX', 'TranslateY'),
    *('Posterize', 'Solarize', 'Color', 'Contrast', 'Brightness', 'Sharpness'),
    'Cutout',
)
LEVELLED = ALL_OPS[8:]
EMITTED = ('learned', 'without_harmful', 'helpful')


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
        search = new_job(part, 'search', seed, (), setup, method='search')
        searches[seed] = search.name
        yield search
    for seed in range(5):
        for method, (policy, base) in free.items():
            setup = {**common, 'base': base, 'policy': policy}
            yield new_job(part, 'train', seed, (), setup, method=method)
        if seed > 2:
            continue
        for number, name in searches.items():
            ways = {f'DDAS {emit}': found(name, emit) for emit in EMITTED}
            ways['uniform, learned p_tp'] = found(name, equal=True)
            for method, policy in ways.items():
                setup = {**common, 'base': 'crop+flip', 'policy': policy}
                yield new_job(
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
        start = new_job('T', 'train', seed, (), setup, what='checkpoint')
        yield start
        trials: dict[str, list[str]] = {}
        for repeat, op in product(range(2), ('none', *PAPER_OPS)):
            policy = None if op == 'none' else uniform(0.5, **cifar, ops=(op,), depth=1)
            tuning = {**setup, 'batch': 64, 'steps': int(100 * scale), 'lr': 0.02}
            tuning |= {'policy': policy, 'load': start.name, 'save': False}
            tags = {'what': 'fine-tuning', 'op': op, 'repeat': repeat}
            trial = new_job(
                'T', 'train', 10 * seed + repeat, [start.name], tuning, **tags
            )
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
            yield new_job('T', 'train', seed, needs, setup, method=method)


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
                yield new_job('C', 'train', seed, (), setup, **tags)
        for shift, (op, level) in SHIFTS.items():
            yield from _one_shift(common, space, seed, size, shift, scale)
            levels = () if level is None else (level,)
            alone = uniform(0.75, **{**space, 'ops': (op,), 'levels': levels})
            if size == sizes[0]:
                setup = {**common, 'parts': [train], 'policy': alone}
                setup['test'] = {'shift': shift}
                tags = {'shift': shift, 'method': 'planted alone', 'images': 0}
                yield new_job('C', 'train', seed, (), setup, **tags)


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
    search = new_job('C', 'search', seed, (), setup, method='search', **tags)
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
        yield new_job('C', 'train', seed, needs, setup, method=method, **tags)


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
            truth = new_job(
                part, 'train', seed, (), setup, what='truth', op=op or 'none'
            )
            plain = plain or truth.name
            yield truth
            if op is None and seed < 2:
                searching = {'space': space, 'val': [val], 'total_prob': 0.35}
                searching |= {'op_lr': 0.01, **common}
                setup = {**searching, 'steps': int(steps * scale)}
                yield new_job(part, 'search', seed, (), setup, what='search cold')
                setup = {**searching, 'steps': int(620 * scale), 'lr': 0.02}
                setup['load'] = plain
                yield new_job(part, 'search', seed, [plain], setup, what='search warm')
                # named after the statistics of BatchNorm: there were others once
                yield new_job(part, 'rank', seed, [plain], setup, what='batch')
        # short ones together take as long as one training
        lengths = {'fine-tuning, short': steps // 20, 'fine-tuning': 250}
        for what, op in product(lengths, (None, *ALL_OPS)) if seed < 2 else ():
            levels = (8,) if op in LEVELLED else ()
            policy = op and uniform(0.5, **{**space, 'ops': (op,), 'levels': levels})
            setup = {**common, 'policy': policy, 'steps': int(lengths[what] * scale)}
            setup |= {'load': plain, 'lr': 0.02, 'test': {**val, 'split': 'train'}}
            setup['settle'] = True  # a second measurement, since D3
            tuned = new_job(
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
            yield new_job(part, 'train', seed, before, setup, what='together', op=what)


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
    yield new_job('A', 'search', 0, (), setup, method='search')


def classifier_rates(scale: float) -> Iterator[Job]:
    """Part R: as ``detector_rates``, and the split of part T."""
    count = 4000
    third = count // 3
    for seed in range(3):
        val = {'start': seed * third, 'count': third}
        ends = ((0, seed * third), ((seed + 1) * third, count))
        rest = [{'start': a, 'count': b - a} for a, b in ends if b > a]
        common = {'network': 'wrn16-2', 'base': 'crop+flip', 'parts': rest}
        common['test'] = {**val, 'split': 'train'}
        setup = {**common, 'batch': 128, 'steps': int(1040 * scale), 'policy': None}
        what = {'data': 'cifar', 'what': 'checkpoint'}
        start = new_job('R', 'train', seed, (), {**setup, 'save': True}, **what)
        yield start
        for rate in RATES:
            tuning = {**setup, 'batch': 64, 'steps': int(250 * scale), 'lr': 0.02}
            tuning['load'] = start.name
            if rate:
                tuning['policy'] = uniform(rate, name='cifar', depth=2)
            tags = {'data': 'cifar', 'what': 'fine-tuning', 'rate': rate}
            yield new_job('R', 'train', seed, [start.name], tuning, **tags)
