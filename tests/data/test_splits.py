"""Splits: disjoint, seeded, in proportion; overlap is found."""

import numpy as np
import pytest

from ddas_mm.data.splits import check_disjoint, split_indices
from ddas_mm.errors import SettingError


def test_split_is_disjoint_complete_and_seeded():
    train, val = split_indices(100, 60, 40, seed=5)
    assert sorted(train + val) == list(range(100))
    assert split_indices(100, 60, 40, seed=5) == (train, val)
    assert split_indices(100, 60, 40, seed=6) != (train, val)


def test_classes_are_in_proportion():
    labels = np.repeat([0, 1, 2], [500, 300, 200])
    train, val = split_indices(1000, 100, 50, seed=0, labels=labels)
    np.testing.assert_allclose(np.bincount(labels[train]), [50, 30, 20], atol=1)
    np.testing.assert_allclose(np.bincount(labels[val]), [25, 15, 10], atol=1)
    assert not set(train) & set(val)


def test_too_large_a_split_is_refused():
    with pytest.raises(SettingError, match=r'num_train=90 and num_val=20.*has 100'):
        split_indices(100, 90, 20, seed=0)


class Images:
    def __init__(self, infos):
        self.infos = infos

    def __len__(self):
        return len(self.infos)

    def get_data_info(self, index):
        return self.infos[index]


def test_overlap_by_path_is_found():
    train = Images([{'img_path': f'data/{i}.jpg'} for i in range(4)])
    check_disjoint(train, Images([{'img_path': 'data/9.jpg'}]))
    with pytest.raises(SettingError, match=r'overlaps S_train.*data/2.jpg'):
        check_disjoint(train, Images([{'img_path': './data/../data/2.jpg'}]))


def test_overlap_by_content_is_found_without_paths():
    images = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 3), dtype=np.uint8)
    train = Images([{'img': image} for image in images[:2]])
    check_disjoint(train, Images([{'img': images[2]}]))
    with pytest.raises(SettingError, match='overlaps S_train'):
        check_disjoint(train, Images([{'img': images[1].copy()}]))
