"""A schedule's row, or its average, written for another library."""

import json
from dataclasses import dataclass

from ddas_mm.augment.candidates import CandidateOps
from ddas_mm.errors import SettingError
from ddas_mm.export.targets import Call, Effect, calls_of
from ddas_mm.policy import PolicySchedule

SIZE = {'detection': (640, 480), 'classification': (32, 32)}
# Target -> how it is imported, the name that it has then, what leaves images alone,
# and how choices become a policy.
MODULES = {
    'torchvision': (
        'from torchvision.transforms import v2',
        'v2',
        'Identity',
        """policy = v2.RandomApply([v2.RandomChoice([step for _, step in choices], \
p=[p for p, _ in choices]) for _ in range({depth})], p={prob})
""",
    ),
    'albumentations': (
        'import albumentations as A',
        'A',
        'NoOp',
        """for prob, step in choices:
    step.p = prob  # its share in OneOf
policy = A.Sequential([A.OneOf([step for _, step in choices], p=1) \
for _ in range({depth})], p={prob})
# For trainers that take a list. Ultralytics moves boxes only where it knows the name of
# a class in the list itself; NoOp, which does nothing, is such a one.
transforms = [policy, A.NoOp()]
""",
    ),
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
Choices = list[tuple[float, Call, str]]


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
    ops = CandidateOps(space)
    effects = [Effect.of(*one, ops.constants, size) for one in ops.candidates]
    choices, missing, notes = [], {}, {}
    probs = policy.op_probs[-1].tolist()
    for label, effect, prob in zip(space.labels, effects, probs, strict=True):
        calls = calls_of(target, effect)
        if calls is None:
            missing[label] = prob
            continue
        if calls[0].note:
            notes[label] = calls[0].note
        choices += [(prob / len(calls), call, label) for call in calls]
    total = sum(prob for prob, _, _ in choices)
    if not total:
        raise SettingError(f'{target} offers none of the candidates of this policy')
    choices = [(prob / total, call, label) for prob, call, label in choices]
    write = _json if as_json else _python if target in MODULES else _config
    text = write(target, choices, policy.total_prob[-1].item(), space.depth)
    return Exported(text, missing, notes)


def _json(target: str, choices: Choices, total_prob: float, depth: int) -> str:
    listed = [
        {
            'candidate': label,
            'prob': prob,
            'type': call.name or None,  # null leaves the image alone
            'arguments': call.arguments,
        }
        for prob, call, label in choices
    ]
    data = {'target': target, 'total_prob': total_prob, 'depth': depth}
    return json.dumps({**data, 'choices': listed}, indent=1) + '\n'


def _config(target: str, choices: Choices, total_prob: float, depth: int) -> str:
    """Return one config variable, a step of a pipeline."""
    steps = ''
    for _, call, label in choices:
        step = f"dict(type='{target}.{call.name}', {call.text})" if call.name else ''
        steps += f'        [{step}],  # {label}\n'
    one = f"""    dict(type='RandomChoice', transforms=[
{steps}    ], prob={[prob for prob, _, _ in choices]!r}),
"""
    return f"""# A DDAS policy, for a pipeline of {target} behind the loading steps.
ddas_static_policy = dict(
    type='RandomApply', prob={total_prob!r}, transforms=[
{one * depth}])
"""


def _python(target: str, choices: Choices, total_prob: float, depth: int) -> str:
    """Return a module that defines ``policy``, a transform."""
    statement, module, nothing, several = MODULES[target]
    lines = ''
    for prob, call, label in choices:
        name = 'Shift' if call.name == 'Shift' else f'{module}.{call.name or nothing}'
        lines += f'    ({prob!r}, {name}({call.text})),  # {label}\n'
    shift = SHIFT if 'Shift(' in lines else ''
    made = several.format(depth=depth, prob=total_prob)
    return f'''"""A DDAS policy, for images of {target} before they are normalised."""

{statement}
{shift}
choices = [
{lines}]
{made}'''
