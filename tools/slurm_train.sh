#!/usr/bin/env bash
# Train as a Slurm job, one process per GPU.
#
# usage: bash tools/slurm_train.sh PARTITION JOB_NAME CONFIG WORK_DIR
#            [arguments of tools/train.py]
#
# In the environment: GPUS (8) in all, GPUS_PER_NODE (8 at most), CPUS_PER_TASK (5),
# SRUN_ARGS, more arguments of srun; PYTHON is the interpreter (python).
#
# examples:
#   bash tools/slurm_train.sh gpu my_train WORK_DIR/retrain_NAME.py WORK_DIR/train
#   GPUS=16 SRUN_ARGS=--time=8:00:00 bash tools/slurm_train.sh gpu NAME CONFIG WORK_DIR
set -euo pipefail
source "$(dirname "$0")/usage.sh"

(($# >= 4)) || misused 'PARTITION, JOB_NAME, CONFIG and WORK_DIR are needed'
note_command GPUS GPUS_PER_NODE CPUS_PER_TASK SRUN_ARGS PYTHON
exec bash "$(dirname "$0")/slurm_run.sh" train "$@"
