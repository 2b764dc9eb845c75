#!/usr/bin/env bash
# bash tools/dist_train.sh CONFIG GPUS [arguments of tools/train.py]
# Several nodes: NNODES, NODE_RANK, MASTER_ADDR and PORT in the environment.
exec bash "$(dirname "$0")/dist_run.sh" train "$@"
