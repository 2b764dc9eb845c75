"""What a user is told of an error, and what is left to programmers."""

from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.registry import DATASETS, MODELS
from torch._utils import ExceptionWrapper
from torch.utils.data import DataLoader

from ddas_mm.cli import messages as sentences
from ddas_mm.cli.messages import causes_named, sentence_of
from ddas_mm.errors import SearchFailed, SettingError


def raised(function):
    with pytest.raises(Exception) as caught:  # noqa: PT011  whatever it is
        function()
    return caught.value


def of_worker(error):
    """The error as a DataLoader hands it on from its worker."""

    def throw():
        raise error

    wrapped = ExceptionWrapper((type(error), error, raised(throw).__traceback__))
    return raised(wrapped.reraise)


@pytest.mark.parametrize('hand_on', [lambda error: error, of_worker])
def test_sentence_is_the_same_from_a_worker(hand_on):
    error = hand_on(SettingError('x must be y, but is z'))
    assert sentence_of(error) == 'x must be y, but is z'
    error = hand_on(SearchFailed('no step was finite'))
    assert sentence_of(error) == 'no step was finite'
    error = hand_on(AssertionError('failed to load image: a/3.png'))
    assert sentence_of(error).startswith("image 'a/3.png' cannot be decoded")


@pytest.mark.parametrize('kind', [TypeError, ValueError, KeyError, RuntimeError])
def test_an_error_in_code_keeps_its_traceback(kind):
    assert sentence_of(kind('wrong')) is None
    assert sentence_of(of_worker(kind('wrong'))) is None


@MODELS.register_module()
class WrongInside:
    def __init__(self, size=1):
        len(size)


def test_an_error_inside_of_what_is_built_keeps_its_traceback():
    assert sentence_of(raised(lambda: MODELS.build({'type': 'WrongInside'}))) is None
    unknown = {'type': 'WrongInside', 'sizes': 1}
    sentence = sentence_of(raised(lambda: MODELS.build(unknown)))
    assert sentence.startswith('WrongInside cannot be built from the config: ')
    assert "'sizes'" in sentence


@DATASETS.register_module()
@MODELS.register_module()
class FailsInside:
    """Of neither kind, so that it can be built as both."""

    def __init__(self):
        raise KeyError('inside')


class FailsLate(BaseDataset):
    def load_data_list(self):
        return [{'a': 1}]

    def __getitem__(self, index):
        raise KeyError('inside')


class FailsLazily(BaseDataset):
    def load_data_list(self):
        raise KeyError('inside')


def plain():
    raise KeyError('inside')


def of_the_system():
    Path('/nowhere/at/all').read_text()


def behind_a_batch():
    for _ in DataLoader([1, 2]):
        raise KeyError('inside')


ELSEWHERE = {
    'in code': plain,
    'of the system': of_the_system,
    'in what is done with a batch': behind_a_batch,
    'in building a model': lambda: MODELS.build({'type': 'FailsInside'}),
}
WHILE_READING = {
    'in a loader': lambda: next(iter(DataLoader(FailsLate()))),
    'in a worker': lambda: next(iter(DataLoader(FailsLate(), num_workers=1))),
    'in building a data set': lambda: DATASETS.build({'type': 'FailsInside'}),
    'in reading annotations later': FailsLazily(lazy_init=True).full_init,
}


@pytest.mark.parametrize('name', [*ELSEWHERE, *WHILE_READING])
def test_data_is_read_again_only_where_it_was_being_read(monkeypatch, name):
    asked = []
    monkeypatch.setattr(sentences, 'build_dataset', lambda *args: asked.append(args))
    monkeypatch.setattr(sentences, 'check_images', lambda *args: None)
    config = Config({'train_dataloader': {'dataset': {'type': 'Any'}}})

    def run():
        with causes_named(config):
            {**ELSEWHERE, **WHILE_READING}[name]()

    assert isinstance(raised(run), (KeyError, SettingError))
    assert bool(asked) == (name in WHILE_READING)
