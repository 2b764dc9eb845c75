#!/usr/bin/env bash
# Search in several processes, one per GPU, on one node or on several.
#
# usage: bash tools/dist_search.sh CONFIG GPUS [arguments of tools/search.py]
#
# GPUS is the number of processes per node. In the environment, for several nodes:
# NNODES, NODE_RANK, MASTER_ADDR and PORT; PYTHON is the interpreter (python).
#
# examples:
#   bash tools/dist_search.sh configs/ddas_retinanet_r50_coco.py 4 --amp
#   NNODES=2 NODE_RANK=0 MASTER_ADDR=10.0.0.1 bash tools/dist_search.sh CONFIG 8
set -euo pipefail
source "$(dirname "$0")/usage.sh"

(($# >= 2)) || misused 'CONFIG and GPUS are needed'
note_command NNODES NODE_RANK MASTER_ADDR PORT PYTHON
exec bash "$(dirname "$0")/dist_run.sh" search "$@"
