"""What went wrong, in one sentence, where a user can put it right."""

import errno
import re
import sysconfig
import textwrap
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any

from mmcv.transforms import BaseTransform
from mmengine.config import Config
from mmengine.registry import DATASETS, MODELS, DefaultScope
from mmengine.runner import BaseLoop

from ddas_mm.errors import SearchFailed, SettingError
from ddas_mm.search.contents import check_images
from ddas_mm.search.data import build_dataset

WORKERS = 'Original Traceback'  # as torch hands an error on from a worker
UNDECODED = 'failed to load image: '  # as mmcv says it
WRONG_ARGUMENTS = ('unexpected keyword argument', 'required positional argument')
UNINSTALLED = re.compile(r'not installed|pip install|please install', re.IGNORECASE)
REFUSING = (AssertionError, OSError, RuntimeError)  # what code raises on purpose
CHECKPOINT = 'mmengine.runner.checkpoint'
OURS = str(Path(__file__).parents[1])
LIBRARIES = tuple(sysconfig.get_path(name) for name in ('purelib', 'platlib', 'stdlib'))


def sentence_of(error: BaseException) -> str | None:
    """Return what a user is told about an error, None where it is a programmer's.

    Args:
        error: A SettingError or SearchFailed, an error of the system (a full disk), or
            one that came while MMEngine built something from the config.
    """
    if isinstance(error, (SettingError, SearchFailed)):
        # A worker's comes back with its traceback around it.
        return str(error).strip().rpartition(f'{type(error).__name__}: ')[2]
    text, built = _text(error), _built(error)
    if isinstance(error, ImportError) or UNINSTALLED.search(text):
        needs = f'{built or "the run"} needs a package that is not installed'
        return f'{needs}, or not the right version of it: {text}'
    if isinstance(error, OSError) and error.strerror:
        named = f'{built} cannot be built from the config: ' if built else ''
        named += f'{str(error.filename)!r}: ' if error.filename else ''
        hint = '; free some, or set another --work-dir' if _is_full(error) else ''
        return f'{named}{error.strerror}{hint}'
    if isinstance(error, AssertionError) and UNDECODED in str(error):
        path = str(error).rpartition(UNDECODED)[2].strip()
        return (
            f'image {path!r} cannot be decoded; put it right, or take it out of the '
            'annotations'
        )
    return _of_start(error, text)


def _of_start(error: BaseException, text: str) -> str | None:
    """Return the sentence of an error that came before the end of the first step.

    What a library refuses or stumbles over then comes of the config. Where a user's
    own code takes part the traceback is worth more, unless a type refuses a setting.
    """
    frames, places = _frames(error), _places(error)
    what = next(filter(None, map(_work_of, reversed(frames))), None)
    library = bool(places) and all(file.startswith(LIBRARIES) for file, _ in places)
    if what is None and (not library or _is_under_way(frames)):
        return None
    unknown = isinstance(error, KeyError) and 'is not in the' in text
    arguments = isinstance(error, TypeError) and any(w in text for w in WRONG_ARGUMENTS)
    if what and (unknown or arguments or isinstance(error, ValueError)):
        hint = _missing_scope(text.partition(' ')[0]) if unknown else ''
        return f'{what}: {text.partition(". ")[0]}{hint}'
    if not places or not (library or isinstance(error, REFUSING)):
        return None
    where = f'{Path(places[-1][0]).name}, {places[-1][1]}'
    what = what or 'the run fails before its first step is done'
    return f'{what}: {type(error).__name__}: {text} ({where})'


def _missing_scope(name: str) -> str:
    """Return a hint where the package of a type that is not known is not there."""
    default = DefaultScope.get_current_instance()
    scope = name.partition('.')[0] if '.' in name else default and default.scope_name
    there = not scope or scope in MODELS.children or find_spec(scope) is not None
    return '' if there else f': the package {scope!r} is not installed'


def _work_of(frame: FrameType) -> str | None:
    """Return what fails, if a frame builds something or is a step of a pipeline."""
    code, held = frame.f_code, frame.f_locals
    if code.co_name == 'build_from_cfg':
        return f'{_type(frame)} cannot be built from the config'
    if frame.f_globals.get('__name__') == CHECKPOINT and 'filename' in held:
        file = held['filename']
        return f'weights {file!r} (of load_from or an init_cfg) cannot be loaded'
    step, results = held.get('self'), held.get('results')
    library = isinstance(step, BaseTransform) and code.co_filename.startswith(LIBRARIES)
    if code.co_name == 'transform' and library:
        path = results.get('img_path') if isinstance(results, dict) else None
        image = '' if path is None else f' on image {str(path)!r}'
        return f'{type(step).__name__} of the pipeline fails{image}'
    return None


def _is_under_way(frames: Sequence[FrameType]) -> bool:
    """Return whether a loop was running that had made a step."""
    runs = [f.f_locals.get('self') for f in frames if f.f_code.co_name == 'run']
    return any(isinstance(o, BaseLoop) and getattr(o, 'iter', 1) > 0 for o in runs)


def _frames(error: BaseException) -> list[FrameType]:
    return [frame for frame, _ in traceback.walk_tb(error.__traceback__)]


def _places(error: BaseException) -> list[tuple[str, str]]:
    """Return files and functions that an error has passed beyond those of ours."""
    places = [(f.f_code.co_filename, f.f_code.co_name) for f in _frames(error)]
    places += re.findall(r'File "(.+?)", line \d+, in (\S+)', str(error))  # a worker's
    ours = [i for i, (file, _) in enumerate(places) if file.startswith(OURS)]
    return places[ours[-1] + 1 :] if ours else places


def _text(error: BaseException) -> str:
    """Return what an error says, in one line; of a bare assertion its condition."""
    text = str(error.args[0] if error.args else error).strip()
    if WORKERS in text:  # whose last line is the error
        text = text.splitlines()[-1].partition(': ')[2]
    if not text and isinstance(error, AssertionError):
        text = traceback.extract_tb(error.__traceback__)[-1].line or ''
    return textwrap.shorten(text, 500, placeholder=' ...')


@contextmanager
def causes_named(config: Config) -> Iterator[None]:
    """Say which data set or image is at fault where a run fails of reading files.

    It is looked for afterwards, so that a run without fault costs nothing.

    Args:
        config: The run's config.

    Raises:
        SettingError: With the setting and the file, instead of the error.
    """
    try:
        yield
    except (SettingError, SearchFailed):
        raise
    except Exception as error:
        if _is_full(error):
            raise
        if _came_while_reading(error):
            with suppress(ImportError):  # of a package that the data needs
                _check_data(config, WORKERS in str(error))
        sentence = sentence_of(error)
        kept = isinstance(error, OSError) and _is_under_way(_frames(error))
        if sentence is None or kept:
            raise
        raise SettingError(sentence) from error


def _is_full(error: BaseException) -> bool:
    return getattr(error, 'errno', None) in (errno.ENOSPC, errno.EDQUOT)


def _check_data(config: Config, of_worker: bool) -> None:
    search = 'DDASLoop' in str((config.get('train_cfg') or {}).get('type'))
    for name in ('train_dataloader', 'val_dataloader'):  # a run reads no other
        settings = (config.get(name) or {}).get('dataset')
        if settings is None:
            continue
        dataset = build_dataset(settings, f'{name}.dataset')
        check_images(dataset, f'{name}.dataset')
        if of_worker and not search:
            try:  # here an error tells which step of the pipeline it is of
                dataset[0]
            except Exception as error:
                sentence = sentence_of(error)
                if sentence is not None:
                    raise SettingError(sentence) from error


def _came_while_reading(error: BaseException) -> bool:
    """Whether a data set was being built, or a data loader asked for data."""
    for frame in _frames(error):
        module, function = frame.f_globals.get('__name__', ''), frame.f_code.co_name
        registry = getattr(frame.f_locals.get('registry'), 'name', None)
        built = function == 'build_from_cfg' and registry == DATASETS.name
        if built or function == 'full_init' or module.startswith('torch.utils.data.'):
            return True
    return False


def _built(error: BaseException) -> str | None:
    """Return the type that MMEngine was building when the error came."""
    types = [_type(f) for f in _frames(error) if f.f_code.co_name == 'build_from_cfg']
    return types[-1] if types else None


def _type(frame: FrameType) -> str:
    config: Any = frame.f_locals.get('cfg')
    return str(config.get('type')) if isinstance(config, dict) else repr(config)
