"""Write what the repository doesn't keep: most baselines, and metafile.yml.

Installing the project runs this. After a change: python configs/_base_/generate.py
"""

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TORCHVISION = {
    'autoaugment': (
        'AutoAugment (Cubuk et al., 2019).',
        "dict(type='ddas_mm.TorchvisionAutoAugment', policy='{policy}')",
    ),
    'randaugment': (
        'RandAugment (Cubuk et al., 2020) with N = 2 and M = 9 of torchvision.',
        "dict(type='torchvision/RandAugment', num_ops=2, magnitude=9)",
    ),
    'trivialaugment': (
        'TrivialAugment-Wide (Mueller and Hutter, 2021).',
        "dict(type='torchvision/TrivialAugmentWide')",
    ),
}
CIFAR = ('none', 'cutout', *TORCHVISION)
COCO = ('none', 'zoph-v0', 'zoph-v1', 'zoph-v2', 'zoph-v3')
DATA = {  # its name, the baselines of its trainings, AutoAugment's policy
    'cifar10': ('CIFAR-10', CIFAR, 'cifar10'),
    'cifar100': ('CIFAR-100', CIFAR, 'cifar10'),
    'svhn': ('SVHN', CIFAR, 'svhn'),
    'imagenet': ('ImageNet-1k', ('none', *TORCHVISION), 'imagenet'),
    'coco': ('COCO', COCO, None),
    'digits': ('digits', (), None),
    'coco128': ('COCO128', (), None),
}
NETWORKS = {
    'fcn': ['FCN', 'ResNet'],
    'retinanet': ['RetinaNet', 'ResNet', 'FPN'],
    'resnet': ['ResNet'],
    'shake': ['Shake-Shake'],
    'vit': ['Vision Transformer'],
    'wrn': ['Wide ResNet'],
}
BASELINE = """\
# {title}
_base_ = ['../retrain/{training}.py']

pipeline = [s for s in _base_.train_pipeline if s.type not in {without}]
{insert}train_dataloader = dict(dataset=dict(pipeline=pipeline))
custom_hooks = []
"""
DDAS = {
    'Name': 'DDAS',
    'Metadata': {
        'Training Techniques': ['Direct Differentiable Augmentation Search'],
    },
    'Paper': {
        'URL': 'https://openaccess.thecvf.com/content/ICCV2021/html/'
        'Liu_Direct_Differentiable_Augmentation_Search_ICCV_2021_paper.html',
        'Title': 'Direct Differentiable Augmentation Search',
    },
}


def data_of(stem: str) -> str:
    """Return the data set that a config's name tells, as a key of DATA."""
    return re.search(rf'_({"|".join(DATA)})(?=_|$)', stem)[1]


def torchvision_steps(method: str, data: str) -> tuple[str, str]:
    """Return a method's title and how it gets in: behind crop and flip."""
    title, step = TORCHVISION[method]
    # CIFAR-100's archive is RGB already; images of the others are BGR.
    rgb, bgr = ('', '') if data == 'cifar100' else (', to_rgb=True', ', to_bgr=True')
    place = -1 if data == 'imagenet' else -2  # before Cutout
    return title, (
        f'pipeline[{place}:{place}] = [\n'
        f"    dict(type='NumpyToPIL'{rgb}),\n"
        f'    {step.format(policy=DATA[data][2])},\n'
        f"    dict(type='PILToNumpy'{bgr}),\n]\n"
    )


def baseline(training: str, method: str) -> str:
    """Return the text of a training's baseline."""
    without, insert = ['ddas_mm.DDASAugment'], ''
    if method == 'none':
        title, without = 'Neither a policy nor Cutout.', [*without, 'Cutout']
    elif method == 'cutout':
        title = 'Cutout without a policy.'
    elif method.startswith('zoph'):
        version = method.partition('-')[2]
        title = f'AutoAugment for detection: policy {version} of Zoph et al. (2020).'
        step = f"dict(type='ddas_mm.SubPolicyAugment', policies='{version}')"
        insert = f'pipeline.insert(2, {step})\n'
    else:
        title, insert = torchvision_steps(method, data_of(training))
    return BASELINE.format(
        title=title, training=training, without=without, insert=insert
    )


def entry(config: Path) -> dict:
    """Return what the model index says of a config."""
    kind = {'retrain': 'retrain_', 'baselines': 'baseline_'}.get(config.parent.name, '')
    network = re.match('|'.join(NETWORKS), config.stem.removeprefix('ddas_'))[0]
    return {
        'Name': kind + config.stem,
        'In Collection': 'DDAS',
        'Config': f'configs/{config.relative_to(ROOT).as_posix()}',
        'Metadata': {
            'Training Data': DATA[data_of(config.stem)][0],
            'Architecture': NETWORKS[network],
        },
    }


def write(path: Path, text: str) -> None:
    """Write a file, unless it says that already."""
    if not path.is_file() or path.read_text() != text:
        path.write_text(text)


def main() -> None:
    """Write all baselines, then the index of all configs."""
    for training in sorted(path.stem for path in (ROOT / 'retrain').glob('*.py')):
        data = training.rpartition('_')[2]
        for method in DATA[data][1] if data in DATA else ():
            name = f'baselines/{training}_{method}.py'
            write(ROOT / name, baseline(training, method))
    configs = [p for p in sorted(ROOT.rglob('*.py')) if '_base_' not in p.parts]
    index = {'Collections': [DDAS], 'Models': [entry(path) for path in configs]}
    write(ROOT / 'metafile.yml', json.dumps(index, indent=1) + '\n')  # JSON is YAML


if __name__ == '__main__':
    main()
