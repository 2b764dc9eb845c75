"""What a search is made on is counted in instances, and told."""

import pytest

from ddas_mm.errors import SettingError
from ddas_mm.search.contents import describe


class Part:
    def __init__(self, infos, classes=()):
        self.infos, self.metainfo = infos, {'classes': classes}

    def __len__(self):
        return len(self.infos)

    def get_data_info(self, index):
        return self.infos[index]


def boxes(*labels, ignored=0):
    return {'instances': [dict(bbox_label=x, ignore_flag=ignored) for x in labels]}


def test_instances_and_classes_without_any_are_told():
    part = Part([boxes(0, 0, 2), boxes(), boxes(1, ignored=1)], ('cat', 'dgo', 'cow'))
    assert describe(part, 'S_val') == (
        'S_val has 3 images with 3 instances of 2 classes; without any instance: dgo'
    )


@pytest.mark.parametrize('infos', [[boxes()] * 3, [boxes(0, 1, ignored=1)] * 2])
def test_images_without_any_instance_are_refused(infos):
    with pytest.raises(SettingError, match=r'S_train has \d images without any inst'):
        describe(Part(infos, ('cat', 'dog')), 'S_train')


def test_labels_of_images_count_too_one_or_several():
    part = Part([{'gt_label': 0}, {'gt_label': [0, 2]}], tuple('abcd'))
    assert describe(part, 'X') == (
        'X has 2 images with 3 instances of 2 classes; without any instance: b; d'
    )


def test_data_without_labels_has_images_alone():
    assert describe(Part([{'img_path': 'a'}] * 2, ('road',)), 'X') == 'X has 2 images'


def test_many_classes_are_told_in_short():
    names = [f'class{i}' for i in range(1000)]
    told = describe(Part([boxes(999)], names), 'X')
    assert told.endswith('class28; class29; and 969 more')
    assert len(told) < 500
