r"""Evaluate trained detectors side by side, and draw them on the same test images.

Examples:
  python tools/analysis_tools/compare_detectors.py \
      --run 'with the policy' work_dirs/a/config.py work_dirs/a/epoch_20.pth \
      --run 'without' work_dirs/b/config.py work_dirs/b/epoch_20.pth \
      --policy work_dirs/search/policy.json --out comparison.png
"""

import argparse
import sys
from contextlib import redirect_stdout
from pathlib import Path

sys.path.insert(0, __file__.rpartition('/tools/')[0])

import cv2
import numpy as np
from matplotlib.figure import Figure
from mmengine.runner import Runner

from ddas_mm.cli.parser import ToolParser, at_least
from ddas_mm.cli.run import bare_runner, run_tool
from ddas_mm.config import read_config
from ddas_mm.errors import SettingError
from ddas_mm.outcome.plots import draw_op_probs, draw_total_prob
from ddas_mm.policy import PolicySchedule, read_policy

TRUTH, FOUND = (0, 158, 115), (213, 94, 0)  # RGB
ZOOM = 3
Pair = tuple[np.ndarray, np.ndarray]


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = ToolParser(__doc__)
    add = parser.add_argument
    add(
        '--run',
        nargs=3,
        action='append',
        required=True,
        metavar=('NAME', 'CONFIG', 'CHECKPOINT'),
        help='a trained detector; may be given several times',
    )
    add('--policy', help='policy.json, for its curves')
    add('--out', default='comparison.png', help='the picture')
    add('--num-images', action=at_least(1), default=4)
    add('--score', type=float, default=0.4, help='least score drawn')
    return parser.parse_args()


def evaluate(
    config_file: str, checkpoint: str, num_images: int, score: float
) -> tuple[float, list[Pair]]:
    """Return the test mAP of a checkpoint, and pictures of truth and predictions."""
    config = read_config(config_file)
    if not config.get('model') or not config.get('test_dataloader'):
        raise SettingError(f'--run: {config_file!r} needs model and test_dataloader')
    config.launcher, config.custom_hooks = 'none', None
    # the log, and what COCO's evaluation prints
    with redirect_stdout(sys.stderr), bare_runner(config, checkpoint) as runner:
        for log in (runner.logger, *runner.logger.handlers):
            log.setLevel('INFO')  # how far the test is
        if 'instances' not in runner.test_dataloader.dataset.get_data_info(0):
            raise SettingError(f'--run: {config_file!r} tests on data without boxes')
        metrics = runner.test()
        runner.model.cfg = config
        # a detector that finds nothing at all has no entry
        mean = metrics.get('coco/bbox_mAP', 0.0)
        return mean, draw_predictions(runner, num_images, score)


def draw_boxes(
    image: np.ndarray, boxes: np.ndarray, names: list[str], colour: tuple
) -> np.ndarray:
    """Return a BGR image as RGB, enlarged, with (N, 4) xyxy boxes and their names."""
    image = cv2.resize(image[..., ::-1], None, fx=ZOOM, fy=ZOOM)
    for box, name in zip(boxes * ZOOM, names, strict=True):
        x1, y1, x2, y2 = box.round().astype(int).tolist()
        cv2.rectangle(image, (x1, y1), (x2, y2), colour, 2)
        cv2.putText(image, name, (x1 + 3, y1 + 18), 0, 0.6, colour, 2, cv2.LINE_AA)
    return image


def draw_predictions(runner: Runner, num_images: int, score: float) -> list[Pair]:
    """Return pairs of picture of the truth and picture of the predictions."""
    from mmdet.apis import inference_detector  # mmdet prints when it is loaded first

    dataset = runner.test_dataloader.dataset
    classes = dataset.metainfo['classes']
    pairs = []
    for index in range(min(num_images, len(dataset))):
        info = dataset.get_data_info(index)
        image = cv2.imread(info['img_path'])
        found = inference_detector(runner.model, image).pred_instances
        found = found[found.scores >= score].cpu().numpy()
        boxes = np.array([item['bbox'] for item in info['instances']]).reshape(-1, 4)
        labels = [classes[item['bbox_label']] for item in info['instances']]
        names = [classes[k] for k in found.labels]
        pairs.append((
            draw_boxes(image, boxes, labels, TRUTH),
            draw_boxes(image, found.bboxes, names, FOUND),
        ))  # fmt: skip
    return pairs


def draw_comparison(
    rows: dict[str, list[np.ndarray]], policy: PolicySchedule | None
) -> Figure:
    """Return the figure: a row of pictures per name, and the policy's curves below."""
    columns = len(next(iter(rows.values())))
    heights = [2.4 * len(rows), 3][: 1 if policy is None else 2]
    size = (2.2 * columns, sum(heights))
    figure = Figure(figsize=size, dpi=80, layout='constrained')
    parts = figure.subfigures(len(heights), squeeze=False, height_ratios=heights)
    pictures, *curves = parts.flat
    grid = pictures.subplots(len(rows), columns, squeeze=False)
    for axes_row, (name, images) in zip(grid, rows.items(), strict=True):
        for axes, image in zip(axes_row, images, strict=True):
            axes.imshow(image)
            axes.set(xticks=[], yticks=[])
        axes_row[0].set_ylabel(name)
    for part in curves:
        left, right = part.subplots(1, 2)
        draw_total_prob(left, policy)
        draw_op_probs(right, policy)
    return figure


def main() -> None:
    """Evaluate and draw."""
    args = parse_args()
    policy = read_policy(args.policy) if args.policy else None
    out = Path(args.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    rows, scores = {}, {}
    for name, *files in args.run:
        scores[name], pairs = evaluate(*files, args.num_images, args.score)
        rows.setdefault('truth', [truth for truth, _ in pairs])
        rows[f'{name}\nmAP {scores[name]:.3f}'] = [found for _, found in pairs]
    draw_comparison(rows, policy).savefig(out, format='png')
    width = max(map(len, scores))
    for name, score in scores.items():
        print(f'{name:{width}}  mAP {score:.3f}')
    print(f'picture: {out}')


if __name__ == '__main__':
    run_tool(main)
