#!/usr/bin/env bash
# Run a tool as a Slurm job, one process per GPU: what slurm_search.sh and
# slurm_train.sh do.
#
# usage: bash tools/slurm_run.sh TOOL PARTITION JOB_NAME CONFIG WORK_DIR
#            [arguments of tools/TOOL.py]
#
# TOOL is search, train or test.
# In the environment: GPUS (8) in all, GPUS_PER_NODE (8 at most), CPUS_PER_TASK (5),
# SRUN_ARGS, more arguments of srun; PYTHON is the interpreter (python).
#
# examples:
#   bash tools/slurm_run.sh search gpu my_search CONFIG work_dirs/my_search
#   GPUS=4 bash tools/slurm_run.sh test gpu my_test CONFIG work_dirs/t CHECKPOINT
set -euo pipefail
source "$(dirname "$0")/usage.sh"

(($# >= 5)) || misused 'TOOL, PARTITION, JOB_NAME, CONFIG and WORK_DIR are needed'
[[ $1 == search || $1 == train || $1 == test ]] || misused "TOOL is search, train or test, not '$1'"
[[ -v DDAS_COMMAND ]] || note_command GPUS GPUS_PER_NODE CPUS_PER_TASK SRUN_ARGS PYTHON
TOOL=$1 PARTITION=$2 JOB_NAME=$3 CONFIG=$4 WORK_DIR=$5
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
