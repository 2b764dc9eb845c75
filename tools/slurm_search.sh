#!/usr/bin/env bash
# bash tools/slurm_search.sh PARTITION JOB_NAME CONFIG WORK_DIR [arguments of tools/search.py]
# GPUS, GPUS_PER_NODE, CPUS_PER_TASK and SRUN_ARGS in the environment.
exec bash "$(dirname "$0")/slurm_run.sh" search "$@"
