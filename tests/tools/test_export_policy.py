"""Exported policies: the target's own operations, run on images, against ours."""

import importlib.util
import json
import runpy
import sys

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope

from ddas_mm.errors import SettingError
from ddas_mm.export import TARGETS, export_policy, static_policy
from ddas_mm.ops import apply_op, resolve_constants
from ddas_mm.policy import PolicySchedule, SearchSpace, write_policy
from tools.analysis_tools import export_policy as tool

H, W = 64, 96
DETECTION = resolve_constants('detection', translate_const=W * 0.4).to_dict()
CLASSIFICATION = resolve_constants('classification').to_dict()
EXACT, GREY = 0.0, 1.0  # largest difference of a pixel
# Share of pixels that nearest-neighbour sampling may place elsewhere, by one pixel.
WARP = 0.07


def image():
    rng = np.random.default_rng(0)
    small = rng.integers(20, 230, (8, 12, 3), dtype=np.uint8)
    return cv2.resize(small, (W, H), interpolation=cv2.INTER_CUBIC)


def space(table, *candidates, depth=1):
    constants = DETECTION if table == 'detection' else CLASSIFICATION
    return SearchSpace(table, candidates, depth, constants)


def schedule_of(space, total_prob=1.0):
    uniform = np.full(len(space), 1 / len(space))
    return PolicySchedule.from_snapshots(space, [(total_prob, uniform)])


def ours(table, name, level):
    """Every image that a candidate makes: one, or one per sign."""
    constants = DETECTION if table == 'detection' else CLASSIFICATION
    found = [
        apply_op(
            table,
            name,
            level,
            image(),
            np.zeros((0, 4)),
            np.random.default_rng(seed),
            **constants,
        )[0]
        for seed in range(8)
    ]
    return list(np.unique(found, axis=0))


def build(target, text, folder):
    """The exported text as a function of a BGR image."""
    path = folder / f'{target}_policy.py'
    path.write_text(text)
    if target in ('mmdet', 'mmpretrain'):
        importlib.import_module(f'{target}.datasets')
        init_default_scope(target)
        step = Compose([Config.fromfile(path).ddas_static_policy])
        return lambda array: step({'img': array, 'img_shape': array.shape[:2]})['img']
    spec = importlib.util.spec_from_file_location('exported', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if target == 'albumentations':
        return lambda array: bgr(module.policy(image=bgr(array))['image'])
    tensor = lambda array: torch.from_numpy(bgr(array)).permute(2, 0, 1)  # noqa: E731
    return lambda array: bgr(
        module.policy(tensor(array)).permute(1, 2, 0).numpy().astype(np.uint8)
    )


def bgr(array):
    return np.ascontiguousarray(array[..., ::-1])


def theirs(target, table, name, level, folder):
    text = export_policy(
        static_policy(schedule_of(space(table, (name, level)))), target, (W, H)
    ).text
    run = build(target, text, folder)
    np.random.seed(0)  # noqa: NPY002  what mm's steps draw from
    torch.manual_seed(0)
    return list(np.unique([run(image()) for _ in range(12)], axis=0))


def differences(target, table, name, level, folder):
    """Between each image of theirs and the nearest of ours, as many as there are."""
    mine = ours(table, name, level)
    found = theirs(target, table, name, level, folder)
    assert len(found) == len(mine)
    for other in found:
        gaps = [np.abs(one.astype(int) - other) for one in mine]
        yield min(gaps, key=lambda gap: gap.mean())


CASES = [
    ('detection', 'Identity', None, EXACT),
    ('detection', 'AutoContrast', None, GREY),
    ('detection', 'Equalize', None, EXACT),
    ('detection', 'Invert', None, EXACT),
    ('detection', 'Posterize', 6, EXACT),
    ('detection', 'Solarize', 6, EXACT),
    ('detection', 'SolarizeAdd', 6, EXACT),
    ('detection', 'Color', 10, GREY),
    ('detection', 'Contrast', 10, GREY),
    ('detection', 'Brightness', 10, GREY),
    ('detection', 'FlipLR_BBox', None, EXACT),
    ('detection', 'FlipUD_BBox', None, EXACT),
    ('detection', 'Rotate_BBox', 6, WARP),
    ('detection', 'Rotate90_BBox', None, WARP),
    ('detection', 'ShearX_BBox', 10, WARP),
    ('detection', 'ShearY_BBox', 10, WARP),
    ('detection', 'TranslateX_BBox', 5, WARP),
    ('detection', 'TranslateY_BBox', 5, WARP),
    ('classification', 'Posterize', 6, EXACT),
    ('classification', 'Posterize', 14, EXACT),  # one bit at least
    ('classification', 'Solarize', 6, EXACT),
    ('classification', 'Brightness', 10, GREY),
    ('classification', 'Rotate', 6, WARP),
    ('classification', 'TranslateX', 16, WARP),  # half: mmdet rounds to tenths
]
LACKING = {
    'torchvision': ['SolarizeAdd'],
    'albumentations': ['SolarizeAdd'],
}


@pytest.mark.parametrize('target', TARGETS)
@pytest.mark.parametrize(
    ('table', 'name', 'level', 'bound'),
    CASES,
    ids=[f'{c[0][:3]}-{c[1]}' for c in CASES],
)
def test_target_does_what_ours_does(target, table, name, level, bound, tmp_path):
    if name in LACKING.get(target, []):
        pytest.skip(f'{target} has no {name}')
    if target == 'albumentations':
        pytest.importorskip('albumentations')
    if target == 'albumentations' and name.startswith('Shear'):
        pytest.skip('albumentations shears about the middle, which the export says')
    if target == 'albumentations' and name == 'Equalize':
        bound = 3 * GREY  # its rounding, which the export says
    if target == 'mmdet' and name.startswith('TranslateY'):
        pytest.skip('0.3 of the height is no multiple that ours can be given too')
    for gap in differences(target, table, name, level, tmp_path):
        if bound == WARP:
            assert (gap.max(-1) > 12).mean() < WARP
        else:
            assert gap.max() <= bound


# Of the classes by whose names Ultralytics knows that boxes move (its data/augment.py).
MOVING = {'Affine', 'HorizontalFlip', 'VerticalFlip', 'NoOp', 'Rotate', 'Transpose'}


@pytest.mark.parametrize(
    ('name', 'level'),
    [(name, level) for table, name, level, _ in CASES if name.endswith('_BBox')]
    + [('Equalize', None)],
)
def test_boxes_move_as_ours_in_a_trainer_that_takes_a_list(name, level, tmp_path):
    """As Ultralytics does it, which looks at the list's own classes alone."""
    module = pytest.importorskip('albumentations')
    if name.startswith('Shear'):
        pytest.skip('albumentations shears about the middle, which the export says')
    box = np.array([[30.0, 20.0, 60.0, 44.0]])
    mine = {
        tuple(
            apply_op(
                'detection',
                name,
                level,
                image(),
                box,
                np.random.default_rng(seed),
                **DETECTION,
            )[1][0]
        )
        for seed in range(8)
    }
    exported = export_policy(
        static_policy(schedule_of(space('detection', (name, level)))),
        'albumentations',
        (W, H),
    )
    (tmp_path / 'exported.py').write_text(exported.text)
    steps = runpy.run_path(tmp_path / 'exported.py')['transforms']
    assert MOVING & {type(step).__name__ for step in steps}
    run = module.Compose(
        steps,
        bbox_params=module.BboxParams(format='yolo', label_fields=['class_labels']),
        seed=0,
    )
    shares = box_shares(box)
    found = [
        run(image=image(), bboxes=shares, class_labels=np.array([[3]]))['bboxes'][0]
        for _ in range(12)
    ]
    for other in found:
        gaps = [np.abs(box_shares(np.array([one]))[0] - other) for one in mine]
        assert min(gap.max() for gap in gaps) < 1.5 / H  # of a pixel's centre
    assert len(np.unique(np.round(found, 4), axis=0)) == len(mine)


def box_shares(boxes):
    """Centre, width and height as shares of the image."""
    low, high = boxes[:, :2], boxes[:, 2:]
    return np.hstack([(low + high) / 2, high - low]) / (W, H, W, H)


def test_rows_are_the_last_or_the_mean():
    one = space('detection', ('Equalize', None), ('Invert', None))
    schedule = PolicySchedule.from_snapshots(
        one, [(0.2, np.array([0.1, 0.9])), (0.6, np.array([0.5, 0.5]))]
    )
    last, mean = static_policy(schedule), static_policy(schedule, None)
    assert (last.total_prob, mean.total_prob) == (0.6, pytest.approx(0.4))
    np.testing.assert_allclose(mean.op_probs, [[0.3, 0.7]])


@pytest.fixture
def policy_file(tmp_path):
    candidates = (('Equalize', None), ('Flip_Only_BBoxes', None), ('Color', 4))
    schedule = PolicySchedule.from_snapshots(
        space('detection', *candidates, depth=2), [(0.3, np.array([0.5, 0.2, 0.3]))]
    )
    write_policy(schedule, tmp_path / 'policy.json')
    return tmp_path / 'policy.json'


def run_tool(monkeypatch, *arguments):
    monkeypatch.setattr(sys, 'argv', ['export_policy.py', *map(str, arguments)])
    tool.main()


def test_what_is_lost_is_said(policy_file, monkeypatch, capsys):
    out = policy_file.with_name('out.json')
    run_tool(monkeypatch, policy_file, '--to', 'mmdet', '--out', out)
    told = capsys.readouterr().err
    assert 'no counterpart for Flip_Only_BBoxes (20.0% of p_o)' in told
    assert 'Color 4: 0.82 is rounded to 0.8' in told
    data = json.loads(out.read_text())
    assert (data['total_prob'], data['depth']) == (0.3, 2)
    probs = {choice['candidate']: choice['prob'] for choice in data['choices']}
    assert probs == pytest.approx({'Equalize': 0.5 / 0.8, 'Color 4': 0.3 / 0.8})


@pytest.mark.parametrize('target', ['mmdet', 'torchvision'])
def test_images_are_augmented_as_often_as_p_tp_says(policy_file, target, monkeypatch):
    """With N_o = 2 draws of Equalize or Color 4, only p_tp leaves an image alone."""
    out = policy_file.with_name('out.py')
    run_tool(monkeypatch, policy_file, '--to', target, '--out', out)
    run = build(target, out.read_text(), policy_file.parent)
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)
    changed = np.mean([(run(image()) != image()).any() for _ in range(400)])
    assert abs(changed - 0.3) < 4 * np.sqrt(0.3 * 0.7 / 400)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--row', '2'], "--row must be 1 to 1.*'2'"),
        (['--out', 'x.txt'], r'--out must end in .py or .json'),
        (['--image-size', '0', '4'], '--image-size must be positive'),
    ],
)
def test_unusable_argument_is_named(policy_file, monkeypatch, arguments, message):
    with pytest.raises(SettingError, match=message):
        run_tool(monkeypatch, policy_file, '--to', 'mmdet', *arguments)


def test_policy_that_a_target_has_nothing_of_is_refused():
    schedule = schedule_of(space('detection', ('Flip_Only_BBoxes', None)))
    with pytest.raises(SettingError, match='mmdet offers none'):
        export_policy(static_policy(schedule), 'mmdet')
