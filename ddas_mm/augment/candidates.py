"""From ``space=dict(...)`` of a config to a search space and its operations."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
from msgspec import Meta, Struct

from ddas_mm import ops
from ddas_mm.augment.adapter import drop_vanished, pack, unpack
from ddas_mm.errors import SettingError, check_keys, check_known, typed
from ddas_mm.ops import OpSpec, apply_to_sample, resolve_constants
from ddas_mm.ops.constants import CONSTANT_DEFAULTS
from ddas_mm.policy import PolicySchedule, SearchSpace
from ddas_mm.policy.space import candidate_label

DEFAULTS: dict[str, Any] = {'depth': 2, 'constants': {}, 'levels': (), 'without': ()}
KEYS = ('name', 'table', 'ops', *DEFAULTS)


def build_space(config: Any, name: str = 'train_cfg.space') -> SearchSpace:
    """Build a search space from its settings.

    Args:
        config: A dict with ``name`` (one of the named spaces) or with ``table``
            and ``ops``; ``levels``, ``depth`` (N_o, 2 if not given) and
            ``constants`` may be given too, and override the named space;
            ``without`` names candidates to leave out, e.g. ``'Rotate 14'``.
        name: Where the settings stand, for messages.

    Raises:
        SettingError: If a key or a value is not usable.
    """
    check_keys(name, config, KEYS)
    named = config.get('name')
    if named is not None:
        check_known(f'{name}.name', named, ops.SPACES)
    settings = {**DEFAULTS, **(ops.SPACES[named] if named else {}), **config}
    for key in ('table', 'ops'):
        if key not in settings:
            raise SettingError(
                f'{name} needs {key!r}, or a name that brings it '
                f'({", ".join(ops.SPACES)})'
            )
    table, constants = settings['table'], settings['constants']
    if isinstance(table, str) and table in CONSTANT_DEFAULTS:
        check_keys(f'{name}.constants', constants, CONSTANT_DEFAULTS[table])
    try:
        candidates = ops.expand_candidates(table, settings['ops'], settings['levels'])
        resolved = resolve_constants(table, **constants).to_dict()
        without = settings['without']
        for label in without:
            check_known('without', label, map(candidate_label, candidates))
        kept = tuple(c for c in candidates if candidate_label(c) not in without)
        return SearchSpace(table, kept, settings['depth'], resolved)
    except (TypeError, ValueError) as error:
        raise SettingError(f'{name}: {error}') from None


def without_idle(
    space: SearchSpace, results: dict[str, Any], tell: Callable[[str], None]
) -> SearchSpace:
    """Return a space without the candidates that could not act on the data.

    Args:
        space: The search space.
        results: mm's dict of a sample, before DDASAugment.
        tell: Takes a sentence that names what is left out.

    Raises:
        SettingError: If no candidate is left.
    """
    if not results:
        return space
    image = unpack(results, needs_boxes=False, moves=False).image
    acting, idle = [], defaultdict(set)
    for candidate in space.candidates:
        why = _idle(ops.get_op(space.table, candidate[0]), results, image)
        if why:
            idle[why].add(candidate[0])
        else:
            acting.append(candidate)
    if not idle:
        return space
    told = [f'{", ".join(sorted(names))} {why}' for why, names in idle.items()]
    if not acting:
        raise SettingError(
            f'all candidates of train_cfg.space are left out: {"; ".join(told)}'
        )
    tell(f'left out of the search space: {"; ".join(told)}')
    return replace(space, candidates=tuple(acting))


def _idle(spec: OpSpec, results: Mapping[str, Any], image: np.ndarray) -> str:
    """Return why an operation cannot act on an image, or ''."""
    if spec.acts_by_box and results.get('gt_bboxes') is None:
        return 'act on boxes only, and the pipeline loads none'
    lacking = spec.lacks(image.shape[2], image.dtype == np.uint16)
    if not lacking:
        return ''
    has = f'{image.shape[2]} of {8 * image.itemsize} bits'
    return f'need {lacking}, and the images have {has}'


class Uniform(Struct, forbid_unknown_fields=True):
    """A policy that prefers no candidate."""

    space: Any
    total_prob: Annotated[float, Meta(ge=0, le=1)]


def uniform_policy(config: Mapping[str, Any], name: str) -> PolicySchedule:
    """Build the policy of one row that prefers no candidate of a space.

    Args:
        config: ``space`` as in a search, and ``total_prob``, ``p_tp`` in [0, 1].
        name: Where the settings stand, for messages.

    Raises:
        SettingError: If a key or a value is not usable.
    """
    uniform = typed(config, Uniform, name, '.')
    space = build_space(uniform.space, f'{name}.space')
    return PolicySchedule.uniform(space, uniform.total_prob)


class CandidateOps:
    """The K operations of a space, ready to be applied to mm's ``results``.

    Args:
        space: The search space.
        source: Where it came from; error messages begin with it.

    Raises:
        SettingError: If an operation is not in the table, or takes no such level.
    """

    def __init__(self, space: SearchSpace, source: str = 'the policy') -> None:
        self.space, self.source = space, source
        try:
            self.constants = resolve_constants(space.table, **space.constants)
            self.candidates = [
                (ops.get_op(space.table, name), level)
                for name, level in space.candidates
            ]
            for spec, level in self.candidates:
                spec.argument(level, np.random.default_rng(0), self.constants)
        except (TypeError, ValueError) as error:
            raise SettingError(f'{source} cannot be applied: {error}') from None
        specs = [spec for spec, _ in self.candidates]
        self.moves = any(spec.moves for spec in specs)
        self.needs_boxes = any(spec.needs_boxes for spec in specs)
        self.of_bytes = {spec.name for spec in specs if spec.lacks(3, True)}

    def apply(
        self, results: dict[str, Any], policy: list[int], rng: np.random.Generator
    ) -> dict[str, Any]:
        """Return ``results`` augmented by the candidates of one policy, in order.

        Boxes with less than one pixel of width or height left are dropped, with
        everything that is indexed by them. What no candidate of the space looks at or
        moves passes, whatever it is.

        Args:
            results: mm's dict of a sample; left as it is.
            policy: N_o candidate indices.
            rng: Source of all randomness inside the operations.

        Raises:
            SettingError: If the sample holds something that cannot be moved.
        """
        steps = [self.candidates[index] for index in policy]
        return self.apply_steps(results, steps, rng)

    def apply_steps(
        self,
        results: dict[str, Any],
        steps: Sequence[tuple[OpSpec, float | None]],
        rng: np.random.Generator,
    ) -> dict[str, Any]:
        """Return ``results`` augmented by rows of the table, see :meth:`apply`.

        Args:
            results: mm's dict of a sample; left as it is.
            steps: Rows with their levels.
            rng: Source of all randomness inside the operations.
        """
        self.check_bits(results)
        sample = unpack(results, self.needs_boxes, self.moves)
        if self.moves:
            self._check_ignored(results)
        moved = False
        for spec, level in steps:
            sample = apply_to_sample(spec, level, sample, rng, self.constants)
            moved = moved or spec.moves_boxes
        packed = pack(results, sample, self.moves)
        return drop_vanished(packed, sample.boxes) if moved else packed

    def check_bits(self, results: Mapping[str, Any]) -> None:
        """Check that every candidate knows images of so many bits, drawn or not.

        Raises:
            SettingError: Naming the operations that do not.
        """
        if self.of_bytes and getattr(results.get('img'), 'dtype', None) == np.uint16:
            raise SettingError(
                f'{self.source} has {", ".join(sorted(self.of_bytes))}, which need '
                f'8 bits, but {results.get("img_path", "the image")} has 16; search '
                'on such images, or load them as 8 bits'
            )

    def _check_ignored(self, results: dict[str, Any]) -> None:
        fill = self.constants.seg_fill
        ignored = results.get('ignore_index', fill)
        if results.get('gt_seg_map') is not None and ignored != fill:
            raise SettingError(
                f'LoadAnnotations has ignore_index={ignored}, but operations fill '
                f'gt_seg_map with {fill}; set space.constants=dict(seg_fill={ignored})'
            )
