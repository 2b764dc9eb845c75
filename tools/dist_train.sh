#!/usr/bin/env bash
# Train in several processes, one per GPU, on one node or on several.
#
# usage: bash tools/dist_train.sh CONFIG GPUS [arguments of tools/train.py]
#
# GPUS is the number of processes per node. In the environment, for several nodes:
# NNODES, NODE_RANK, MASTER_ADDR and PORT; PYTHON is the interpreter (python).
#
# examples:
#   bash tools/dist_train.sh work_dirs/NAME/retrain_NAME.py 4
#   NNODES=2 NODE_RANK=0 MASTER_ADDR=10.0.0.1 bash tools/dist_train.sh CONFIG 8
set -euo pipefail
source "$(dirname "$0")/usage.sh"

(($# >= 2)) || misused 'CONFIG and GPUS are needed'
note_command NNODES NODE_RANK MASTER_ADDR PORT PYTHON
exec bash "$(dirname "$0")/dist_run.sh" train "$@"
