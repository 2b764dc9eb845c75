#!/usr/bin/env bash
# bash tools/slurm_run.sh TOOL PARTITION JOB_NAME CONFIG WORK_DIR [arguments of tools/TOOL.py]
# What slurm_search.sh and slurm_train.sh share.
# GPUS, GPUS_PER_NODE, CPUS_PER_TASK and SRUN_ARGS in the environment.
set -euo pipefail

TOOL=${1:?the tool is missing}
PARTITION=${2:?the partition is missing}
JOB_NAME=${3:?the name of the job is missing}
CONFIG=${4:?the config file is missing}
WORK_DIR=${5:?the work_dir is missing}
GPUS=${GPUS:-8}
GPUS_PER_NODE=${GPUS_PER_NODE:-$((GPUS < 8 ? GPUS : 8))}
CPUS_PER_TASK=${CPUS_PER_TASK:-5}

# shellcheck disable=SC2086  # SRUN_ARGS are several words
exec srun --partition="$PARTITION" \
  --job-name="$JOB_NAME" \
  --gres=gpu:"$GPUS_PER_NODE" \
  --ntasks="$GPUS" \
  --ntasks-per-node="$GPUS_PER_NODE" \
  --cpus-per-task="$CPUS_PER_TASK" \
  --kill-on-bad-exit=1 \
  ${SRUN_ARGS:-} \
  "${PYTHON:-python}" -u "$(dirname "$0")/$TOOL.py" "$CONFIG" \
  --work-dir "$WORK_DIR" --launcher slurm "${@:6}"
