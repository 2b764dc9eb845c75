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
HELD = """\
The paper's Table 6: {what} in all epochs. Make it first:
# python tools/analysis_tools/hold_policy.py \\
#     work_dirs/ddas_wrn40-2_cifar100/policy.json --hold {held} \\
#     --out work_dirs/ddas_wrn40-2_cifar100/{name}.json"""
UNIFORM = """\
Equal probabilities for all candidates and a fixed p_tp: what is left of the method
# without a search. The paper's Table 5 has p_tp 0.1, 0.35, 0.5, 0.75 and 1:
# --cfg-options train_dataloader.dataset.pipeline.{place}.policy.total_prob=0.5"""
RANDAUGMENT = """\
RandAugment's rule on the operations of Zoph et al.: N (depth) of them on every image,
# all with level M. N and M are to be tuned:
# --cfg-options train_dataloader.dataset.pipeline.2.policy.space.levels=[4]"""
SPACE = 'dict(\n    space=dict({}),\n    total_prob={},\n)'
POLICIES = {  # baseline -> what stands above it, and the policy in its pipeline
    **{
        f'wrn28-10_cifar100_{name}': (
            HELD.format(what=what, held=held, name=name),
            repr(f'work_dirs/ddas_wrn40-2_cifar100/{name}.json'),
        )
        for name, what, held in (
            ('last-total-prob', 'p_tp of the last search epoch', 'total_prob'),
            ('last-op-probs', 'p_o of the last search epoch', 'op_probs'),
            ('last-row', 'the last row of the policy', 'total_prob op_probs'),
        )
    },
    'wrn28-10_cifar100_uniform': (
        UNIFORM.format(place=0),
        SPACE.format(
            "name='cifar', depth=2, constants=dict(channel_order='rgb')", 0.35
        ),
    ),
    'wrn40-2_cifar10_uniform': (
        UNIFORM.format(place=1),
        SPACE.format("name='cifar', depth=2", 0.35),
    ),
    **dict.fromkeys(
        ('retinanet_r50_coco_randaugment', 'retinanet_r101_coco_randaugment'),
        (RANDAUGMENT, SPACE.format("name='coco', levels=(6,), depth=2", 1.0)),
    ),
}
WITH_POLICY = """\
# {title}
_base_ = ['../retrain/{training}.py']

policy = {policy}
pipeline = [
    dict(s, policy=policy) if s.type == 'ddas_mm.DDASAugment' else s
    for s in _base_.train_pipeline
]
train_dataloader = dict(dataset=dict(pipeline=pipeline))
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
    for name, (title, policy) in POLICIES.items():
        training = name.rpartition('_')[0]
        text = WITH_POLICY.format(title=title, training=training, policy=policy)
        write(ROOT / f'baselines/{name}.py', text)
    configs = [p for p in sorted(ROOT.rglob('*.py')) if '_base_' not in p.parts]
    index = {'Collections': [DDAS], 'Models': [entry(path) for path in configs]}
    write(ROOT / 'metafile.yml', json.dumps(index, indent=1) + '\n')  # JSON is YAML


if __name__ == '__main__':
    main()
