#!/usr/bin/env bash
# Search, train or test as a Slurm job, one process per GPU.
#
# usage: bash tools/slurm.sh TOOL PARTITION JOB_NAME CONFIG WORK_DIR
#            [arguments of tools/TOOL.py]
#
# TOOL is search, train or test. In the environment: GPUS (8) in all, GPUS_PER_NODE (8 at
# most), CPUS_PER_TASK (5), SRUN_ARGS, more arguments of srun; PYTHON, the interpreter.
#
# examples:
#   bash tools/slurm.sh search gpu my_search CONFIG work_dirs/my_search
#   GPUS=16 SRUN_ARGS=--time=8:00:00 bash tools/slurm.sh train gpu NAME CONFIG WORK_DIR

set -euo pipefail
usage() { sed -n '2,/^$/s/^# \?//p' "$0"; }
[[ ${1:-} != -h && ${1:-} != --help ]] || { usage && exit; }
if (($# < 5)) || [[ ! -f $(dirname "$0")/$1.py ]]; then
  printf '%s\n\n' "slurm.sh: error: TOOL, PARTITION, JOB_NAME, CONFIG and WORK_DIR are needed" >&2
  usage >&2
  exit 2
fi
GPUS=${GPUS:-8}
GPUS_PER_NODE=${GPUS_PER_NODE:-$((GPUS < 8 ? GPUS : 8))}
export DDAS_COMMAND=${DDAS_COMMAND:-"bash ${0@Q} ${*@Q}"} # what a stopped run names
# shellcheck disable=SC2086  # SRUN_ARGS are several words
exec srun --partition="$2" --job-name="$3" --gres=gpu:"$GPUS_PER_NODE" \
  --ntasks="$GPUS" --ntasks-per-node="$GPUS_PER_NODE" \
  --cpus-per-task="${CPUS_PER_TASK:-5}" --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
  "${PYTHON:-python}" -u "$(dirname "$0")/$1.py" "$4" --work-dir "$5" \
  --launcher slurm "${@:6}"
