"""No two random streams of a search are equal."""

import sys
from collections import defaultdict

import numpy as np

from ddas_mm import randomness as streams
from tests import toy

SEED = 3


def test_constants_differ_and_are_not_the_zeros_that_numpy_fills_up_with():
    constants = [value for name, value in vars(streams).items() if name.isupper()]
    assert 0 not in constants
    assert len(set(constants)) == len(constants) == 11


def test_streams_of_a_search_are_each_drawn_from_in_one_place(tmp_path, monkeypatch):
    """Also where seeds are equal, and epoch, pass, step and index all begin at zero."""
    places = defaultdict(set)

    def record(original):
        def recorded(key=None, *args):
            frame = sys._getframe(1)
            if frame.f_code.co_name == 'seed_generators':
                frame = frame.f_back
            if np.ravel(key)[0] == SEED and 'ddas_mm' in frame.f_code.co_filename:
                state = np.random.PCG64(seed_sequence(key)).state['state']['state']
                places[state].add((frame.f_code.co_filename, frame.f_lineno))
            return original(key, *args)

        return recorded

    seed_sequence = np.random.SeedSequence
    for name in ('default_rng', 'SeedSequence'):
        monkeypatch.setattr(np.random, name, record(getattr(np.random, name)))
    seeds = {'train_cfg.proxy.seed': SEED, 'randomness.seed': SEED}
    toy.build_runner(tmp_path, **seeds).train()
    assert len(places) > 100
    assert {len(where) for where in places.values()} == {1}
    assert len(set().union(*places.values())) >= 8
