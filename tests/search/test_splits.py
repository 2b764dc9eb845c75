"""Splits: disjoint, seeded, in proportion; kept in files; overlap is found."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from mmengine.registry import DATASETS

from ddas_mm.errors import SettingError
from ddas_mm.search.splits import (
    check_disjoint,
    check_proxy,
    choose,
    draw_classes,
    read_split,
    split_indices,
    write_split,
)
from tests import toy  # noqa: F401  registers its data set


def test_split_is_disjoint_complete_and_seeded():
    train, val = split_indices(100, 60, 40, seed=5)
    assert sorted(train + val) == list(range(100))
    assert split_indices(100, 60, 40, seed=5) == (train, val)
    assert split_indices(100, 60, 40, seed=6) != (train, val)


def test_seed_of_the_proxy_decides_whether_or_not_s_val_is_a_set_of_its_own():
    images = photographs(40)
    for own in (False, True):
        drawn = [
            choose(images, images, dict(num_train=9, num_val=9, seed=seed), own)
            for seed in (1, 1, 2)
        ]
        assert drawn[0] == drawn[1] != drawn[2]


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


def listed_twice(tmp_path):
    """Six files, each listed in two spellings, and one through a link."""
    for name in 'abcdef':
        (tmp_path / name).write_text(name)
    (tmp_path / 'linked').symlink_to(tmp_path)
    (tmp_path / 'one').symlink_to(tmp_path / 'a')
    other = ['one', 'linked/b', './c', 'linked/../linked/d', 'e', 'f']
    paths = [f'{tmp_path}/{name}' for name in [*'abcdef', *other]]
    infos = [{'img_path': path, 'gt_label': 0} for path in paths]
    return Images(infos)


def arrays_twice(_):
    images = np.random.default_rng(0).integers(0, 256, (6, 4, 4, 3), dtype=np.uint8)
    return Images([{'img': one.copy(), 'gt_label': 0} for one in [*images, *images]])


@pytest.mark.parametrize('make', [listed_twice, arrays_twice])
@pytest.mark.parametrize(
    'proxy',
    [
        dict(num_train=3, num_val=3),
        dict(),
        dict(num_classes=1, train_per_class=3, val_per_class=3),
    ],
)
def test_images_that_are_listed_twice_are_in_one_part_alone(tmp_path, make, proxy):
    images = make(tmp_path)
    for seed in range(8):
        parts = choose(images, images, {**proxy, 'seed': seed}, own=False)
        train, val = ({index % 6 for index in part} for part in parts)
        assert len(train) == len(parts[0])
        assert len(train | val) == 6
        assert not train & val
    with pytest.raises(SettingError, match='has 6 different ones'):
        choose(images, images, dict(num_train=4, num_val=3), own=False)


def test_overlapping_data_sets_are_split_by_their_images():
    one = dict(type='ToyDataset', pipeline=[])
    other = dict(type='ToyDataset', pipeline=[], indices=list(range(4)))
    both = DATASETS.build(dict(type='ConcatDataset', datasets=[one, other, one]))
    train, val = choose(both, both, dict(seed=0), own=False)
    assert (len(both), len(train), len(val)) == (52, 16, 8)
    images = [both.get_data_info(index)['img'].tobytes() for index in [*train, *val]]
    assert len(set(images)) == 24


def test_classes_are_drawn_with_as_many_images_each():
    """As the proxy of ImageNet: classes of different sizes, equal shares of some."""
    labels = np.random.default_rng(0).permutation(
        np.repeat(range(6), [9, 8, 7, 6, 5, 2])
    )
    train, val = draw_classes(labels, 4, train_per_class=3, val_per_class=2, seed=0)
    assert sorted(np.unique(labels[train], return_counts=True)[1]) == [3] * 4
    assert sorted(np.unique(labels[val], return_counts=True)[1]) == [2] * 4
    assert set(labels[train]) == set(labels[val]) <= {0, 1, 2, 3, 4}
    assert not set(train) & set(val)
    assert draw_classes(labels, 4, 3, 2, seed=0) == (train, val)
    assert draw_classes(labels, 4, 3, 2, seed=1) != (train, val)
    drawn = [set(labels[draw_classes(labels, 1, 3, 2, seed)[0]]) for seed in range(30)]
    assert set().union(*drawn) == {0, 1, 2, 3, 4}
    with pytest.raises(SettingError, match=r'6 classes of 3 \+ 2 .* 5 classes'):
        draw_classes(labels, 6, 3, 2, seed=0)
    with pytest.raises(SettingError, match='no single one'):
        draw_classes(None, 6, 3, 2, seed=0)


@pytest.mark.parametrize(
    ('proxy', 'message'),
    [
        (dict(sizes=3), r"unknown key 'sizes'"),
        (dict(num_classes=3, val_per_class=2), 'together'),
        (
            dict(num_classes=3, train_per_class=3, val_per_class=2, num_val=4),
            'not both',
        ),
    ],
)
def test_proxies_that_contradict_themselves_are_refused(proxy, message):
    with pytest.raises(SettingError, match=message):
        check_proxy(proxy)


def photographs(count=10, folder='a'):
    return Images(
        [{'img_path': f'{folder}/{i}.jpg', 'gt_label': 0} for i in range(count)]
    )


@pytest.fixture
def split_file(tmp_path):
    images, path = photographs(), tmp_path / 'split.json'
    parts = [SimpleNamespace(dataset=images, indices=i) for i in ([4, 1, 7], [0, 9])]
    write_split(path, *parts)
    return path


def test_split_comes_back_from_its_file_also_for_images_that_were_moved(split_file):
    moved = photographs(folder='b')
    proxy = dict(split_file=split_file, num_train=5, num_val=5)  # it goes first
    check_proxy(proxy)
    assert choose(moved, moved, proxy, own=False) == ([4, 1, 7], [0, 9])


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(format='other'), 'is no split'),
        (dict(version=7), 'version must be .*, but is 7'),
        (dict(train=[1, 2]), r'train must be dict, but is \[1, 2\]'),
        (dict(val=dict(size=11, indices=[1])), 'of 11 images, .* has 10'),
        (
            dict(val=dict(size=10, indices=[1, 10])),
            'from 0 to 9, none twice, but one is 10',
        ),
        (dict(val=dict(size=10, indices=[1, 1])), 'none twice, but one is 1'),
        (dict(val=dict(size=10, indices=[0, 8])), 'of other images'),
    ],
)
def test_damaged_split_is_refused(split_file, change, message):
    content = {**json.loads(split_file.read_text()), **change}
    split_file.write_text(json.dumps(content))
    images = photographs()
    with pytest.raises(SettingError, match=message):
        read_split(split_file, images, images, own=False)


def test_split_of_the_same_images_in_both_parts_is_refused(tmp_path):
    images, path = photographs(), tmp_path / 'split.json'
    write_split(path, *[SimpleNamespace(dataset=images, indices=[2, 3])] * 2)
    with pytest.raises(SettingError, match='image 2 is in train and in val'):
        read_split(path, images, images, own=False)
    assert read_split(path, images, images, own=True) == ([2, 3], [2, 3])


def test_missing_or_broken_split_file_is_told_by_name(tmp_path):
    images, path = photographs(), tmp_path / 'split.json'
    with pytest.raises(SettingError, match=r"split.json' cannot be read: No such file"):
        read_split(path, images, images, own=False)
    path.write_text('{')
    with pytest.raises(SettingError, match='not valid JSON'):
        read_split(path, images, images, own=False)
