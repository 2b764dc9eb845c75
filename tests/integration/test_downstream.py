"""The example of a project of somebody else's, with our wheel and mmdet's own tool."""

import re
import shutil
from pathlib import Path

import mmdet
import pytest

ROOT = Path(__file__).parents[2]
TRAIN = Path(mmdet.__file__).parent / '.mim' / 'tools' / 'train.py'
SMALL = """
_base_ = ['configs/retinanet_r50_ddas.py']

classes = tuple('0123456789')
data = dict(
    data_root='data/digits/',
    ann_file='annotations/train.json',
    data_prefix=dict(img='train/'),
    metainfo=dict(classes=classes),
)
model = dict(
    backbone=dict(depth=18, base_channels=8, frozen_stages=-1, init_cfg=None),
    neck=dict(in_channels=[8, 16, 32, 64], out_channels=16),
    bbox_head=dict(num_classes=10, in_channels=16, feat_channels=16, stacked_convs=1),
)
train_dataloader = dict(batch_size=4, num_workers=2, dataset=data)
train_cfg = dict(max_epochs=2)
val_dataloader = val_cfg = val_evaluator = None
test_dataloader = test_cfg = test_evaluator = None
"""


@pytest.mark.skipif(not TRAIN.is_file(), reason='mmdet is installed without its tools')
def test_example_project_trains_with_the_policy_from_another_folder(wheel, tmp_path):
    project = tmp_path / 'project'
    shutil.copytree(ROOT / 'examples' / 'downstream', project)
    (project / 'small.py').write_text(SMALL)
    (digits,) = (wheel.mim / 'tools').rglob('digits.py')
    sizes = ('--num-train', '40', '--num-val', '4', '--num-test', '4')
    for arguments in (
        (digits, '--out', 'data/digits', *sizes),
        (TRAIN, project / 'small.py', '--work-dir', 'out'),
    ):
        done = wheel.run(*arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
    log = next((tmp_path / 'out').glob('*/*.log')).read_text()
    for row in (1, 2):
        assert re.search(
            rf'DDAS: epoch {row} of 2 uses row {row} of 2: p_tp 0\.34', log
        )
    seen = re.findall(r'DDAS: (\d+) of 40 images augmented', log)
    # p_tp is 0.348: 99.9 % of binomial draws of 40 lie inside.
    assert len(seen) == 2
    assert all(4 <= int(count) <= 24 for count in seen)
