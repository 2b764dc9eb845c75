"""The parts of the study: what each of them runs, in this order."""

from itertools import chain

import classifier_jobs as classifiers
import detector_jobs as detectors

PARTS = {
    'S': detectors.new_camera,
    'A': classifiers.paper_search,
    'B': classifiers.in_domain,
    'B1000': lambda scale: classifiers.in_domain(scale, 1000, 'B1000'),
    'T': classifiers.tried,
    'C': classifiers.shift_bench,
    'CD': detectors.cameras,
    'D1': lambda scale: classifiers.ranking(scale, 'D1'),
    'D2': lambda scale: classifiers.ranking(scale, 'D2'),
    'D3': detectors.cells_ranking,
    'E': detectors.real_cells,
    'R': lambda scale: chain(
        detectors.detector_rates(scale), classifiers.classifier_rates(scale)
    ),
}
