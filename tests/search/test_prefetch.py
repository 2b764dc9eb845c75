"""Batches ahead of the step that uses them."""

import pytest
import torch

from ddas_mm.search.data import one_ahead, prefetched


def test_batches_pass_untouched_and_not_ahead_on_a_cpu():
    asked = []

    def batches():
        for number in range(3):
            asked.append(number)
            yield [number]

    found = []
    for batch in prefetched(batches(), torch.device('cpu')):
        found.append(batch)
        assert len(asked) == len(found)
    assert found == [[0], [1], [2]]


@pytest.mark.parametrize('size', [0, 1, 4])
def test_next_batch_is_started_after_this_one_is_there_and_before_it_is_used(size):
    events = []

    def start(batch):
        events.append(f'start {batch}')
        return batch

    for batch in one_ahead(range(size), start, lambda: events.append('wait')):
        events.append(f'use {batch}')
    expected = ['start 0'] if size else []
    for number in range(size):
        following = [f'start {number + 1}'] if number + 1 < size else []
        expected += ['wait', *following, f'use {number}']
    assert events == expected


@pytest.mark.gpu
def test_batches_reach_the_device_whole():
    batches = [{'views': [torch.full((500, 500), float(n))]} for n in range(6)]
    device = torch.device('cuda')
    for number, batch in enumerate(prefetched(batches, device)):
        (view,) = batch['views']
        assert view.device.type == 'cuda'
        assert (view @ view)[0, 0].item() == 500.0 * number**2
