#!/usr/bin/env bash
# Search as a Slurm job, one process per GPU.
#
# usage: bash tools/slurm_search.sh PARTITION JOB_NAME CONFIG WORK_DIR
#            [arguments of tools/search.py]
#
# In the environment: GPUS (8) in all, GPUS_PER_NODE (8 at most), CPUS_PER_TASK (5),
# SRUN_ARGS, more arguments of srun; PYTHON is the interpreter (python).
#
# examples:
#   bash tools/slurm_search.sh gpu my_search configs/ddas_retinanet_r50_coco.py work_dirs/my_search
#   GPUS=16 SRUN_ARGS=--time=8:00:00 bash tools/slurm_search.sh gpu NAME CONFIG WORK_DIR
set -euo pipefail
source "$(dirname "$0")/usage.sh"

(($# >= 4)) || misused 'PARTITION, JOB_NAME, CONFIG and WORK_DIR are needed'
note_command GPUS GPUS_PER_NODE CPUS_PER_TASK SRUN_ARGS PYTHON
exec bash "$(dirname "$0")/slurm_run.sh" search "$@"
