"""Run the study's searches and trainings, several at once, a line of results each.

What is in the results already is not done again; a job that fails is noted, and the
others go on. Jobs are done in the order of the parts, seed by seed.

Examples:
  python benchmarks/study/run.py --cifar10 cifar10_jpeg.tar.xz --parts D1 B C
  python benchmarks/study/run.py --cifar10 data/cifar10 --smoke
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
import traceback
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from detector_jobs import CAMERAS
from jobs import Job
from parts import PARTS

from tools.dataset_converters import digits

# other ones than the quickstart's and part S's
DIGITS = {'version': 1, 'seed': 1, 'num_train': 600, 'num_val': 300, 'num_test': 300}


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add('--parts', nargs='+', choices=list(PARTS), default=['S', 'D1', 'B'])
    add('--cifar10', metavar='PATH', help='class folders of images, or a tar of them')
    add('--digits', type=Path, metavar='DIR', help='of dataset_converters/digits.py')
    add('--cells', type=Path, metavar='DIR', help='annotations and images of BCCD')
    add('--out', type=Path, default=Path('work_dirs/study'), help='results go here')
    add('--scratch', type=Path, help='what need not be kept (a folder of --out)')
    add('--workers', type=int, default=os.cpu_count())
    add('--loaders', type=int, default=0, help='loading processes of each job')
    add('--until', type=float, default=1e9, help='seconds after which no job starts')
    add('--scale', type=float, default=1.0, help='factor on all steps')
    add('--seeds', type=int, nargs='+', help='these only')
    add(
        '--only',
        nargs='+',
        default=[''],
        metavar='WORD',
        help='jobs with one of these in their names, the first ones first',
    )
    add('--list', action='store_true', help='print the jobs and end')
    add('--smoke', action='store_true', help='a few steps of a job of each kind')
    args = parser.parse_args()
    args.scratch = args.scratch or args.out / 'scratch'
    return args


def plan(args: argparse.Namespace) -> list[Job]:
    """Return all jobs in their order."""
    jobs = [job for part in args.parts for job in PARTS[part](args.scale)]
    if args.seeds is not None:
        jobs = [job for job in jobs if job.seed in args.seeds]
    if args.smoke:
        jobs = list(map(shrunk, one_of_each(jobs)))
    found = {j.name: j for word in args.only for j in jobs if word in j.name}
    return list(found.values())


def one_of_each(jobs: list[Job]) -> list[Job]:
    """Return the first job of each kind and method, and what these need."""
    chosen: dict[tuple[str, str, str], Job] = {}
    for job in jobs:
        if job.kind.endswith('train') and not job.tags.get('what'):
            key = job.part, job.kind, job.tags['method']
        else:
            key = job.part, job.kind, job.tags.get('what', '')
        chosen.setdefault(key, job)
    names = {job.name for job in chosen.values()}
    names |= {need for job in chosen.values() for need in job.needs}
    return [job for job in jobs if job.name in names]


def shrunk(job: Job) -> Job:
    """Return a job of a few steps of few images."""
    setup = {**job.setup, 'steps': 4, 'batch': 8, 'few': 40, 'loaders': 0}
    if 'network' in setup:
        setup['network'] = 'wrn10-1' if 'wrn' in setup['network'] else 'resnet18-8'
    for key in setup.keys() & {'parts', 'val'}:
        setup[key] = list(map(_shorter, setup[key]))
    if 'start' in setup.get('test', {}):
        setup['test'] = _shorter(setup['test'])
    if 'proxy' in setup:
        setup['proxy'] = {'num_train': 16, 'num_val': 8, 'seed': job.seed}
    return replace(job, setup=setup)


def _shorter(part: dict[str, Any]) -> dict[str, Any]:
    count = min(max(part['count'] // 100, 8), 40)
    return {**part, 'start': part['start'] // 100, 'count': count}


def work(pipe: Connection, folders: dict[str, Path], loaders: int, log: Path) -> None:
    """Do the jobs that come through a pipe, until None comes."""
    with open(log, 'a', buffering=1) as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
    import cv2
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    import images
    from mmpretrain.utils import register_all_modules
    from work import execute

    register_all_modules(init_default_scope=False)
    del images
    while (job := pipe.recv()) is not None:
        try:
            pipe.send(execute(job, folders, loaders))
        except Exception as error:
            traceback.print_exc()
            reason = f'{type(error).__name__}: {error}'[:300]
            pipe.send({'name': job.name, 'part': job.part, 'failed': reason})


class Crew:
    """Processes that do jobs, each one job at a time.

    Args:
        args: The command line.
        folders: See ``work.execute``.
    """

    def __init__(self, args: argparse.Namespace, folders: dict[str, Path]) -> None:
        self.args, self.folders = args, folders
        self.context = multiprocessing.get_context('spawn')
        self.idle: list[Connection] = []
        self.busy: dict[Connection, Job] = {}
        self.processes: dict[Connection, Any] = {}

    def hire(self) -> None:
        """Start one more process."""
        here, there = self.context.Pipe()
        log = self.args.out / f'worker{len(self.processes)}.log'
        process = self.context.Process(
            target=work, args=(there, self.folders, self.args.loaders, log)
        )
        process.start()
        there.close()
        self.processes[here] = process
        self.idle.append(here)

    def give(self, job: Job) -> None:
        """Let an idle process do a job."""
        pipe = self.idle.pop()
        pipe.send(job)
        self.busy[pipe] = job

    def results(self) -> list[dict[str, Any]]:
        """Wait for at least one job to end, or for a process to."""
        found = []
        for pipe in wait(list(self.busy), timeout=5):
            job = self.busy.pop(pipe)
            try:
                found.append(pipe.recv())
                self.idle.append(pipe)
            except EOFError:
                reason = f'its process ended ({self.processes[pipe].exitcode})'
                found.append({'name': job.name, 'part': job.part, 'failed': reason})
                self.hire()
        return found

    def dismiss(self) -> None:
        """Let all processes end."""
        for pipe in self.idle:
            pipe.send(None)
        for process in self.processes.values():
            process.join(20)


def done_before(args: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Return the results that lie in the files of the parts."""
    found = {}
    for part in args.parts:
        path = args.out / f'{part}.jsonl'
        if path.is_file():
            for line in path.read_text().splitlines():
                result = json.loads(line)
                found[result['name']] = result
    return {name: r for name, r in found.items() if 'failed' not in r}


def main() -> None:
    """Run what is not done yet."""
    args, began = parse_args(), time.monotonic()
    jobs = plan(args)
    if args.list:
        print(
            *(f'{job.name}  {job.kind}  {job.setup["steps"]}' for job in jobs), sep='\n'
        )
        return
    import images

    folders = {'policies': args.out / 'left', 'scratch': args.scratch}
    for folder in list(folders.values()):
        folder.mkdir(parents=True, exist_ok=True)
    folders['data'] = args.scratch / 'cifar10'
    folders |= {'digits': args.digits, 'cells': args.cells}
    folders['cameras'] = args.scratch / 'cameras'
    for camera in CAMERAS if any('camera' in job.setup for job in jobs) else ():
        digits.generate(folders['cameras'] / camera, DIGITS | {'camera': camera})
    if args.cifar10:
        images.pack(args.cifar10, folders['data'])
    os.environ.update(OMP_NUM_THREADS='1', MKL_NUM_THREADS='1')
    done, failed = set(done_before(args)), 0
    waiting = [job for job in jobs if job.name not in done]
    names = done | {job.name for job in waiting}
    crew = Crew(args, folders)
    for _ in range(min(args.workers, len(waiting))):
        crew.hire()
    count = 0
    while waiting or crew.busy:
        open_still = time.monotonic() - began < args.until
        while crew.idle and open_still:
            ready = (job for job in waiting if done.issuperset(job.needs))
            job = next(ready, None)
            if job is None:
                break
            waiting.remove(job)
            crew.give(job)
        if not crew.busy:
            break
        for result in crew.results():
            count += 1
            name, seconds = result['name'], time.monotonic() - began
            failed += 'failed' in result
            if 'failed' in result:
                names.discard(name)
                waiting = [job for job in waiting if names.issuperset(job.needs)]
            else:
                done.add(name)
            with open(args.out / f'{result["part"]}.jsonl', 'a') as file:
                file.write(json.dumps(result) + '\n')
            score = result.get('accuracy', result.get('mAP', ''))
            told = result.get('failed') or score
            print(f'{seconds:5.0f} s  {count} {name} {told}', flush=True)
    crew.dismiss()
    left = f'; {len(waiting)} not started' if waiting else ''
    print(f'{count} jobs, {failed} failed{left}')
    sys.exit(failed > 0)


if __name__ == '__main__':
    main()
