#!/usr/bin/env bash
# Set the environment up, then check lint, format, types and tests.
#
# usage: bash tools/run_tests.sh [default|classic] [arguments of pytest]
#
# examples:
#   bash tools/run_tests.sh
#   bash tools/run_tests.sh classic -k estimator
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/usage.sh"
cd "$(dirname "${BASH_SOURCE[0]}")/.."

stack=default
case ${1:-} in
  default | classic) stack=$1 && shift ;;
esac

bash tools/setup_env.sh "$stack"
bin=$(bash tools/setup_env.sh --where "$stack")/bin
if [[ $stack == default ]]; then # numpy and torch of the classic stack are typed otherwise
  if git rev-parse --git-dir >/dev/null 2>&1; then
    echo '[tests] pre-commit run --all-files'
    PATH=$bin:$PATH "$bin/pre-commit" run --all-files --show-diff-on-failure --color never
  else
    echo '[tests] no git checkout: without the checks of .pre-commit-config.yaml'
  fi
fi
# Side by side, one thread each; a file's tests stay together and share what they made.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
echo "[tests] pytest $*"
exec "$bin/python" -m pytest -n logical --maxprocesses 4 --dist loadfile "$@"
