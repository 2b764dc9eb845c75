"""Child registries of MMEngine's: ``ddas_mm.X`` resolves in any config.

The locations are imported on first use, so configs need no ``custom_imports``.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

from mmengine import registry as mmengine_registry
from mmengine.registry import Registry

from ddas_mm.errors import SettingError, check_arguments, check_keys


class CheckedRegistry(Registry):
    """A registry whose classes name settings that are unknown, missing or not usable.

    Values are checked by the annotations of ``__init__``, see
    :func:`ddas_mm.errors.check_arguments`.

    Attributes:
        place: Where settings of its classes stand in a config; None where the name of
            the class tells most.
    """

    place: str | None = None

    def register_module(self, *args: Any, **kwargs: Any) -> Callable[[Any], Any]:
        """Return the decorator that registers a class or function."""
        register = super().register_module(*args, **kwargs)
        return lambda member: register(
            _checked(member, self.place) if inspect.isclass(member) else member
        )


def _checked(member: Any, place: str | None) -> Any:
    original: Any = member.__init__
    signature = inspect.signature(original)
    parameters = list(signature.parameters.values())[1:]
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return member  # whatever is not known goes to a class of mm
    known = [p.name for p in parameters]

    @functools.wraps(original)
    def init(self: Any, *args: Any, **settings: Any) -> None:
        check_keys(member.__name__, settings, known)
        try:
            given = signature.bind(self, *args, **settings).arguments
        except TypeError as error:
            raise SettingError(f'{member.__name__}: {error}') from None
        check_arguments(original, given, place or member.__name__)
        original(self, *args, **settings)

    member.__init__ = init
    return member


def _child(name: str, locations: list[str]) -> CheckedRegistry:
    parent = getattr(mmengine_registry, name)
    return CheckedRegistry(
        parent.name, parent=parent, scope='ddas_mm', locations=locations
    )


DATASETS = _child('DATASETS', ['ddas_mm.datasets'])
TRANSFORMS = _child('TRANSFORMS', ['ddas_mm.augment'])
HOOKS = _child('HOOKS', ['ddas_mm.hook'])
LOOPS = _child('LOOPS', ['ddas_mm.search'])
LOOPS.place = 'train_cfg'
MODELS = _child('MODELS', ['ddas_mm.models'])
