#!/usr/bin/env bash
# Search in several processes, one per GPU, on one machine or on several.
#
# usage: bash tools/dist_search.sh CONFIG GPUS [arguments of tools/search.py]
#
# GPUS counts the processes of a machine; the environment is as in tools/dist_train.sh.
#
# examples:
#   bash tools/dist_search.sh configs/ddas_retinanet_r50_coco.py 4 --amp
#   NNODES=2 NODE_RANK=0 MASTER_ADDR=10.0.0.1 bash tools/dist_search.sh CONFIG 8

set -euo pipefail
usage() { sed -n '2,/^$/s/^# \?//p' "$0"; }
[[ ${1:-} != -h && ${1:-} != --help ]] || { usage && exit; }
if (($# < 2)) || [[ ! $2 =~ ^[0-9]+$ ]]; then
  printf '%s\n\n' "$(basename "$0"): error: CONFIG and GPUS, a number, are needed" >&2
  usage >&2
  exit 2
fi
export TOOL=search DDAS_COMMAND=${DDAS_COMMAND:-"bash ${0@Q} ${*@Q}"}
exec bash "$(dirname "$0")/dist_train.sh" "$@"
