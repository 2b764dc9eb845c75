"""The shell scripts for several processes and nodes, as from the command line."""

import json
import os
import socket
import subprocess
import sys
import time

import pytest

from tests import toy
from tests.ranks import ROOT


def environment(**variables):
    path = os.pathsep.join([str(ROOT), os.environ.get('PYTHONPATH', '')])
    quiet = {'PYTHON': sys.executable, 'PYTHONWARNINGS': 'ignore'}
    return {**os.environ, 'PYTHONPATH': path, **quiet, **variables}


def wait_for_all_or_one_that_fails(nodes, seconds=240):
    """Exit codes; None of a node that was killed, as torchrun waits for lost ones."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        codes = [node.poll() for node in nodes]
        if None not in codes or any(codes):
            break
        time.sleep(0.1)
    for node in nodes:
        node.terminate()  # torchrun ends its processes
        node.wait()
    return codes


@pytest.mark.dist
def test_search_on_two_nodes_over_loopback(tmp_path):
    options = {
        'train_dataloader.batch_size': 2,
        'train_cfg.policy_dataloader.batch_size': 2,
        'custom_imports': dict(imports=['tests.toy']),
        'default_hooks.logger': dict(type='LoggerHook', interval=1),
    }
    config = tmp_path / 'search.py'
    toy.search_config(tmp_path / 'work', **options).dump(config)
    with socket.socket() as server:
        server.bind(('127.0.0.1', 0))
        port = str(server.getsockname()[1])
    logs = [tmp_path / f'{rank}.log' for rank in '01']
    command = ['bash', ROOT / 'tools/dist_search.sh']
    nodes = []
    for rank, log in zip('01', logs, strict=True):
        variables = dict(NNODES='2', NODE_RANK=rank, MASTER_ADDR='127.0.0.1')
        variables.update(PORT=port, OMP_NUM_THREADS='1')
        with log.open('w') as file:  # a pipe that nobody empties would stop the node
            nodes.append(
                subprocess.Popen(
                    [*command, config, '1', '--seed', '7'],
                    env=environment(**variables),
                    stdout=file,
                    stderr=subprocess.STDOUT,
                )
            )
    codes = wait_for_all_or_one_that_fails(nodes)
    assert codes == [0, 0], '\n'.join(log.read_text() for log in logs)
    record = json.loads((tmp_path / 'work/policy.json').read_text())['search']
    assert (record['world_size'], record['seed'], record['steps']) == (2, 7, 6)


@pytest.mark.parametrize('name', ['search', 'train'])
def test_slurm_script_hands_its_arguments_on(tmp_path, name):
    """An srun that prints what it is given stands in for a cluster."""
    srun = tmp_path / 'srun'
    srun.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    srun.chmod(0o755)
    path = os.pathsep.join([str(tmp_path), os.environ['PATH']])
    words = ('part', 'job', 'a config.py', 'out', '--resume', 'a b.pth')
    given = subprocess.run(
        ['bash', ROOT / 'tools/slurm.sh', name, *words],
        env=environment(PATH=path, GPUS='16', SRUN_ARGS='--mem 9G', PYTHON='python'),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    command = given.index('python')
    assert {'--partition=part', '--job-name=job', '--ntasks=16'} <= set(given[:command])
    assert {'--gres=gpu:8', '--ntasks-per-node=8'} <= set(given[:command])
    assert given[command - 2 : command] == ['--mem', '9G']
    assert given[command + 2 :] == [
        *(str(ROOT / f'tools/{name}.py'), 'a config.py', '--work-dir', 'out'),
        *('--launcher', 'slurm', '--resume', 'a b.pth'),
    ]
