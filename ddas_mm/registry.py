"""Child registries of MMEngine's: ``ddas_mm.X`` resolves in any config.

The locations are imported on first use, so configs need no ``custom_imports``.
"""

from mmengine import registry as mmengine_registry
from mmengine.registry import Registry

_DATA, _ENGINE, _MODELS = ['ddas_mm.data'], ['ddas_mm.engine'], ['ddas_mm.models']


def _child(name: str, locations: list[str]) -> Registry:
    parent = getattr(mmengine_registry, name)
    return Registry(parent.name, parent=parent, scope='ddas_mm', locations=locations)


DATASETS = _child('DATASETS', _DATA)
DATA_SAMPLERS = _child('DATA_SAMPLERS', _DATA)
FUNCTIONS = _child('FUNCTIONS', _DATA)
TRANSFORMS = _child('TRANSFORMS', _DATA)
HOOKS = _child('HOOKS', _ENGINE)
LOOPS = _child('LOOPS', _ENGINE)
MODELS = _child('MODELS', _MODELS)
