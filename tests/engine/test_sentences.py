"""What a user is told of an error, and what is left to programmers."""

import pytest
from mmengine.registry import MODELS
from torch._utils import ExceptionWrapper

from ddas_mm.engine.sentences import sentence_of
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
