#!/usr/bin/env bash
# bash tools/dist_run.sh TOOL CONFIG GPUS [arguments of tools/TOOL.py]
# What dist_search.sh and dist_train.sh share.
# Several nodes: NNODES, NODE_RANK, MASTER_ADDR and PORT in the environment.
set -euo pipefail

TOOL=${1:?the tool is missing}
CONFIG=${2:?the config file is missing}
GPUS=${3:?the number of processes per node is missing}
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

exec "${PYTHON:-python}" -m torch.distributed.run \
  --nnodes="$NNODES" \
  --node_rank="$NODE_RANK" \
  --master_addr="$MASTER_ADDR" \
  --nproc_per_node="$GPUS" \
  --master_port="$PORT" \
  "$(dirname "$0")/$TOOL.py" "$CONFIG" --launcher pytorch "${@:4}"
