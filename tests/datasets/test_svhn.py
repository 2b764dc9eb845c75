"""SVHN: what its files hold, and what is said where they are missing or damaged."""

import numpy as np
import pytest
from scipy.io import savemat

from ddas_mm.datasets import SVHN
from ddas_mm.errors import SettingError


def write_part(folder, part, labels, seed=0):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (32, 32, 3, len(labels)), np.uint8)
    y = np.array(labels, np.uint8)[:, None]
    savemat(folder / f'{part}_32x32.mat', {'X': images, 'y': y})
    return images


def test_parts_are_joined_and_images_are_bgr_with_digits_as_classes(tmp_path):
    first = write_part(tmp_path, 'train', [1, 10, 9])
    second = write_part(tmp_path, 'extra', [10, 2], seed=1)
    dataset = SVHN(data_root=str(tmp_path))
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert [info['gt_label'] for info in infos] == [1, 0, 9, 0, 2]
    np.testing.assert_array_equal(infos[1]['img'], first[:, :, ::-1, 1])
    np.testing.assert_array_equal(infos[4]['img'], second[:, :, ::-1, 1])
    assert len(SVHN(data_root=str(tmp_path), parts=['train'])) == 3
    assert dataset.metainfo['classes'][7] == '7'


def test_missing_damaged_and_unknown_parts_are_told_by_name(tmp_path):
    write_part(tmp_path, 'train', [1])
    with pytest.raises(SettingError, match=r"no '.*extra_32x32.mat'; download"):
        SVHN(data_root=str(tmp_path))
    (tmp_path / 'extra_32x32.mat').write_bytes(b'not a matrix')
    with pytest.raises(SettingError, match=r"extra_32x32.mat' is not a file of SVHN"):
        SVHN(data_root=str(tmp_path))
    with pytest.raises(SettingError, match=r'parts must be one of train'):
        SVHN(data_root=str(tmp_path), parts=['val'])
