"""Processes for tests: ranks of a gloo group, and a tool that can be killed."""

import multiprocessing
import os
import runpy
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
# A server that has imported everything: a process starts in milliseconds, and with
# neither the threads nor the devices of the test process.
CONTEXT = multiprocessing.get_context('forkserver')
CONTEXT.set_forkserver_preload(
    ['tests.toy', 'ddas_mm.cli.run', 'torchvision', 'matplotlib.pyplot']
)


class Group:
    """Processes that run one function as the ranks of a group.

    Args:
        world_size: Number of ranks.
        function: What every rank runs; found by name in the new process.
        args: Its arguments.
    """

    def __init__(self, world_size: int, function: Callable, *args: Any) -> None:
        with socket.socket() as server:
            server.bind(('127.0.0.1', 0))
            port = server.getsockname()[1]
        pipes = [CONTEXT.Pipe(duplex=False) for _ in range(world_size)]
        self._results = [receiver for receiver, _ in pipes]
        self.processes = [
            CONTEXT.Process(
                target=_run_rank,
                args=(rank, world_size, port, sender, function, args),
            )
            for rank, (_, sender) in enumerate(pipes)
        ]
        for process, (_, sender) in zip(self.processes, pipes, strict=True):
            process.start()
            sender.close()

    def results(self, timeout: float = 60) -> list[Any]:
        """Wait for what every rank returns; an error of a rank is raised."""
        found = []
        for rank, receiver in enumerate(self._results):
            if not receiver.poll(timeout):
                self.kill()
                raise TimeoutError(f'rank {rank} has returned nothing in {timeout} s')
            ok, value = receiver.recv()
            if not ok:
                self.kill()
                raise AssertionError(f'rank {rank} failed:\n{value}')
            found.append(value)
        for process in self.processes:
            process.join()
        return found

    def kill(self) -> bool:
        """Kill -9 all ranks with their workers; return whether one was running."""
        running = [process for process in self.processes if process.is_alive()]
        for process in running:
            os.killpg(process.pid, signal.SIGKILL)
        for process in self.processes:
            process.join()
        return bool(running)


def run_ranks(world_size: int, function: Callable, *args: Any) -> list[Any]:
    """Run a function as the ranks of a group; return what each returned."""
    return Group(world_size, function, *args).results()


def run_tool(tool: str, *arguments: str) -> int:
    """Run ``tools/<tool>.py`` in this process, as from the command line.

    Returns:
        Its exit status.
    """
    sys.argv = [tool, *arguments]
    if os.environ['WORLD_SIZE'] != '1':
        sys.argv += ['--launcher', 'pytorch']
    try:
        runpy.run_path(str(ROOT / 'tools' / f'{tool}.py'), run_name='__main__')
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def _run_rank(rank, world_size, port, sender, function, args) -> None:
    os.setpgid(0, 0)  # DataLoader's workers die with their rank
    np.random.seed()  # noqa: NPY002  from the system's entropy, as a new process
    os.environ.update(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE=str(world_size),
        LOCAL_WORLD_SIZE=str(world_size),
        MASTER_ADDR='127.0.0.1',
        MASTER_PORT=str(port),
        CUDA_VISIBLE_DEVICES='',
    )
    try:
        sender.send((True, function(*args)))
    except BaseException:
        sender.send((False, traceback.format_exc()))
