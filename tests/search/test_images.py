"""Files as they lie on people's disks: what is refused at start, and what is not."""

import io
import re
from contextlib import suppress
from types import SimpleNamespace

import numpy as np
import pytest
from mmcv.transforms import LoadImageFromFile
from PIL import Image

from ddas_mm.errors import SettingError, check_all
from ddas_mm.search.contents import check_images

FORMATS = ('JPEG', 'PNG', 'BMP', 'TIFF', 'WEBP')


class Files:
    """A data set of images by path, as mm's are seen from outside."""

    def __init__(self, paths, backend='cv2', instances=(), with_mask=False):
        self.infos = [{'img_path': str(p), 'instances': instances} for p in paths]
        steps = [LoadImageFromFile(imdecode_backend=backend)]
        steps.append(SimpleNamespace(with_mask=with_mask))
        self.pipeline = SimpleNamespace(transforms=steps)

    def __len__(self):
        return len(self.infos)

    def get_data_info(self, index):
        return self.infos[index]


def encoded(name, **options):
    pixels = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).resize((160, 120)).save(buffer, name, **options)
    return buffer.getvalue()


def damaged(whole):
    """Cut, filled up with zeros or noise, and with bytes changed on the way."""
    rng = np.random.default_rng(1)
    for part in (0, 0.01, 0.1, 0.5, 0.95):
        size = round(part * len(whole))
        for rest in (b'', bytes(len(whole) - size), rng.bytes(len(whole) - size)):
            yield whole[:size] + rest
    for _ in range(40):
        changed = np.frombuffer(whole, np.uint8).copy()
        places = rng.integers(0, len(whole), 12)
        changed[places] = rng.integers(0, 256, 12)
        yield changed.tobytes()[:-20] + rng.bytes(20)


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('backend', ['cv2', 'pillow'])
@pytest.mark.parametrize('name', FORMATS)
def test_no_file_makes_the_check_fail_by_itself(tmp_path, name, backend):
    path = tmp_path / 'image'
    for content in damaged(encoded(name)):
        path.write_bytes(content)
        with suppress(SettingError):
            check_images(Files([path], backend), 'S_train')


@pytest.mark.parametrize('behind', [b'', bytes(900), bytes(range(256)) * 4])
@pytest.mark.parametrize('suffix', ['jpg', 'png'])
@pytest.mark.parametrize('name', FORMATS)
def test_whole_file_is_taken_whatever_its_name_and_what_is_behind(
    tmp_path, name, suffix, behind
):
    path = tmp_path / f'image.{suffix}'
    path.write_bytes(encoded(name) + behind)
    check_images(Files([path]), 'S_train')


# libjpeg takes zeros for pixels, so that a JPEG with zeros behind is read like a whole
@pytest.mark.parametrize(('name', 'zeros'), [('JPEG', 0), ('PNG', 0), ('PNG', 5000)])
def test_half_a_file_is_refused(tmp_path, name, zeros):
    path, whole = tmp_path / 'image', encoded(name)
    path.write_bytes(whole[: len(whole) // 2] + bytes(zeros))
    with pytest.raises(SettingError, match=f"image '{path}' of S_val is cut off"):
        check_images(Files([path]), 'S_val')


@pytest.mark.parametrize('limit', [10_000, 100])  # Pillow's warning, and its error
@pytest.mark.filterwarnings('error')
def test_large_image_is_neither_refused_nor_decoded(tmp_path, monkeypatch, limit):
    path = tmp_path / 'image.png'
    path.write_bytes(encoded('PNG') + bytes(500))
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', limit)
    monkeypatch.setattr('PIL.ImageFile.ImageFile.load', None)  # would be called
    check_images(Files([path]), 'S_train')


def images(folder, count):
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f'{index}.png' for index in range(count)]
    for path in paths:
        path.write_bytes(encoded('PNG'))
    return paths


@pytest.mark.parametrize('made', [True, False])
def test_wrong_folder_is_told_as_such(tmp_path, made):
    right, wrong = images(tmp_path / 'right', 4), tmp_path / 'wrong'
    if made:
        images(wrong, 1)
    paths = [*right, *(wrong / f'{index}.png' for index in range(5))]
    what = 'holds 1 of 5' if made else 'does not exist'
    message = f"{5 - made} of 9 images of S_train .*folder '{wrong}' {what}; set data_"
    with pytest.raises(SettingError, match=message) as caught:
        check_images(Files(paths), 'S_train')
    assert 'data_prefix' in str(caught.value)
    assert 'annotations' not in str(caught.value)


def test_a_few_missing_images_are_told_together_by_name(tmp_path):
    paths = images(tmp_path, 12)
    for path in paths[:5]:
        path.unlink()
    with pytest.raises(SettingError) as caught:
        check_images(Files(paths), 'S_train')
    told = re.findall(r"/(\d+)\.png' of S_train cannot be read", str(caught.value))
    assert told == ['0', '1', '2']
    assert 'and 2 more' in str(caught.value)


def test_instances_without_segmentation_are_refused_where_masks_are_asked_for(tmp_path):
    paths, boxes = images(tmp_path, 1), [{'bbox': [0, 0, 4, 4]}]
    masks = [{**boxes[0], 'mask': [[0, 0, 4, 0, 4, 4]]}]
    check_images(Files(paths, instances=boxes), 'S_train')
    check_images(Files(paths, instances=masks, with_mask=True), 'S_train')
    with pytest.raises(SettingError, match=r"0\.png' .*with_mask=True"):
        check_images(Files(paths, instances=masks + boxes, with_mask=True), 'S_train')


def test_independent_checks_are_told_together():
    def refuse(text):
        raise SettingError(text)

    with pytest.raises(SettingError) as caught:
        check_all(
            lambda: refuse('a'),
            lambda: None,
            lambda: check_all(lambda: refuse('b'), lambda: refuse('c')),
        )
    assert str(caught.value).splitlines() == ['a', 'b', 'c']
