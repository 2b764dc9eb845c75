"""A schedule's row, or its average, written for another library."""

import json
from dataclasses import dataclass
from typing import Any

from ddas_mm.augment.candidates import CandidateOps
from ddas_mm.errors import SettingError
from ddas_mm.export.targets import Call, Effect, calls_of
from ddas_mm.files import templates
from ddas_mm.policy import PolicySchedule

SIZE = {'detection': (640, 480), 'classification': (32, 32)}
# Of a target without a template of its own, what mm's packages have in common.
TEMPLATES = templates('ddas_mm.export', keep_trailing_newline=True)


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
    common = {'target': target, 'total_prob': policy.total_prob[-1].item()}
    common['depth'] = space.depth
    if as_json:
        content = {**common, 'choices': [_plain(*choice) for choice in choices]}
        return Exported(json.dumps(content, indent=1) + '\n', missing, notes)
    template = TEMPLATES.select_template([f'{target}.py.jinja', 'mm.py.jinja'])
    return Exported(template.render(common, choices=choices), missing, notes)


def _plain(prob: float, call: Call, label: str) -> dict[str, Any]:
    name = call.name or None  # null leaves the image alone
    return {
        'candidate': label,
        'prob': prob,
        'type': name,
        'arguments': call.arguments,
    }
