"""Data sets of the paper that the mm packages lack: Street View House Numbers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset
from scipy.io import loadmat

from ddas_mm.errors import SettingError, check_known
from ddas_mm.registry import DATASETS

PARTS = ('train', 'extra', 'test')


@DATASETS.register_module()
class SVHN(BaseDataset):
    """House numbers, 32 x 32, from ``train_32x32.mat`` and the like.

    Of Netzer et al. (2011). Images are BGR, as mm loads files; digit 0, which the files
    call 10, is class 0.

    Args:
        data_root: Folder of the .mat files.
        parts: Which of ``train`` (73,257 images), ``extra`` (531,131) and ``test``
            (26,032) to take, in this order.
        **kwargs: Other arguments of MMEngine's ``BaseDataset``.

    Raises:
        SettingError: If a part is not known, or its file is missing or damaged.
    """

    METAINFO = {'classes': tuple('0123456789')}

    def __init__(
        self, data_root: str, parts: Sequence[str] = ('train', 'extra'), **kwargs: Any
    ) -> None:
        for part in parts:
            check_known('SVHN.parts', part, PARTS)
        self.parts = tuple(parts)
        super().__init__(ann_file='', data_root=data_root, **kwargs)

    def load_data_list(self) -> list[dict[str, Any]]:
        """Return image and class of all parts."""
        return [info for part in self.parts for info in self._load(part)]

    def _load(self, part: str) -> list[dict[str, Any]]:
        path = Path(self.data_root) / f'{part}_32x32.mat'
        if not path.is_file():
            raise SettingError(
                f'SVHN finds no {str(path)!r}; download {path.name} (format 2, cropped '
                'digits) from ufldl.stanford.edu/housenumbers, and set data_root (or '
                'give --data-root DIR)'
            )
        try:
            content = loadmat(path)
            images, labels = content['X'], content['y'].ravel() % 10
            if images.shape != (32, 32, 3, len(labels)):
                raise ValueError(f'X is {images.shape}, y has {len(labels)} labels')
        except Exception as error:  # whatever scipy says of a damaged file
            raise SettingError(
                f'{str(path)!r} is not a file of SVHN, or damaged: {error}'
            ) from error
        images = np.ascontiguousarray(images[:, :, ::-1].transpose(3, 0, 1, 2))
        return [
            {'img': image, 'gt_label': int(label)}
            for image, label in zip(images, labels, strict=True)
        ]
