"""Pictures of what candidates and policies do to an image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from ddas_mm.core import PolicySchedule, SearchSpace
from ddas_mm.data.adapter import unpack
from ddas_mm.data.space import CandidateOps
from ddas_mm.errors import SettingError
from ddas_mm.ops import Sample
from ddas_mm.visualization.contact_sheet import Picture

TRIES = 20  # draws per candidate until one shows


class ImagePictures:
    """Pictures of one image of the training data.

    Args:
        space: Candidates and constants.
        results: mm's dict of the image, before DDASAugment; left as it is.
        seed: Seed of all randomness.
    """

    def __init__(self, space: SearchSpace, results: dict[str, Any], seed: int) -> None:
        self.labels, self.ops, self.seed = space.labels, CandidateOps(space), seed
        # ids tell who is left in the end
        boxes = results.get('gt_bboxes')
        ids = {} if boxes is None else {'gt_instances_ids': np.arange(len(boxes))}
        self.results = {**results, **ids}

    def original(self) -> Picture:
        """Return the image as it is."""
        return self._picture('original', self.results)

    def candidate(self, index: int) -> Picture:
        """Return the image after a candidate, which is drawn until it shows."""
        for attempt in range(TRIES):
            rng = np.random.default_rng([self.seed, index, attempt])
            done = self.ops.apply(self.results, [index], rng)
            changed = not np.array_equal(done['img'], self.results['img'])
            if changed:
                break
        label = self.labels[index]
        return self._picture(label if changed else f'{label} (no change)', done)

    def samples(
        self, schedule: PolicySchedule, row: int, number: int
    ) -> Iterator[Picture]:
        """Yield the image after policies drawn from one row of a schedule."""
        for sample in range(number):
            rng = np.random.default_rng([self.seed, sample])
            policy = schedule.row(row).draw(rng)
            done = self.ops.apply(self.results, policy, rng)
            title = '\n'.join(self.labels[k] for k in policy)
            yield self._picture(title or 'not augmented', done)

    def _picture(self, title: str, done: dict[str, Any]) -> Picture:
        """Return the picture of a sample; says how many boxes are left."""
        ids = done.get('gt_instances_ids', ())
        total = len(self.results.get('gt_instances_ids', ()))
        if len(ids) < total:
            title += f'\n{len(ids)} of {total} boxes left'
        try:
            sample = unpack(done)
        except SettingError:  # of boxes that the space leaves alone
            sample, ids = Sample(done['img']), ()
        if self.ops.constants.channel_order == 'bgr':
            image = np.ascontiguousarray(sample.image[..., ::-1])
            sample = replace(sample, image=image)
        return Picture(title, sample, ids)
