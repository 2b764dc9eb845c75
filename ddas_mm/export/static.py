"""A schedule's row, or its average, written for another library."""

from __future__ import annotations

import json
from dataclasses import dataclass

from ddas_mm.errors import SettingError
from ddas_mm.export.targets import Call, Effect, calls_of
from ddas_mm.ops import resolve_constants
from ddas_mm.policy import PolicyRow, PolicySchedule

SIZE = {'detection': (640, 480), 'classification': (32, 32)}
# Target -> how it is imported, the name that it has then, and what leaves images alone.
MODULES = {
    'torchvision': ('from torchvision.transforms import v2', 'v2', 'Identity'),
    'albumentations': ('import albumentations as A', 'A', 'NoOp'),
}
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
Choices = list[tuple[float, Call | None, str]]


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


def static_policy(schedule: PolicySchedule, row: int | None = -1) -> PolicySchedule:
    """Return a schedule of one row: one of a schedule's, or the mean of all.

    Args:
        schedule: The searched policy.
        row: Index from 0, or from the end if negative; None for the mean.
    """
    part = slice(None) if row is None else slice(row, row + 1 or None)
    snapshot = schedule.total_prob[part].mean(), schedule.op_probs[part].mean(axis=0)
    return PolicySchedule.from_snapshots(schedule.space, [snapshot])


def export_policy(
    policy: PolicySchedule,
    target: str,
    size: tuple[int, int] | None = None,
    as_json: bool = False,
) -> Exported:
    """Return a policy as text for another library.

    Candidates without a counterpart are left out, and the others made more probable
    in proportion.

    Args:
        policy: What to export.
        target: One of ``TARGETS``.
        size: Width and height of the images, where pixels become shares or the other
            way; None for COCO's 640 x 480, or CIFAR's 32 x 32 for classification.
        as_json: Write JSON instead of Python.

    Raises:
        SettingError: If the target offers none of the candidates, or the policy names
            operations that are not in its table.
    """
    space = policy.space
    size = size or SIZE.get(space.table, (640, 480))
    try:
        constants = resolve_constants(space.table, **space.constants)
        effects = [Effect.of(one, constants, size) for one in space.candidates]
    except ValueError as error:
        raise SettingError(f'the policy cannot be exported: {error}') from None
    choices, missing, notes = [], {}, {}
    probs = policy.op_probs[-1].tolist()
    for label, effect, prob in zip(space.labels, effects, probs, strict=True):
        calls = calls_of(target, effect)
        if calls is None:
            missing[label] = prob
            continue
        if calls and calls[0].note:
            notes[label] = calls[0].note
        for call in calls or [None]:
            choices.append((prob / max(len(calls), 1), call, label))
    total = sum(prob for prob, _, _ in choices)
    if not total:
        raise SettingError(f'{target} offers none of the candidates of this policy')
    choices = [(prob / total, call, label) for prob, call, label in choices]
    write = _json if as_json else _python if target in MODULES else _config
    return Exported(write(policy.row(-1), target, choices), missing, notes)


def _json(policy: PolicyRow, target: str, choices: Choices) -> str:
    data = {
        'target': target,
        'total_prob': policy.total_prob,
        'depth': policy.depth,
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


def _config(policy: PolicyRow, target: str, choices: Choices) -> str:
    """Return one config variable, a step of a pipeline."""
    lines = ["    dict(type='RandomChoice', transforms=["]
    for _, call, label in choices:
        step = f"dict(type='{target}.{call.name}', {call.text})" if call else ''
        lines.append(f'        [{step}],  # {label}')
    lines.append(f'    ], prob={[prob for prob, _, _ in choices]!r}),')
    return '\n'.join(
        [
            f'# A DDAS policy, for a pipeline of {target} behind the loading steps.',
            'ddas_static_policy = dict(',
            f"    type='RandomApply', prob={policy.total_prob!r}, transforms=[",
            *lines * policy.depth,
            '])',
            '',
        ]
    )


def _python(policy: PolicyRow, target: str, choices: Choices) -> str:
    """Return a module that defines ``policy``, a transform."""
    statement, module, nothing = MODULES[target]
    shift = any(call and call.name == 'Shift' for _, call, _ in choices)
    lines = [
        f'"""A DDAS policy, for images of {target} before they are normalised."""',
        '',
        statement,
        SHIFT if shift else '',
        'choices = [',
    ]
    for prob, call, label in choices:
        name = call.name if call else nothing
        name = name if name == 'Shift' else f'{module}.{name}'
        text = call.text if call else ''
        lines.append(f'    ({prob!r}, {name}({text})),  # {label}')
    lines.append(']')
    steps, several = '[step for _, step in choices]', f'_ in range({policy.depth})'
    p = policy.total_prob
    if target == 'torchvision':
        one = f'v2.RandomChoice({steps}, p=[p for p, _ in choices])'
        lines.append(f'policy = v2.RandomApply([{one} for {several}], p={p})')
    else:
        lines += [
            'for prob, step in choices:',
            '    step.p = prob  # its share in OneOf',
        ]
        one = f'A.OneOf({steps}, p=1)'
        lines.append(f'policy = A.Sequential([{one} for {several}], p={p})')
    return '\n'.join([*lines, ''])
