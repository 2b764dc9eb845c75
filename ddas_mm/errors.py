"""The error types for what a user can put right, and the checks that all share."""

import difflib
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

T = TypeVar('T')
# Numbers of many settings.
Count = Annotated[int, Meta(ge=0)]
Size = Annotated[int, Meta(ge=1)]
Rate = Annotated[float, Meta(ge=0, le=sys.float_info.max)]
# msgspec speaks of JSON's types, our users of Python's.
JSON_WORDS = (
    ('Expected', 'must be'),
    (', got .*', ''),
    (f'float <= {sys.float_info.max}'.replace('+', r'\+'), 'finite'),
    ('null', 'None'),
    ('object', 'dict'),
    ('array', 'list'),
    (r'Object missing required field (\w+)', r'field \1 is missing'),
)


class SettingError(ValueError):
    """A setting, file or data set is not usable.

    The message is one sentence that names the setting, the value found and
    what to do. The command line tools print it without a traceback. Several messages
    (see :func:`check_all`) are told in a line each.
    """

    def __str__(self) -> str:
        return '\n'.join(map(str, self.args))


class SearchFailed(RuntimeError):
    """A search that was under way cannot go on.

    The message is one sentence that says why and what to do. The command line tools
    print it without a traceback, and keep what there is of the search.
    """


def some(items: Sequence[str], most: int = 3) -> str:
    """Return the first of several texts, and how many more there are."""
    more = len(items) - most
    return '; '.join(items[:most]) + (f'; and {more} more' if more > 0 else '')


def closest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the known word that was probably meant, None if none is close."""
    return next(iter(difflib.get_close_matches(word, list(known), 1, cutoff)), None)


def check_known(name: str, word: Any, known: Iterable[str]) -> None:
    """Check that a word is one of those that are known.

    Args:
        name: The setting that holds it.
        word: What was found there.
        known: What may be there.

    Raises:
        SettingError: With the word that was probably meant, and all that are known.
    """
    known = list(known)
    if word not in known:
        meant = closest(str(word), known)
        hint = f'; did you mean {meant!r}?' if meant else ''
        raise SettingError(
            f'{name} must be one of {", ".join(known)}, but is {word!r}{hint}'
        )


def check_all(*checks: Callable[[], Any]) -> None:
    """Run checks that do not need each other, so that all they find is told at once.

    Raises:
        SettingError: With a line for each check that has failed.
    """
    found: list[str] = []
    for check in checks:
        try:
            check()
        except SettingError as error:
            found.extend(error.args)
    if found:
        raise SettingError(*found)


def check_keys(name: str, section: Any, known: Iterable[str]) -> None:
    """Check that a section of a config is a dict of known keys.

    Args:
        name: Where the section stands.
        section: What was found there.
        known: The keys that may be there.

    Raises:
        SettingError: With the keys that are not known, and the closest known ones.
    """
    if not isinstance(section, Mapping):
        raise SettingError(f'{name} must be a dict, but is {section!r}')
    known = list(known)
    unknown = [key for key in section if key not in known]
    if unknown:
        meant = ', '.join(repr(k) for key in unknown if (k := closest(str(key), known)))
        hint = f'did you mean {meant}? ' if meant else ''
        raise SettingError(
            f'{name} has the unknown key{"s" if len(unknown) > 1 else ""} '
            f'{", ".join(map(repr, unknown))}; {hint}known are {", ".join(known)}'
        )


def check_value(name: str, value: Any, kind: Any) -> None:
    """Check a single value.

    Args:
        name: The setting that holds it.
        value: What was found there.
        kind: What msgspec can convert to, such as ``Size``.

    Raises:
        SettingError: If it is no such value.
    """
    plain = float(value) if isinstance(value, float) else value  # of NumPy
    try:
        msgspec.convert(plain, kind)
    except msgspec.ValidationError as error:
        what, place, found = _fault(error, value)
        raise SettingError(f'{name}{place} {what}, but is {found!r}') from None


def typed(data: Any, kind: type[T], source: str, joint: str = ': ') -> T:
    """Return a config's or a file's data as a typed description of it.

    Args:
        data: Plain values.
        kind: What msgspec can convert to, such as a Struct.
        source: Where the data stands; the message begins with it.
        joint: What stands between it and a field.

    Raises:
        SettingError: With the field and the value that do not fit.
    """
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        what, place, found = _fault(error, data)
        told = f'{joint}{place[1:]} {what}, but is {found!r}' if place else f': {what}'
        raise SettingError(f'{source}{told}') from None


def _fault(error: msgspec.ValidationError, data: Any) -> tuple[str, str, Any]:
    """Return what is wrong with data, the place in it, and what was found there."""
    what, _, place = str(error).replace('`', '').partition(' - at $')
    for theirs, ours in JSON_WORDS:
        what = re.sub(theirs, ours, what)
    for key, index in re.findall(r'(\w+)|\[(\d+)\]', place):
        data = data[key or int(index)]
    return what, place, data


def check_arguments(
    function: Callable[..., Any], given: Mapping[str, Any], place: str
) -> None:
    """Check arguments by a function's annotations; defaults may be given, too.

    Args:
        function: Each annotation is what msgspec can convert to, or
            ``Annotated[kind, check]`` where a function checks the value instead.
        given: Arguments by name.
        place: Where they stand in a config.

    Raises:
        SettingError: With a line for each value that does not fit.
    """
    checks: list[Callable[[], Any]] = []
    # not by get_type_hints, which makes the default None part of a type on Python 3.10
    parameters = inspect.signature(function, eval_str=True).parameters
    for name, parameter in parameters.items():
        value, hint = given.get(name, parameter.default), parameter.annotation
        if value is not parameter.default and hint is not parameter.empty:
            found = getattr(hint, '__metadata__', ())
            own = [partial(check, value) for check in found if callable(check)]
            checks += own or [partial(check_value, f'{place}.{name}', value, hint)]
    check_all(*checks)
