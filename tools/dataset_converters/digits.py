"""Make the embedded data set: real handwritten digits on cluttered canvases.

Training images are upright. The ``deploy_*`` images come from another camera, which is
mounted sideways unless ``--camera`` says otherwise. What the folder holds::

    train/ deploy_val/ deploy_test/ upright_test/     128 x 128 JPEG images
    annotations/<split>.json                          COCO boxes, classes '0' .. '9'
    cls/<split>/<digit>/                              the same digits, 32 x 32 PNG
    digits.json                                       the parameters of this run

No handwritten digit is in two splits. One seed gives the same images every time.

Examples:
  python tools/dataset_converters/digits.py --out data/digits
  python tools/dataset_converters/digits.py --out data/digits_dark --camera dark
"""

import json
import os
import shutil
import sys
from pathlib import Path

sys.path.insert(0, __file__.rpartition('/tools/')[0])

import cv2
import numpy as np
from numpy import ndarray
from numpy.random import Generator, default_rng

from ddas_mm.cli.parser import ToolParser, track
from ddas_mm.cli.stop import stoppable

CANVAS, TILE = 128, 32  # pixels of a detection and of a classification image
INK = 0.3  # opacity from which a pixel belongs to the digit, and so to its box
MARKER = 'digits.json'  # written last: where it is, the data set is complete
SIDEWAYS = {'camera': 'sideways'}  # what is meant where nothing is said
# name: (share of the handwritten digits, are they seen by the other camera?)
SPLITS = {
    'train': (0.5, False),
    'deploy_val': (0.2, True),
    'deploy_test': (0.15, True),
    'upright_test': (0.15, False),
}


def partition(labels: ndarray, seed: int) -> dict[str, ndarray]:
    """Deal (N,) labelled digits out, class by class: indices for each split."""
    rng = default_rng([seed, len(SPLITS)])
    cuts = np.cumsum([share for share, _ in SPLITS.values()])[:-1]
    dealt = []
    for label in np.unique(labels):
        indices = rng.permutation(np.flatnonzero(labels == label))
        dealt.append(np.split(indices, np.round(cuts * len(indices)).astype(int)))
    parts = map(np.concatenate, zip(*dealt, strict=True))
    return dict(zip(SPLITS, parts, strict=True))


def quarter_turn(image: ndarray, boxes: ndarray) -> tuple[ndarray, ndarray]:
    """Turn an image counter-clockwise by 90 degrees, and its (N, 4) xyxy boxes."""
    x1, y1, x2, y2 = boxes.T
    turned = np.stack([y1, image.shape[1] - x2, y2, image.shape[1] - x1], axis=1)
    return np.ascontiguousarray(np.rot90(image)), turned


def mirror(image: ndarray, boxes: ndarray, axis: int) -> tuple[ndarray, ndarray]:
    """Turn an image's axis 0 or 1 round, and its (N, 4) xyxy boxes."""
    low, high, mirrored = 1 - axis, 3 - axis, boxes.copy()
    mirrored[:, [low, high]] = image.shape[axis] - boxes[:, [high, low]]
    return np.ascontiguousarray(np.flip(image, axis)), mirrored


# name: what the camera makes of an image and of its (N, 4) xyxy boxes
CAMERAS = {
    'sideways': quarter_turn,
    'upside-down': lambda image, boxes: mirror(image, boxes, axis=0),
    'mirrored': lambda image, boxes: mirror(image, boxes, axis=1),
    'dark': lambda image, boxes: (np.uint8(image * 0.35), boxes),
    'overexposed': lambda image, boxes: (np.uint8(np.minimum(image * 2.2, 255)), boxes),
    'low-contrast': lambda image, boxes: (np.uint8(image * 0.3 + 89), boxes),
    'blurred': lambda image, boxes: (cv2.GaussianBlur(image, (0, 0), 2), boxes),
}


def ink_alpha(digit: ndarray, height: int, stretch: float) -> ndarray:
    """Return a digit's opacity in [0, 1], scaled up smoothly and cut to its ink.

    ``digit`` is (8, 8) with grey levels 0 .. 16; ``height`` is what its eight rows
    become, in pixels; ``stretch`` is the width of a column in heights of a row.
    """
    padded = np.pad(np.float32(digit) / 16, 1)
    size = (round(10 * height / 8 * stretch), round(10 * height / 8))
    grey = cv2.resize(padded, size, interpolation=cv2.INTER_CUBIC)
    alpha = np.clip((grey - 0.3) / 0.4, 0, 1)  # a pen's edge, not a blur
    left, top, width, height = cv2.boundingRect(np.uint8(alpha >= INK))
    return alpha[top : top + height, left : left + width]


def shades(strength: float, shape: tuple, rng: Generator) -> ndarray:
    """Return random (..., 3) shifts in brightness, with some colour in them."""
    colour = rng.normal(0, strength / 2, (*shape, 3))
    return np.float32(rng.normal(0, strength, (*shape, 1)) + colour)


def texture(size: int, rng: Generator) -> ndarray:
    """Return a (size, size, 3) float32 background: clouds, lines and patches."""
    canvas = np.float32(rng.uniform(80, 175)) + shades(20, (1, 1), rng)
    for cells, strength in ((2, 18), (5, 10), (17, 6)):
        grid = shades(strength, (cells, cells), rng)
        canvas = canvas + cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC)
    for _ in range(rng.integers(3, 10) * size // CANVAS):
        mask = np.zeros((size, size), np.float32)
        start, end = rng.integers(0, size, (2, 2)).tolist()
        if filled := rng.random() < 0.3:
            cv2.rectangle(mask, start, end, 1.0, cv2.FILLED)
        else:
            cv2.line(mask, start, end, 1.0, int(rng.integers(1, 4)), cv2.LINE_AA)
        canvas += mask[..., None] * shades(12 if filled else 22, (), rng)
    return canvas


def ink_colour(under: ndarray, rng: Generator) -> ndarray:
    """Return a colour clearly brighter or darker than the pixels under the digit."""
    base, contrast = under.mean(axis=(0, 1)), rng.uniform(75, 130) * rng.choice([-1, 1])
    flip = -1 if not 0 <= base.mean() + contrast <= 255 else 1
    return base + flip * contrast + rng.normal(0, 25, 3)


def find_place(shape: tuple, taken: list, size: int, rng: Generator) -> ndarray | None:
    """Return an xyxy box of a (height, width), or None where all is too crowded."""
    extent, others = np.array(shape[::-1]), np.reshape(taken, (-1, 4))
    for _ in range(20):
        corner = rng.integers(0, size - extent + 1)
        box = np.concatenate([corner, corner + extent])
        common = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
        if (common.min(axis=1) <= 2).all():  # pixels: edges may touch
            return box
    return None


def compose(digits: ndarray, size: int, heights: tuple, rng: Generator) -> tuple:
    """Paste (N, 8, 8) digits at random places into one photograph-like image.

    Returns the (size, size, 3) uint8 image, (M, 4) integer xyxy boxes, tight round the
    ink, and their M positions in ``digits``; 1 <= M < N where no place was left.
    ``heights`` are the smallest and the largest height of a digit in pixels.
    """
    canvas = texture(size, rng)
    boxes, kept = [], []
    for index, digit in enumerate(digits):
        height = int(rng.integers(heights[0], heights[1] + 1))
        alpha = ink_alpha(digit, height, rng.uniform(0.85, 1.15))
        box = find_place(alpha.shape, boxes, size, rng)
        if box is not None:
            under = canvas[box[1] : box[3], box[0] : box[2]]
            under += alpha[..., None] * (ink_colour(under, rng) - under)
            boxes.append(box)
            kept.append(index)
    gain, shift, grain = rng.uniform((0.75, -20, 2), (1.2, 20, 8))
    canvas = (canvas - 128) * gain + 128 + shift + rng.normal(0, grain, canvas.shape)
    return np.clip(np.round(canvas), 0, 255).astype(np.uint8), np.stack(boxes), kept


def annotation(number: int, image_id: int, label: int, box: ndarray) -> dict:
    """Return a COCO annotation of an xyxy box, outlined by its four corners."""
    x1, y1, x2, y2 = map(int, box)
    return {
        'id': number,  # from 1 on: COCO's evaluation takes 0 for "no match"
        'image_id': image_id,
        'category_id': label,
        'bbox': [x1, y1, x2 - x1, y2 - y1],
        'area': (x2 - x1) * (y2 - y1),
        'iscrowd': 0,
        'segmentation': [[x1, y1, x2, y1, x2, y2, x1, y2]],
    }


def write_image(path: Path, image: ndarray) -> None:
    """Write an image; cv2 tells of a failure by its return value only."""
    if not cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, 90]):
        raise OSError(f'could not write {path}')


def write_detection(
    folder: Path, digits: ndarray, labels: ndarray, params: dict, key: list[int]
) -> None:
    """Write the images and the COCO file of one split; ``key`` seeds them."""
    count = params['num_' + folder.name.split('_')[-1]]
    images, annotations, entry = [], [], {'width': CANVAS, 'height': CANVAS}
    folder.mkdir()
    for number in track(range(1, count + 1), f'{folder.name} images'):
        rng = default_rng([*key, number])
        chosen = rng.choice(len(digits), rng.integers(1, 6), replace=False)
        image, boxes, kept = compose(digits[chosen], CANVAS, (20, 48), rng)
        if SPLITS[folder.name][1]:
            image, boxes = CAMERAS[params['camera']](image, boxes)
        name = f'{number:06d}.jpg'
        write_image(folder / name, image)
        images.append({**entry, 'id': number, 'file_name': name})
        for label, box in zip(labels[chosen[kept]].tolist(), boxes, strict=True):
            annotations.append(annotation(len(annotations) + 1, number, label, box))
    categories = [{'id': digit, 'name': str(digit)} for digit in range(10)]
    content = {'images': images, 'annotations': annotations, 'categories': categories}
    (folder.parent / f'annotations/{folder.name}.json').write_text(json.dumps(content))
    print(f'{folder.name}: {count} images, {len(annotations)} digits', flush=True)


def write_classification(
    folder: Path, digits: ndarray, labels: ndarray, params: dict, key: list[int]
) -> None:
    """Write each handwritten digit of one split as a small image of its own."""
    for number, (digit, label) in enumerate(zip(digits, labels, strict=True)):
        rng = default_rng([*key, number, TILE])
        image, boxes, _ = compose(digit[None], TILE, (20, 26), rng)
        if SPLITS[folder.name][1]:
            image, _ = CAMERAS[params['camera']](image, boxes)
        (folder / str(label)).mkdir(parents=True, exist_ok=True)
        write_image(folder / str(label) / f'{number:06d}.png', image)


def write_all(root: Path, params: dict) -> None:
    """Write the whole data set into an empty folder, the marker last."""
    from sklearn.datasets import load_digits

    source, seed = load_digits(), params['seed']
    (root / 'annotations').mkdir()
    for number, (split, part) in enumerate(partition(source.target, seed).items()):
        digits, labels = source.images[part], source.target[part]
        seen = digits, labels, params, [seed, number]
        write_detection(root / split, *seen)
        write_classification(root / 'cls' / split, *seen)
    (root / MARKER).write_text(json.dumps(params, indent=2) + '\n')


def generate(out: Path, params: dict) -> None:
    """Make the data set in ``out`` at once or not at all, unless it is there."""
    params = SIDEWAYS | params
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        marker = out / MARKER
        found = 'something else'
        if marker.is_file():
            found = SIDEWAYS | json.loads(marker.read_text())
        if found == params:
            print(f'{out} is complete already')
            return
        tip = 'delete it or choose another folder with --out'
        raise ValueError(f'{out} should hold {params}, but holds {found}; {tip}')
    part = out.with_name(f'.{out.name}.{os.getpid()}')
    try:
        part.mkdir(parents=True)
        write_all(part, params)
        part.rename(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)


@stoppable()
def main() -> None:
    """Read the command line and make the data set."""
    parser = ToolParser(__doc__)
    parser.add_argument('--out', type=Path, default=Path('data/digits'), metavar='DIR')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--camera', choices=CAMERAS, default='sideways')
    for name, number in (('train', 600), ('val', 300), ('test', 300)):
        parser.add_argument(f'--num-{name}', type=int, default=number, metavar='N')
    args = parser.parse_args()
    if min(args.num_train, args.num_val, args.num_test) < 1 or args.seed < 0:
        parser.error('--num-* must be at least 1 and --seed at least 0')
    params = {'version': 1, **vars(args)}
    try:
        generate(params.pop('out'), params)
    except (ImportError, OSError, ValueError) as error:
        parser.error(str(error))


if __name__ == '__main__':
    main()
