"""What a search records of each epoch."""

import json

import numpy as np
import pytest
import torch

from ddas_mm.outcome.record import epoch_history
from ddas_mm.search.gradients import ViewGradients
from tests import toy

EPOCHS, STEPS = 4, 3


@pytest.fixture
def seen(monkeypatch):
    """All alignments of a search; those of the fifth step are made not finite."""
    found = []
    align = ViewGradients.align

    def spy(self, val_batch):
        alignments = align(self, val_batch)
        if len(found) == 4:
            alignments[1] = torch.nan
        rate = self.update.optim_wrapper.optimizer.param_groups[0]['lr']
        found.append(alignments.double().numpy() / rate)
        return alignments

    monkeypatch.setattr(ViewGradients, 'align', spy)
    return found


def history_of(work_dir):
    return json.loads((work_dir / 'policy.json').read_text())['search']['history']


def search(work_dir, **changes):
    toy.build_runner(work_dir, **{'train_cfg.max_epochs': EPOCHS, **changes}).train()


def test_history_holds_signal_and_skipped_steps_of_each_epoch(tmp_path, seen):
    search(tmp_path)
    history = history_of(tmp_path)
    assert history['skipped_steps'] == [0, 1, 0, 0]
    epochs = np.reshape(seen, (EPOCHS, STEPS, -1))
    kept = [epochs[0], epochs[1, [0, 2]], epochs[2], epochs[3]]
    strength = [np.abs(rows).mean() for rows in kept]
    np.testing.assert_allclose(history['alignment'], strength, rtol=1e-5)
    helped = [(rows < 0).mean() for rows in kept]
    np.testing.assert_allclose(history['helped'], helped, rtol=1e-5)


def test_history_survives_a_resume(tmp_path):
    search(tmp_path / 'whole')
    checkpoint = str(tmp_path / 'whole' / 'epoch_2.pth')
    search(tmp_path / 'resumed', resume=True, load_from=checkpoint)
    assert history_of(tmp_path / 'resumed') == history_of(tmp_path / 'whole')
    assert len(history_of(tmp_path / 'whole')['alignment']) == EPOCHS


def test_history_holds_the_mean_learning_rate_of_each_epoch(tmp_path):
    # steps 0 to 4 at 0.1, then a tenth of it, then a hundredth from step 8
    drop = dict(type='MultiStepLR', milestones=[5, 8], by_epoch=False)
    search(tmp_path, param_scheduler=drop)
    first, second, third = 0.1, (2 * 0.1 + 0.01) / 3, (2 * 0.01 + 0.001) / 3
    expected = [first, second, third, 0.001]
    found = history_of(tmp_path)['learning_rate']
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_learning_rate_of_zero_is_no_error(tmp_path):
    search(tmp_path / 'still', **{'optim_wrapper.optimizer.lr': 0.0})
    history = history_of(tmp_path / 'still')
    assert history['alignment'] == [0.0] * EPOCHS
    assert history['skipped_steps'] == [STEPS] * EPOCHS


def test_history_needs_all_steps_and_no_hook_of_mmengines(tmp_path):
    runner = toy.build_runner(tmp_path, **{'default_hooks.runtime_info': None})
    runner.train()
    assert len(history_of(tmp_path)['alignment']) == 2
    assert epoch_history(runner, 3) == {}
