"""A schedule's row, or its average, written for another library."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from ddas_mm.errors import SettingError
from ddas_mm.export.candidate import Call, Wanted
from ddas_mm.export.general import ALBUMENTATIONS, TORCHVISION
from ddas_mm.export.openmmlab import MMDET, MMPRETRAIN
from ddas_mm.ops import get_op, resolve_constants
from ddas_mm.policy import PolicySchedule, SearchSpace
from ddas_mm.policy.space import candidate_label

TARGETS = {
    'mmdet': MMDET,
    'mmpretrain': MMPRETRAIN,
    'torchvision': TORCHVISION,
    'albumentations': ALBUMENTATIONS,
}
"""Target -> operation -> its calls, each to be taken with equal probability."""


SIZE = {'detection': (640, 480), 'classification': (32, 32)}


IMPORTS = {
    'torchvision': 'from torchvision.transforms import v2',
    'albumentations': 'import albumentations as A',
}


PREFIX = {'torchvision': 'v2.', 'albumentations': 'A.'}


SHIFT = '''

class Shift(v2.Transform):
    """Shift by shares of width (x) and height (y)."""

    def __init__(self, x=0.0, y=0.0, fill=0):
        super().__init__()
        self.x, self.y, self.fill = x, y, fill

    def transform(self, inpt, params):
        height, width = v2.functional.get_size(inpt)
        pixels = [round(self.x * width), round(self.y * height)]
        fill = self.fill if isinstance(self.fill, int) else list(self.fill)
        return v2.functional.affine(
            inpt, angle=0.0, translate=pixels, scale=1.0, shear=[0.0, 0.0], fill=fill
        )

    _transform = transform  # its name before torchvision 0.21

'''


@dataclass(frozen=True)
class StaticPolicy:
    """A policy that does not change during a training.

    Attributes:
        space: Candidates, depth and constants.
        total_prob: ``p_tp``.
        op_probs: (K,) ``p_o``.
    """

    space: SearchSpace
    total_prob: float
    op_probs: np.ndarray


@dataclass(frozen=True)
class Exported:
    """The text of an export, and what was lost.

    Attributes:
        text: Python or JSON.
        missing: Candidates without a counterpart, with their probability.
        notes: Candidates that the target does a little differently, and how.
    """

    text: str
    missing: dict[str, float]
    notes: dict[str, str]


def static_policy(schedule: PolicySchedule, row: int | None = -1) -> StaticPolicy:
    """Return one row of a schedule, or the mean of all.

    Args:
        schedule: The searched policy.
        row: Index from 0, or from the end if negative; None for the mean.
    """
    if row is None:
        total_prob, op_probs = schedule.total_prob.mean(), schedule.op_probs.mean(0)
    else:
        total_prob, op_probs = schedule.total_prob[row], schedule.op_probs[row]
    return StaticPolicy(schedule.space, float(total_prob), op_probs)


def export_policy(
    policy: StaticPolicy,
    target: str,
    size: tuple[int, int] | None = None,
    as_json: bool = False,
) -> Exported:
    """Return a policy as text for another library.

    Candidates without a counterpart are left out, and the others made more probable
    in proportion.

    Args:
        policy: What to export.
        target: One of :data:`TARGETS`.
        size: Width and height of the images, where pixels become shares or the other
            way; None for COCO's 640 x 480, or CIFAR's 32 x 32 for classification.
        as_json: Write JSON instead of Python.

    Raises:
        SettingError: If the target offers none of the candidates, or the policy names
            operations that are not in its table.
    """
    size = size or SIZE.get(policy.space.table, (640, 480))
    choices, missing, notes = [], {}, {}
    for candidate, prob in zip(policy.space.candidates, policy.op_probs, strict=True):
        label = candidate_label(candidate)
        calls = _calls(policy, candidate, target, size)
        if calls is None:
            missing[label] = float(prob)
            continue
        if calls and calls[0].note:
            notes[label] = calls[0].note
        for call in calls or [None]:
            choices.append((float(prob) / max(len(calls), 1), call, label))
    total = sum(prob for prob, _, _ in choices)
    if not total:
        raise SettingError(f'{target} offers none of the candidates of this policy')
    choices = [(prob / total, call, label) for prob, call, label in choices]
    if as_json:
        text = _json(policy, target, choices)
    elif target in IMPORTS:
        text = _python(policy, target, choices)
    else:
        text = _config(policy, target, choices)
    return Exported(text, missing, notes)


def _calls(
    policy: StaticPolicy, candidate: Any, target: str, size: tuple[int, int]
) -> list[Call] | None:
    try:
        constants = resolve_constants(policy.space.table, **policy.space.constants)
        get_op(policy.space.table, candidate[0])
    except ValueError as error:
        raise SettingError(f'the policy cannot be exported: {error}') from None
    wanted = Wanted.of(candidate, constants, size)
    make = TARGETS[target].get(wanted.name)
    return None if make is None else make(wanted)


def _json(policy: StaticPolicy, target: str, choices: list[Any]) -> str:
    data = {
        'target': target,
        'total_prob': policy.total_prob,
        'depth': policy.space.depth,
        'choices': [
            {
                'candidate': label,
                'prob': prob,
                'type': call.name if call else None,  # null leaves the image alone
                'arguments': call.arguments if call else {},
            }
            for prob, call, label in choices
        ],
    }
    return json.dumps(data, indent=1) + '\n'


def _config(policy: StaticPolicy, target: str, choices: list[Any]) -> str:
    """Return one config variable, a step of a pipeline."""
    lines = [
        f'# A DDAS policy, for a pipeline of {target} behind the loading steps.',
        'ddas_static_policy = dict(',
        f'    type={"RandomApply"!r}, prob={policy.total_prob!r}, transforms=[',
    ]
    for _ in range(policy.space.depth):
        lines.append("    dict(type='RandomChoice', transforms=[")
        for _, call, label in choices:
            step = _mm_call(target, call) if call else ''
            lines.append(f'        [{step}],  # {label}')
        probs = [prob for prob, _, _ in choices]
        lines.append(f'    ], prob={probs!r}),')
    return '\n'.join([*lines, '])', ''])


def _mm_call(target: str, call: Call) -> str:
    arguments = ', '.join(f'{key}={value!r}' for key, value in call.arguments.items())
    return f'dict(type={f"{target}.{call.name}"!r}, {arguments})'


def _python(policy: StaticPolicy, target: str, choices: list[Any]) -> str:
    """Return a module that defines ``policy``, a transform."""
    prefix = PREFIX[target]
    shift = any(call and call.name == 'Shift' for _, call, _ in choices)
    lines = [
        f'"""A DDAS policy, for images of {target} before they are normalised."""',
        '',
        IMPORTS[target],
        SHIFT if shift else '',
        'choices = [',
    ]
    for prob, call, label in choices:
        lines.append(f'    ({prob!r}, {_call(prefix, target, call)}),  # {label}')
    lines.append(']')
    p, depth = policy.total_prob, policy.space.depth
    if target == 'torchvision':
        one = (
            'v2.RandomChoice([step for _, step in choices], p=[p for p, _ in choices])'
        )
        lines.append(f'policy = v2.RandomApply([{one} for _ in range({depth})], p={p})')
    else:
        lines.append(
            'for prob, step in choices:\n    step.p = prob  # its share in OneOf'
        )
        one = 'A.OneOf([step for _, step in choices], p=1)'
        lines.append(f'policy = A.Sequential([{one} for _ in range({depth})], p={p})')
    return '\n'.join([*lines, ''])


def _call(prefix: str, target: str, call: Call | None) -> str:
    if call is None:
        return f'{prefix}Identity()' if target == 'torchvision' else f'{prefix}NoOp()'
    arguments = ', '.join(f'{key}={value!r}' for key, value in call.arguments.items())
    name = call.name if call.name == 'Shift' else prefix + call.name
    return f'{name}({arguments})'
