#!/usr/bin/env bash
# Run a tool in several processes, one per GPU: what dist_search.sh and dist_train.sh do.
#
# usage: bash tools/dist_run.sh TOOL CONFIG GPUS [arguments of tools/TOOL.py]
#
# TOOL is search, train or test; GPUS is the number of processes per node. In the
# environment, for several nodes: NNODES, NODE_RANK, MASTER_ADDR and PORT; PYTHON is the
# interpreter (python).
#
# examples:
#   bash tools/dist_run.sh search configs/ddas_retinanet_r50_coco.py 4
#   bash tools/dist_run.sh test CONFIG 4 work_dirs/NAME/epoch_12.pth
set -euo pipefail
source "$(dirname "$0")/usage.sh"

(($# >= 3)) || misused 'TOOL, CONFIG and GPUS are needed'
[[ $1 == search || $1 == train || $1 == test ]] || misused "TOOL is search, train or test, not '$1'"
[[ -v DDAS_COMMAND ]] || note_command NNODES NODE_RANK MASTER_ADDR PORT PYTHON
TOOL=$1 CONFIG=$2 GPUS=$3
NNODES=${NNODES:-1}
NODE_RANK=${NODE_RANK:-0}
PORT=${PORT:-29500}
for name in GPUS NNODES NODE_RANK PORT; do
  if ! [[ ${!name} =~ ^[0-9]+$ ]]; then
    echo "dist_$TOOL.sh: error: $name must be a number, but is '${!name}'" >&2
    exit 2
  fi
done
if ((NNODES > 1)) && [[ -z ${MASTER_ADDR:-} ]]; then
  echo "dist_$TOOL.sh: error: NNODES=$NNODES needs MASTER_ADDR, the address of the node with NODE_RANK=0" >&2
  exit 2
fi
MASTER_ADDR=${MASTER_ADDR:-127.0.0.1}
if ((NNODES > 1)) && [[ $MASTER_ADDR == 127.0.0.1 ]]; then
  echo "dist_$TOOL.sh: NNODES=$NNODES on MASTER_ADDR=127.0.0.1 works on one machine only" >&2
fi
# Without GPUs the cores are shared out; torchrun would give each process one thread.
if ! command -v nvidia-smi >/dev/null; then
  threads=$(($(getconf _NPROCESSORS_ONLN) / GPUS))
  export OMP_NUM_THREADS=${OMP_NUM_THREADS:-$((threads > 0 ? threads : 1))}
fi

exec "${PYTHON:-python}" "$(dirname "$0")/torchrun.py" \
  --nnodes="$NNODES" \
  --node_rank="$NODE_RANK" \
  --master_addr="$MASTER_ADDR" \
  --nproc_per_node="$GPUS" \
  --master_port="$PORT" \
  "$(dirname "$0")/$TOOL.py" "$CONFIG" --launcher pytorch "${@:4}"
