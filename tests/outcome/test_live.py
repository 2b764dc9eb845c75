"""What TensorBoard, WandB and files are shown of a search, read back from them."""

import re
import struct
from collections import defaultdict

import cv2
import numpy as np
import pytest
import torch
from mmengine.registry import VISBACKENDS
from mmengine.visualization import BaseVisBackend
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ddas_mm.outcome.record import gpu_hours
from ddas_mm.policy import read_policy
from tests import toy

EPOCHS, STEPS = 4, 3
HOURS = 'ddas/gpu_hours' if torch.cuda.is_available() else 'ddas/hours'
BLOCK = 1 << 15  # bytes, of WandB's files
EVERYTHING = {'scalars': 0, 'images': 0}


def search(work_dir, *backends, epochs=EPOCHS, **changes):
    visualizer = dict(type='Visualizer', vis_backends=[dict(b) for b in backends])
    options = {'train_cfg.max_epochs': epochs, 'visualizer': visualizer, **changes}
    runner = toy.build_runner(work_dir, **options)
    runner.train()
    return read_policy(work_dir / 'policy.json')


def events_of(work_dir):
    """Scalars and images by tag, lists of (step, value), of all runs in a work_dir."""
    scalars, images = defaultdict(list), defaultdict(list)
    for folder in sorted(work_dir.glob('*/vis_data')):
        events = EventAccumulator(str(folder), size_guidance=EVERYTHING).Reload()
        for tag in events.Tags()['scalars']:
            scalars[tag] += [(e.step, e.value) for e in events.Scalars(tag)]
        for tag in events.Tags()['images']:
            images[tag] += [
                (e.step, e.encoded_image_string) for e in events.Images(tag)
            ]
    return scalars, images


def check_curves(scalars, schedule):
    """Every candidate has a curve, with a point per row of the policy."""
    curves = {tag[4:]: row for tag, row in scalars.items() if tag.startswith('p_o/')}
    assert sorted(curves) == sorted(schedule.space.labels)
    for k, label in enumerate(schedule.space.labels):
        steps, values = zip(*curves[label], strict=True)
        assert steps == tuple(range(1, len(schedule) + 1)), label
        np.testing.assert_allclose(values, schedule.op_probs[:, k], rtol=1e-6)
        step, effect = scalars[f'effect/{label}'][-1]
        assert step == len(schedule)
        found = schedule.search['effects'][k]['effect']
        assert effect == pytest.approx(found, rel=1e-6)
    # logged at every step: an epoch's last is what the policy's row holds
    ends = [(i, value) for i, value in scalars['ddas/total_prob'] if i % STEPS == 0]
    assert [i for i, _ in ends] == list(range(STEPS, STEPS * EPOCHS + 1, STEPS))
    found = [value for _, value in ends]
    np.testing.assert_allclose(found, schedule.total_prob_raw, rtol=1e-6)


TENSORBOARD, LOCAL = {'type': 'TensorboardVisBackend'}, {'type': 'LocalVisBackend'}
IMAGES = {'custom_hooks.0.image_interval': 3}


@pytest.fixture(scope='module')
def shown(tmp_path_factory):
    folder = tmp_path_factory.mktemp('shown')
    return folder, search(folder, TENSORBOARD, LOCAL, **IMAGES)


def test_tensorboard_shows_each_row_of_the_policy(shown):
    folder, schedule = shown
    scalars, _ = events_of(folder)
    check_curves(scalars, schedule)
    for tag in ('ddas/entropy', 'ddas/alignment', 'ddas/steps_per_s', HOURS):
        assert scalars[tag], tag


def test_images_are_sent_every_third_epoch_and_at_the_end(shown):
    folder, _ = shown
    (local,) = folder.glob('*/vis_data/vis_image')
    _, images = events_of(folder)
    for tag in ('op_probs', 'candidates'):
        assert [step for step, _ in images[tag]] == [3, 4]
        for step, code in images[tag]:
            image = cv2.imdecode(np.frombuffer(code, np.uint8), cv2.IMREAD_COLOR)
            np.testing.assert_array_equal(
                image, cv2.imread(f'{local}/{tag}_{step}.png')
            )


def test_sheet_holds_a_row_of_original_and_candidates_per_image(shown):
    """Of flat 8 x 8 pixels drawn large, corners keep their colours."""
    folder, schedule = shown
    (path,) = folder.glob('*/vis_data/vis_image/candidates_4.png')
    sheet = cv2.imread(str(path))
    shown_images = toy.ToyDataset().load_data_list()
    count = len(schedule.space) + 1
    assert sheet.shape[1] == pytest.approx(count * 168, abs=10)
    spots = [i for i in shown_images if holds(sheet[:, :168], i['img'])]
    assert len(spots) == 2  # the first two of S_train


def holds(area, image):
    """Whether a toy image stands in an area, 160 pixels wide."""
    large = cv2.resize(image, (160, 160), interpolation=cv2.INTER_NEAREST)
    found = cv2.matchTemplate(area, large, cv2.TM_SQDIFF).min() / large.size
    return found < 300


def test_looking_changes_nothing(shown, tmp_path):
    _, schedule = shown
    plain = search(tmp_path, LOCAL)
    np.testing.assert_array_equal(schedule.op_probs, plain.op_probs)
    np.testing.assert_array_equal(schedule.total_prob_raw, plain.total_prob_raw)
    assert not list(tmp_path.glob('*/vis_data/vis_image'))


def test_curves_and_hours_go_on_after_a_resume(tmp_path):
    search(tmp_path / 'first', TENSORBOARD, epochs=2)
    path = tmp_path / 'first' / 'epoch_2.pth'
    checkpoint = torch.load(path, weights_only=False)
    checkpoint['ddas']['seconds'] += 7200
    torch.save(checkpoint, path)
    resume = {'resume': True, 'load_from': str(path), 'log_level': 'INFO'}
    schedule = search(tmp_path / 'second', TENSORBOARD, **resume)
    first, second = (events_of(tmp_path / name)[0] for name in ('first', 'second'))
    check_curves({tag: first[tag] + second[tag] for tag in second}, schedule)
    hours = [value for _, value in second[HOURS]]
    assert len(hours) == 2 * STEPS
    assert hours == sorted(hours)
    assert 2 < hours[0] <= hours[-1] < 2.1
    assert schedule.search['seconds'] > 7200
    log = next((tmp_path / 'second').glob('*/*.log')).read_text()
    lines = re.findall(r'Epoch\(train\) \[([34])\]\[([123])/3\].*', log)
    assert lines == [(epoch, step) for epoch in '34' for step in '123']
    for line in re.findall(r'Epoch\(train\).*', log):
        for name in ('eta: 0:00:', 'ddas/steps_per_s: ', f'{HOURS}: 2.0'):
            assert name in line


def test_gpu_hours_count_every_gpu_and_stand_in_the_log(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(torch.cuda, 'is_available', lambda: True)
        assert gpu_hours(5400.0, 4) == 6.0
    monkeypatch.setattr('ddas_mm.hook.gpu_hours', lambda seconds, ranks: 6.0)
    search(tmp_path, TENSORBOARD, epochs=1)
    scalars, _ = events_of(tmp_path)
    assert [value for _, value in scalars['ddas/gpu_hours']] == [6.0] * STEPS
    assert 'ddas/hours' not in scalars


@VISBACKENDS.register_module()
class BrokenVisBackend(BaseVisBackend):
    """Takes the log, as long as it holds no curves and images of ours."""

    experiment = None

    def _init_env(self):
        pass

    def add_scalars(self, scalar_dict, *args, **kwargs):
        if any(tag.startswith('p_o/') for tag in scalar_dict):
            raise ConnectionError('no route to host')

    def add_image(self, *args, **kwargs):
        raise ConnectionError('no route to host')


def test_a_backend_that_fails_is_told_once_and_the_search_goes_on(tmp_path):
    options = {'custom_hooks.0.image_interval': 1, 'log_level': 'WARNING'}
    schedule = search(tmp_path, {'type': 'BrokenVisBackend'}, **options)
    assert len(schedule) == EPOCHS
    log = next(tmp_path.glob('*/*.log')).read_text()
    told = re.findall(r'(\w[\w ]+) of the policy could not be sent .*no route', log)
    assert told == ['curves', 'images of curves', 'images of candidates']


def records_of(path):
    """The messages in a WandB run's file, which is a LevelDB log behind 7 bytes."""
    data, place, parts = path.read_bytes(), 7, []
    while place + 7 <= len(data):
        left = BLOCK - place % BLOCK
        if left < 7:  # no room for a head: the block is padded
            place += left
            continue
        _, size, kind = struct.unpack_from('<IHB', data, place)
        parts.append(data[place + 7 : place + 7 + size])
        place += 7 + size
        if kind in (1, 4):  # whole, or the last part
            yield b''.join(parts)
            parts.clear()


def test_wandb_is_sent_the_same_offline(tmp_path, monkeypatch):
    wandb = pytest.importorskip('wandb', reason='pip install wandb')
    from wandb.proto.wandb_internal_pb2 import Record

    monkeypatch.setenv('WANDB_SILENT', 'true')
    monkeypatch.chdir(tmp_path)
    backend = {'type': 'WandbVisBackend', 'init_kwargs': {'mode': 'offline'}}
    schedule = search(tmp_path / 'work', backend, **IMAGES)
    wandb.teardown()  # its process has written all
    (path,) = tmp_path.glob('work/**/run-*.wandb')
    curves = defaultdict(list)
    for record in map(Record.FromString, records_of(path)):
        for item in record.history.item:
            curves['/'.join(item.nested_key) or item.key].append(item.value_json)
    for k, label in enumerate(schedule.space.labels):
        values = [float(text) for text in curves[f'p_o/{label}']]
        np.testing.assert_allclose(values, schedule.op_probs[:, k], rtol=1e-6)
    for name in ('op_probs', 'candidates'):
        assert len(list(path.parent.glob(f'files/media/images/{name}_*.png'))) == 2
