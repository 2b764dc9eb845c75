"""What the study runs: a list of small jobs for each of its parts.

Jobs stand seed by seed, so that an early stop leaves a fair table. Nothing in here is
chosen by a figure of test images.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
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
        kind: ``search``, ``train`` or ``rank``; ``digits_search``, ``digits_train``.
        seed: Seed of all its randomness.
        tags: What a table groups it by.
        setup: What it is done with; see ``work.py``.
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
    for seed in range(3):
        for shift, (op, level) in SHIFTS.items():
            test = {'shift': shift}
            alone = {
                **space,
                'ops': (op,),
                'levels': () if level is None else (level,),
            }
            free = {**own, 'planted alone': uniform(0.75, **alone)}
            for method, policy in free.items():
                setup = {**common, 'parts': [train], 'policy': policy, 'test': test}
                yield _job(
                    'C', 'train', seed, (), setup, shift=shift, method=method, images=0
                )
            for size in sizes:
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
                ways = {
                    'trained on them': ((), None, both),
                    'DDAS learned': ([search.name], found(search.name), [train]),
                    'DDAS learned, trained on them': (
                        [search.name],
                        found(search.name),
                        both,
                    ),
                }
                for emit in EMITTED[1:]:
                    policy = found(search.name, emit)
                    ways[f'DDAS {emit}'] = ([search.name], policy, [train])
                for method, (needs, policy, parts) in ways.items():
                    setup = {**common, 'parts': parts, 'policy': policy, 'test': test}
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
                for statistics in ('batch', 'running'):
                    ranked = {**setup, 'statistics': statistics}
                    yield _job(part, 'rank', seed, [plain], ranked, what=statistics)
        for op in (None, *ALL_OPS) if seed < 2 else ():
            levels = (8,) if op in LEVELLED else ()
            policy = op and uniform(0.5, **{**space, 'ops': (op,), 'levels': levels})
            setup = {**common, 'policy': policy, 'steps': int(250 * scale)}
            setup |= {'load': plain, 'lr': 0.02, 'test': {**val, 'split': 'train'}}
            what = 'fine-tuning'
            yield _job(part, 'train', seed, [plain], setup, what=what, op=op or 'none')


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


PARTS = {
    'S': new_camera,
    'A': paper_search,
    'B': in_domain,
    'B1000': lambda scale: in_domain(scale, 1000, 'B1000'),
    'C': shift_bench,
    'D1': lambda scale: ranking(scale, 'D1'),
    'D2': lambda scale: ranking(scale, 'D2'),
}
