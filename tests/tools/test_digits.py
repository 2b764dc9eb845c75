"""The embedded digits: expected values come from pixels, files and pycocotools."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from sklearn.datasets import load_digits

from tools.dataset_converters import digits

SCRIPT = Path(digits.__file__)
COUNTS = {'num_train': 6, 'num_val': 4, 'num_test': 3}


@pytest.fixture(scope='module')
def made(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp('digits') / 'set'
    digits.generate(out, {'version': 1, 'seed': 0, **COUNTS})
    return out


def run(*args) -> subprocess.CompletedProcess:
    command = [sys.executable, str(SCRIPT), *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def files_of(root: Path) -> dict[str, bytes]:
    paths = (path for path in root.rglob('*') if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in paths}


@pytest.mark.parametrize('camera', ['sideways', 'upside-down', 'mirrored'])
def test_cameras_move_boxes_with_their_pixels(camera):
    rng = np.random.default_rng(0)
    for _ in range(20):
        height, width = rng.integers(10, 40, 2)
        x1, y1 = rng.integers(0, (width - 2, height - 2))
        x2, y2 = rng.integers((x1 + 1, y1 + 1), (width + 1, height + 1))
        image = np.zeros((height, width, 3), np.uint8)
        image[y1:y2, x1:x2] = 255
        seen, boxes = digits.CAMERAS[camera](image, np.array([[x1, y1, x2, y2]]))
        left, top, w, h = cv2.boundingRect(seen[..., 0])
        sides = (width, height) if camera == 'sideways' else (height, width)
        assert seen.shape == (*sides, 3)
        assert boxes.tolist() == [[left, top, left + w, top + h]]


def test_quarter_turn_is_counter_clockwise_and_takes_no_boxes():
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    turned, boxes = digits.quarter_turn(image, np.zeros((0, 4)))
    # The camera's top right corner becomes the top left one.
    assert turned[0, 0].tolist() == image[0, 1].tolist()
    assert boxes.shape == (0, 4)


def test_other_cameras_see_what_they_are_called():
    image = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    seen = {
        name: see(image, np.zeros((0, 4)))[0] for name, see in digits.CAMERAS.items()
    }
    assert (seen['upside-down'] == image[::-1]).all()
    assert (seen['mirrored'] == image[:, ::-1]).all()
    mean, spread = image.mean(), image.std()
    assert abs(seen['dark'].mean() / mean - 0.35) < 0.01
    assert (seen['overexposed'][image > 116] == 255).all()
    assert np.allclose(
        seen['overexposed'][image < 116], 2.2 * image[image < 116], atol=1
    )
    assert abs(seen['low-contrast'].mean() - 127 - 0.3 * (mean - 127)) < 1
    assert abs(seen['low-contrast'].std() / spread - 0.3) < 0.01
    assert seen['blurred'].std() < spread / 2


def test_the_other_camera_sees_what_is_not_for_training(made, tmp_path):
    digits.generate(
        tmp_path / 'dark', {'version': 1, 'seed': 0, 'camera': 'dark', **COUNTS}
    )
    for split, (_, other) in digits.SPLITS.items():
        name = f'{split}/000001.jpg'
        ours, dark = (
            cv2.imread(str(folder / name)).mean()
            for folder in (made, tmp_path / 'dark')
        )
        assert dark == pytest.approx(ours * (0.35 if other else 1), rel=0.02)


def test_boxes_are_tight_round_the_ink(monkeypatch):
    # On a flat grey canvas, without grain, only ink differs from the ground.
    monkeypatch.setattr(
        digits, 'texture', lambda size, rng: np.full((size, size, 3), 128, np.float32)
    )
    source = load_digits().images
    for seed in range(30):
        rng = np.random.default_rng(seed)
        image, boxes, kept = digits.compose(source[seed : seed + 1], 128, (20, 48), rng)
        assert kept == [0]
        difference = cv2.GaussianBlur(image, (3, 3), 0).astype(int) - 128
        ground = np.median(difference, axis=(0, 1))
        ink = np.abs(difference - ground).sum(axis=2) > 60
        left, top, width, height = cv2.boundingRect(ink.astype(np.uint8))
        found = [left, top, left + width, top + height]
        np.testing.assert_allclose(boxes[0], found, atol=2)


def test_digits_are_20_to_48_pixels_high_and_hardly_overlap():
    source = load_digits().images
    rng = np.random.default_rng(1)
    for _ in range(30):
        chosen = source[rng.choice(len(source), 5)]
        _, boxes, kept = digits.compose(chosen, 128, (20, 48), rng)
        cover = np.zeros((128, 128), int)
        for x1, y1, x2, y2 in boxes:
            assert 15 <= y2 - y1 <= 52
            cover[y1:y2, x1:x2] += 1
        assert 1 <= len(boxes) == len(kept) <= 5
        assert (cover > 1).sum() <= 0.1 * (cover > 0).sum()


def test_no_handwritten_digit_is_in_two_splits():
    labels = load_digits().target
    parts = digits.partition(labels, seed=0)
    dealt = np.concatenate(list(parts.values()))
    assert sorted(dealt) == list(range(len(labels)))
    for part in parts.values():
        assert set(labels[part]) == set(range(10))
    assert set(parts['train']) != set(digits.partition(labels, seed=1)['train'])


@pytest.mark.filterwarnings('ignore:__array__:DeprecationWarning')  # pycocotools
@pytest.mark.parametrize('split', list(digits.SPLITS))
def test_annotations_load_in_pycocotools_and_fit_the_images(made, split):
    coco_api = pytest.importorskip('pycocotools.coco')
    coco = coco_api.COCO(str(made / 'annotations' / f'{split}.json'))
    assert [c['name'] for c in coco.loadCats(coco.getCatIds())] == list('0123456789')
    assert len(coco.getImgIds()) == COUNTS['num_' + split.split('_')[-1]]
    for info in coco.loadImgs(coco.getImgIds()):
        image = cv2.imread(str(made / split / info['file_name']))
        assert image.shape == (info['height'], info['width'], 3) == (128, 128, 3)
        entries = coco.loadAnns(coco.getAnnIds(info['id']))
        assert 1 <= len(entries) <= 5
        for entry in entries:
            x, y, width, height = entry['bbox']
            assert 0 <= x < x + width <= 128
            assert 0 <= y < y + height <= 128
            assert coco.annToMask(entry).sum() == entry['area'] == width * height


def test_deployment_images_lie_on_their_side(made):
    # Handwritten digits are higher than wide, by far most of them.
    for split, (_, sideways) in digits.SPLITS.items():
        content = json.loads((made / 'annotations' / f'{split}.json').read_text())
        boxes = np.array([entry['bbox'] for entry in content['annotations']])
        assert (boxes[:, 3].sum() < boxes[:, 2].sum()) == sideways


def test_classification_set_holds_every_digit_once(made):
    labels = load_digits().target
    folders = {path.parent for path in (made / 'cls').rglob('*.png')}
    assert len(folders) == 10 * len(digits.SPLITS)
    for label in range(10):
        files = list((made / 'cls').glob(f'*/{label}/*.png'))
        assert len(files) == (labels == label).sum()
    assert cv2.imread(str(files[0])).shape == (32, 32, 3)


def test_one_seed_gives_the_same_files_and_another_seed_others(made, tmp_path):
    for seed in (0, 1):
        digits.generate(tmp_path / str(seed), {'version': 1, 'seed': seed, **COUNTS})
    again, other = files_of(tmp_path / '0'), files_of(tmp_path / '1')
    assert again == files_of(made)
    assert other['train/000001.jpg'] != again['train/000001.jpg']


def test_command_says_when_the_set_is_there_and_refuses_other_parameters(made):
    before = files_of(made)
    numbers = ('--num-train', 6, '--num-val', 4, '--num-test', 3)
    same = run('--out', made, *numbers)
    assert (same.returncode, 'complete already' in same.stdout) == (0, True)
    other = run('--out', made, *numbers, '--seed', 1)
    assert other.returncode == 2
    assert 'choose another folder with --out' in other.stderr
    assert files_of(made) == before


def test_foreign_folder_is_refused_and_left_alone(tmp_path):
    (tmp_path / 'mine.txt').write_text('precious')
    refused = run('--out', tmp_path)
    assert refused.returncode == 2
    assert 'something else' in refused.stderr
    assert files_of(tmp_path) == {'mine.txt': b'precious'}


@pytest.mark.parametrize(
    'wrong', [('--num-val', 0), ('--seed', -1), ('--num-test', -3)]
)
def test_wrong_numbers_are_refused(tmp_path, wrong):
    refused = run('--out', tmp_path / 'set', *wrong)
    assert refused.returncode == 2
    assert not list(tmp_path.iterdir())


def test_a_failure_leaves_nothing_behind(tmp_path, monkeypatch):
    def full_disk(path, image):
        raise OSError('no space left')

    monkeypatch.setattr(digits, 'write_image', full_disk)
    with pytest.raises(OSError, match='no space left'):
        digits.generate(tmp_path / 'set', {'version': 1, 'seed': 0, **COUNTS})
    assert not list(tmp_path.iterdir())
