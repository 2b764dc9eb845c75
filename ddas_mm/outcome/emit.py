"""What a search emits: a policy to inherit from, and a config to train with."""

from pathlib import Path

import numpy as np
from mmengine.config import Config

from ddas_mm.config import config_text, find_dicts, read_config, set_data_root
from ddas_mm.errors import SettingError
from ddas_mm.files import write_atomically
from ddas_mm.policy import PolicySchedule, policy_to_dict
from ddas_mm.policy.effects import doubts

DIGITS = 6
# MMEngine drops names that begin so: the policy stands once in the parsed config.
POLICY_NAME = '__ddas_policy'
INHERIT = """# Found by a DDAS search. To use it, list this file in _base_, put
# dict(type='ddas_mm.DDASAugment', policy=_base_.ddas_policy) into the pipeline, and
# add custom_hooks = [dict(type='ddas_mm.DDASHook')].
"""
RETRAIN = """# A training with the policy that a DDAS search has found; runs as it is.
"""
AUGMENT, HOOK = 'DDASAugment', 'DDASHook'


def find_retrain_config(retrain: str, search_config: str | None) -> Path:
    """Return the retrain config's path, given relative to the search config.

    Raises:
        SettingError: If there is no such file.
    """
    path = Path(search_config or '').parent / retrain
    if not path.is_file():
        raise SettingError(
            f'DDASHook.retrain {retrain!r} does not exist (looked for {str(path)!r}); '
            'give the path of a training config relative to the search config, or None'
        )
    return path.resolve()


def read_retrain_config(path: Path, data_root: str | None = None) -> Config:
    """Read the config that the policy is put into.

    Raises:
        SettingError: If its training pipeline holds no DDASAugment.
    """
    config = read_config(path)
    if data_root is not None:
        set_data_root(config, data_root)
    if not any(find_dicts(config.get('train_dataloader', {}), AUGMENT)):
        raise SettingError(
            f'DDASHook.retrain {str(path)!r} has no '
            "dict(type='ddas_mm.DDASAugment') in train_dataloader.dataset.pipeline; "
            'put one behind the steps that load image and annotations'
        )
    return config


class Emitter:
    """Writes ``ddas_policy.py`` and, where wanted, ``retrain_<name>.py``.

    Args:
        retrain: The training config to put the policy into, or None.
        data_root: Root of the data in it, where it differs.

    Raises:
        SettingError: If the training config has no place for the policy.
    """

    def __init__(
        self, retrain: Path | None = None, data_root: str | None = None
    ) -> None:
        self._name = self._text = ''
        if retrain is not None:
            self._name = f'retrain_{retrain.stem}.py'
            # Formatting a config takes longer than an epoch of a small search.
            self._text = retrain_source(read_retrain_config(retrain, data_root))

    def write(self, schedule: PolicySchedule, folder: Path) -> list[Path]:
        """Write the policy that was found so far into a folder; return the files."""
        files = [folder / 'ddas_policy.py']
        remarks = ''.join(f'# {note}\n' for note in notes(schedule))
        write_atomically(files[0], INHERIT + remarks + policy_source(schedule))
        if self._name:
            files.append(folder / self._name)
            policy = policy_source(schedule, POLICY_NAME)
            write_atomically(files[1], f'{RETRAIN}{remarks}{policy}\n{self._text}')
        return files


def notes(schedule: PolicySchedule) -> list[str]:
    """Return what to know before a policy is used, a sentence each."""
    found = doubts(schedule.search.get('effects', ()))
    if not schedule.total_prob.any():
        found.append('No candidate is left in this policy: it augments no image.')
    return found


def policy_source(schedule: PolicySchedule, name: str = 'ddas_policy') -> str:
    """Return the policy as one config variable, a row of probabilities per line."""
    policy = policy_to_dict(schedule)
    for key in ('total_prob', 'total_prob_raw', 'op_probs'):
        policy[key] = np.round(policy[key], DIGITS).tolist()
    # long, and nothing that a training asks for
    policy['search'] = {k: v for k, v in policy['search'].items() if k != 'effects'}
    lines = ''
    for key, value in policy.items():
        text = repr(value)
        if key in ('op_probs', 'candidates'):
            rows = ''.join(f'        {row!r},\n' for row in value)
            text = f'[\n{rows}    ]'
        lines += f'    {key}={text},\n'
    return f'{name} = dict(\n{lines})\n'


def retrain_source(config: Config) -> str:
    """Return a training config as text, with a name in the place of its policy.

    Args:
        config: The config, which is changed.
    """
    for step in find_dicts(config._cfg_dict, AUGMENT):
        step['policy'] = POLICY_NAME
    if not any(find_dicts(config.get('custom_hooks') or [], HOOK)):
        hooks = list(config.get('custom_hooks') or [])
        config.custom_hooks = [*hooks, {'type': f'ddas_mm.{HOOK}'}]
    return config_text(config).replace(f"'{POLICY_NAME}'", POLICY_NAME)
