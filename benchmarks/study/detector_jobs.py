"""The study's jobs of detectors, of digits and of blood cells.

As those of CIFAR-10, seed by seed, and nothing is chosen by test images.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jobs import RATES, Job, found, new_job, uniform

CAMERAS = {  # of the digits: as SHIFTS, of dataset_converters/digits.py
    'dark': ('Brightness', 2),
    'upside-down': ('FlipUD_BBox', None),
    'overexposed': ('Brightness', 6),
    'mirrored': ('FlipLR_BBox', None),
    'low-contrast': ('Contrast', 2),
    'blurred': ('Sharpness', 2),
    'sideways': ('Rotate90_BBox', None),
}


def new_camera(scale: float) -> Iterator[Job]:
    """Part S: the digits' sideways camera, over the number of its labelled images."""
    steps = int(2250 * scale)
    for size in (24, 300, 8, 100):
        for seed in range(3):
            if size == 24:
                setup = {'steps': steps, 'policy': None}
                yield new_job('S', 'digits_train', seed, (), setup, method='neither')
            setup = {'steps': 400, 'images': size}
            tags = {'images': size}
            search = new_job(
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
                yield new_job(
                    'S', 'digits_train', seed, needs, setup, method=method, **tags
                )


def cameras(scale: float) -> Iterator[Job]:
    """Part CD: as part C on digits, other ones than those of part S.

    Searches start from scratch, or *warm*, from the network that is trained without a
    policy and behind another camera sees little; the same network is fine-tuned with
    each operation, and the 24 images of each camera decide.
    """
    steps = int(2250 * scale)
    ops = (
        *('Rotate90_BBox', 'FlipLR_BBox', 'FlipUD_BBox', 'Rotate_BBox', 'ShearX_BBox'),
        *('ShearY_BBox', 'TranslateX_BBox', 'TranslateY_BBox', 'AutoContrast'),
        *('Equalize', 'Invert', 'Posterize', 'Solarize', 'Color', 'Contrast'),
        *('Brightness', 'Sharpness'),
    )
    space = {'table': 'detection', 'ops': ('Identity', *ops), 'levels': (2, 6)}
    space |= {'depth': 1, 'constants': {'translate_const': 40}}  # pixels, of 128 x 128
    # one network, tested by all cameras; training images are the same ones
    shared = {'camera': 'sideways', 'test': list(CAMERAS)}
    for seed in range(3):
        names = {}
        for method, policy in {'none': None, 'uniform': uniform(0.75, **space)}.items():
            setup = {**shared, 'steps': steps, 'policy': policy}
            if method == 'none':
                setup |= {'save': True, 'finish': True}
            tags = {'shift': 'all', 'method': method, 'images': 0}
            training = new_job('CD', 'digits_train', seed, (), setup, **tags)
            names[method] = training.name
            yield training
        trials: dict[str, list[str]] = {}
        for op in ('none', *ops):  # all together as long as one training
            policy = None if op == 'none' else uniform(0.5, **{**space, 'ops': (op,)})
            setup = {**shared, 'steps': steps // 18, 'policy': policy, 'images': 24}
            setup |= {'load': names['none'], 'lr': 0.006, 'on': 'deploy_val'}
            needs = [names['none']]
            tags = {'what': 'fine-tuning', 'op': op}
            trial = new_job('CD', 'digits_train', seed, needs, setup, **tags)
            trials[op] = [trial.name]
            yield trial
        for place, camera in enumerate(CAMERAS):
            tuned = {'picked': trials, 'place': place, 'first': 2, 'total_prob': 0.75}
            tuned['space'] = {k: v for k, v in space.items() if k != 'ops'}
            yield from _one_camera(seed, camera, steps, space, names['none'], tuned)


def _one_camera(
    seed: int, camera: str, steps: int, space: Any, trained: str, tuned: Any
) -> Iterator[Job]:
    common = {'camera': camera, 'images': 24, 'steps': steps}
    tags = {'shift': camera, 'images': 24}
    ways: dict[str, tuple[Any, Any, int]] = {}
    # The long one was added when the short one had missed a camera, and warm ones and
    # fine-tunings when the long one had fallen for a candidate by chance.
    for how, epochs in {', warm': 8, '': 8, ', long': 24}.items():
        setup = {**common, 'steps': 50 * epochs, 'space': space}
        setup |= {'epochs': epochs, 'op_lr': 0.05}
        needs = []
        if how == ', warm':
            setup |= {'load': trained, 'lr': 0.004}
            needs = [trained]
        method = f'search{how}'
        search = new_job(
            'CD', 'digits_search', seed, needs, setup, method=method, **tags
        )
        ways[f'DDAS learned{how}'] = [search.name], found(search.name), 0
        yield search
    op, level = CAMERAS[camera]
    levels = () if level is None else (level,)
    alone = uniform(0.75, **{**space, 'ops': (op,), 'levels': levels})
    before = [name for names in tuned['picked'].values() for name in names]
    ways['first two of fine-tuning'] = before, tuned, 0
    ways['trained on them'] = (), None, 8  # a quarter of all
    ways['planted alone'] = (), alone, 0
    for method, (needs, policy, times) in ways.items():
        setup = {**common, 'policy': policy, 'times': times}
        each = {**tags, 'method': method}
        if method == 'planted alone':
            each['images'] = 0
        yield new_job('CD', 'digits_train', seed, needs, setup, **each)


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
        start = new_job('E', 'cells_train', seed, (), setup, what='start')
        yield start
        common['load'] = start.name
        setup = {**common, 'steps': 150, 'space': space}
        needs = [start.name]
        search = new_job('E', 'cells_search', seed, needs, setup, method='search')
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
            yield new_job('E', 'cells_train', seed, before, setup, method=method)


def detector_rates(scale: float) -> Iterator[Job]:
    """Part R: can fine-tunings of a trained checkpoint tell how often to augment?

    A network is trained without a policy, and fine-tuned at each rate, with all
    operations alike; images that it was not trained on decide. What whole trainings
    gain at these rates stands in the parts E and B with T.
    """
    for seed in range(3):
        setup = {'images': 40, 'steps': int(700 * scale), 'policy': None}
        setup |= {'save': True, 'finish': True, 'test': 'val'}
        what = {'data': 'cells', 'what': 'checkpoint'}
        start = new_job('R', 'cells_train', seed, (), setup, **what)
        yield start
        for rate in RATES:
            setup = {'images': 40, 'steps': int(250 * scale), 'test': 'val'}
            setup |= {'load': start.name, 'lr': 0.0002, 'policy': None}
            if rate:
                setup['policy'] = uniform(rate, **CELLS)
            tags = {'data': 'cells', 'what': 'fine-tuning', 'rate': rate}
            yield new_job('R', 'cells_train', seed, [start.name], setup, **tags)


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
        return new_job('D3', 'cells_train', seed, needs, setup, what=what, op=op)

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
            yield new_job('D3', f'cells_{kind}', seed, needs, searching, what=what)
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
