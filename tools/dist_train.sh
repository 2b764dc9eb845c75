#!/usr/bin/env bash
# Train in several processes, one per GPU, on one machine or on several.
#
# usage: bash tools/dist_train.sh CONFIG GPUS [arguments of tools/train.py]
#
# GPUS counts the processes of a machine. In the environment: NNODES, NODE_RANK,
# MASTER_ADDR and PORT for several machines; PYTHON, the interpreter; TOOL, another one
# of tools/*.py.
#
# examples:
#   bash tools/dist_train.sh WORK_DIR/retrain_NAME.py 8 --amp
#   NNODES=2 NODE_RANK=0 MASTER_ADDR=10.0.0.1 bash tools/dist_train.sh CONFIG 8
#   TOOL=test bash tools/dist_train.sh CONFIG 4 CHECKPOINT

set -euo pipefail
usage() { sed -n '2,/^$/s/^# \?//p' "$0"; }
[[ ${1:-} != -h && ${1:-} != --help ]] || { usage && exit; }
if (($# < 2)) || [[ ! $2 =~ ^[0-9]+$ ]]; then
  printf '%s\n\n' "$(basename "$0"): error: CONFIG and GPUS, a number, are needed" >&2
  usage >&2
  exit 2
fi
export DDAS_COMMAND=${DDAS_COMMAND:-"bash ${0@Q} ${*@Q}"} # what a stopped run names
exec "${PYTHON:-python}" -m torch.distributed.run --nnodes="${NNODES:-1}" \
  --node_rank="${NODE_RANK:-0}" --master_addr="${MASTER_ADDR:-127.0.0.1}" \
  --master_port="${PORT:-29500}" --nproc_per_node="$2" \
  "$(dirname "$0")/${TOOL:-train}.py" "$1" --launcher pytorch "${@:3}"
