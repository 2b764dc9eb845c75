"""Contact sheets: what is drawn where, of which image, and what is refused."""

import json
import sys

import cv2
import numpy as np
import pytest

from ddas_mm.augment.candidates import build_space
from ddas_mm.errors import SettingError
from ddas_mm.ops import Sample
from ddas_mm.outcome.pictures import Picture, draw_contact_sheet
from ddas_mm.policy import PolicySchedule, write_policy
from tools.analysis_tools import browse_augment

H, W = 30, 40
BOXES = [[2, 3, 12, 13], [24, 10, 36, 26]]
DETECTION = """
default_scope = 'mmdet'
train_dataloader = dict(
    dataset=dict(
        type='CocoDataset',
        data_root={root!r},
        ann_file='instances.json',
        data_prefix=dict(img=''),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations', with_bbox=True),
            dict(type='ddas_mm.DDASAugment', policy={policy!r}),
            dict(type='PackDetInputs'),
        ],
        metainfo=dict(classes=('thing',)),
    )
)
train_cfg = dict(
    max_epochs=4,
    space=dict(
        table='detection',
        ops=['FlipLR_BBox', 'Invert', 'Flip_Only_BBoxes', 'TranslateX_BBox'],
        levels=[4],
        constants=dict(translate_const=40),
    ),
)
work_dir = {root!r}
"""
CLASSIFICATION = """
custom_imports = dict(imports=['tests.toy'])
train_dataloader = dict(
    dataset=dict(
        type='ToyDataset',
        pipeline=[dict(type='ddas_mm.DDASAugment'), dict(type='ToyPack')],
    )
)
train_cfg = dict(space=dict(name='cifar'))
work_dir = {root!r}
"""


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    """Two images, the second of which has two objects."""
    folder = tmp_path_factory.mktemp('things')
    for i in range(2):
        image = np.full((H, W, 3), 60 * i + 20, np.uint8)
        image[:, : W - 10] = (200, 100, 0)  # blue on the left, as OpenCV writes
        cv2.imwrite(str(folder / f'{i}.png'), image)
    objects = [(0, [0, 0, 5, 5]), *((1, [x, y, X - x, Y - y]) for x, y, X, Y in BOXES)]
    instances = dict(
        images=[dict(id=i, file_name=f'{i}.png', height=H, width=W) for i in range(2)],
        categories=[dict(id=1, name='thing')],
        annotations=[
            dict(id=k, image_id=i, category_id=1, bbox=[x, y, w, h], area=w * h,
                 iscrowd=0, segmentation=[[x, y, x + w, y, x + w, y + h, x, y + h]])
            for k, (i, (x, y, w, h)) in enumerate(objects, 1)
        ],
    )  # fmt: skip
    (folder / 'instances.json').write_text(json.dumps(instances))
    return folder


@pytest.fixture(scope='module')
def policy(root):
    """Two rows: always Invert, then always FlipUD."""
    space = build_space(dict(table='detection', ops=['Invert', 'FlipUD_BBox'], depth=1))
    rows = [(1.0, np.array(p, float)) for p in ((1, 0), (0, 1))]
    write_policy(PolicySchedule.from_snapshots(space, rows), root / 'policy.json')
    return str(root / 'policy.json')


@pytest.fixture
def browse(root, monkeypatch):
    """Run the tool; return the pictures and heading that it draws."""
    drawn = {}

    def draw(pictures, heading, path, width):
        drawn.update(pictures=pictures, heading=heading)
        draw_contact_sheet(pictures, heading, path, width)

    def run(*args, text=DETECTION, policy=None):
        config = root / 'config.py'
        config.write_text(text.format(root=str(root), policy=policy))
        command = ['browse_augment.py', str(config), *map(str, args)]
        monkeypatch.setattr(sys, 'argv', command)
        browse_augment.main()
        return drawn['pictures'], drawn['heading']

    monkeypatch.setattr(browse_augment, 'draw_contact_sheet', draw)
    return run


def titles(pictures):
    return [picture.title for picture in pictures]


def test_every_candidate_is_drawn_on_the_chosen_image(browse, root):
    pictures, heading = browse('--index', 1, '--seed', 3)
    assert titles(pictures) == [
        'original',
        'FlipLR_BBox',
        'Invert',
        'Flip_Only_BBoxes',
        'TranslateX_BBox 4\n1 of 2 boxes left',
    ]
    assert heading.startswith('4 candidates on image 1 (1.png)')
    original, flipped, inverted, flipped_box, moved = (p.sample for p in pictures)
    assert original.image[0, 0].tolist() == [0, 100, 200]  # red, green, blue
    assert original.image[0, -1].tolist() == [80, 80, 80]
    assert original.boxes.tolist() == BOXES
    np.testing.assert_array_equal(flipped.image, original.image[:, ::-1])
    assert flipped.boxes.tolist() == [[W - X, y, W - x, Y] for x, y, X, Y in BOXES]
    np.testing.assert_array_equal(inverted.image, 255 - original.image)
    # draws are repeated until one shows: the second box, which has two colours
    changed = np.argwhere((flipped_box.image != original.image).any(2))
    assert changed.min(0).tolist() == [10, 24]
    assert changed.max(0).tolist() == [26, 36]
    # what is left keeps the colour of its number
    assert list(pictures[-1].ids) == ([1] if moved.boxes[0, 1] == 10 else [0])
    sheet = cv2.imread(str(root / 'augment_candidates.png'))
    assert min(sheet.shape[:2]) > 200


@pytest.mark.parametrize('form', ['bitmap', 'polygon'])
def test_masks_are_loaded_on_demand(browse, root, form):
    assert browse()[0][0].sample.masks is None
    out = root / 'new' / 'masks.PNG'
    pictures, _ = browse('--show-masks', form, '--index', 1, '--out', out)
    masks = pictures[1].sample.masks
    assert isinstance(masks, list if form == 'polygon' else np.ndarray)
    assert len(masks) == 2
    assert out.is_file()


@pytest.mark.parametrize('in_config', [True, False])
@pytest.mark.parametrize(
    ('epoch', 'name'),
    [(1, 'Invert'), (2, 'Invert'), (3, 'FlipUD_BBox'), (None, 'FlipUD_BBox')],
)
def test_samples_follow_the_row_of_the_epoch(browse, policy, epoch, name, in_config):
    args = ['--num-samples', 2] + ([] if epoch is None else ['--epoch', epoch])
    if in_config:
        pictures, heading = browse(*args, policy=policy)
    else:
        pictures, heading = browse(*args, '--policy', policy)
    assert titles(pictures) == ['original', name, name]
    assert f'in epoch {epoch or 4} of 4 (row {1 + (name != "Invert")} of 2)' in heading
    assert 'p_tp 1.000' in heading


def test_a_policys_candidates(browse, policy):
    pictures, _ = browse('--candidates', policy=policy)
    assert titles(pictures) == ['original', 'Invert', 'FlipUD_BBox (no change)']


def test_classification_images(browse):
    pictures, _ = browse(text=CLASSIFICATION)
    assert len(pictures) == 52
    assert all(picture.sample.image.shape == (8, 8, 3) for picture in pictures)
    assert all(len(picture.sample.boxes) == 0 for picture in pictures)


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (['--index', -1], '--index must be at least 0, but is -1'),
        (['--index', 2], '--index 2 is beyond the 2 training images'),
        (['--num-samples', 0], '--num-samples must be at least 1'),
        (['--width', 9], '--width must be at least 100'),
        (['--out', 'sheet.jpg'], "--out must end with .png, but is 'sheet.jpg'"),
        (['--epoch', 1], '--epoch needs a policy'),
        (['--policy', 'no.json'], 'no.json.*cannot be read'),
        (['--data-root', '/no'], "finds no '/no/instances.json'.*--data-root"),
        (['--cfg-options', 'train_dataloader=None'], 'has no train_dataloader'),
        (['--cfg-options', 'train_cfg.space=None'], 'neither train_cfg.space nor'),
    ],
)
def test_unusable_settings_are_named(browse, args, message):
    with pytest.raises(SettingError, match=message):
        browse(*args)


def test_epoch_beyond_the_training_and_masks_without_annotations(browse, policy):
    with pytest.raises(SettingError, match='--epoch must be within 1..4, but is 5'):
        browse('--policy', policy, '--epoch', 5)
    with pytest.raises(SettingError, match='--show-masks needs a LoadAnnotations'):
        browse('--show-masks', text=CLASSIFICATION)


def test_boxes_and_masks_lie_where_they_should(tmp_path):
    image = np.full((100, 200, 3), 255, np.uint8)
    box = np.array([[50, 20, 150, 80]], np.float32)
    bitmap = np.zeros((1, 100, 200), np.uint8)
    bitmap[0, 30:70, 60:140] = 1
    outline = np.array([60, 30, 140, 30, 140, 70, 60, 70], float)
    seen = []
    for masks in (bitmap, [[outline]]):
        path = tmp_path / 'sheet.png'
        picture = Picture('', Sample(image, box, masks), [1])
        draw_contact_sheet([picture], '', path, width=400)
        sheet = cv2.imread(str(path)).astype(int)
        ink = (sheet < 250).any(2)
        rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
        # twice the size, and the line: 100 x 60 px become 200 x 120
        assert abs(np.ptp(columns) - 200) <= 5
        assert abs(np.ptp(rows) - 120) <= 5
        inside = ink[rows[0] + 6 : rows[-1] - 5, columns[0] + 6 : columns[-1] - 5]
        filled = np.argwhere(inside)
        # 10 px from the box, at twice the size, on all sides
        assert np.abs(filled.min(0) + 6 - 20).max() <= 3
        assert np.abs(np.array(inside.shape) + 5 - filled.max(0) - 20).max() <= 3
        blue, green, red = sheet[rows.mean().astype(int), columns.mean().astype(int)]
        assert red > green > blue  # vermilion, the second colour
        seen.append(sheet[rows.mean().astype(int), columns.mean().astype(int)])
    assert np.abs(seen[0] - seen[1]).max() <= 2


def test_long_titles_and_headings_stay_on_the_sheet(tmp_path):
    picture = Picture(
        'AVeryLongNameOfAnOperation_Only_BBoxes 10\n7 of 8 boxes left',
        Sample(np.full((30, 20, 3), 255, np.uint8)),
    )
    for count in (1, 3, 59):
        path = tmp_path / 'sheet.png'
        draw_contact_sheet([picture] * count, 'MOST LIKELY ' * 40, path, width=100)
        ink = (cv2.imread(str(path)) < 200).any(2)
        frame = np.ones_like(ink)
        frame[3:-3, 3:-3] = False
        assert ink.any()
        assert not (ink & frame).any()
