#!/usr/bin/env bash
# Set the environment up, then check lint, format, types and tests.
#
#   bash tools/run_tests.sh [default|classic] [pytest arguments ...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

stack=default
case ${1:-} in
  default | classic) stack=$1 && shift ;;
esac

bash tools/setup_env.sh "$stack"
bin=$(bash tools/setup_env.sh --where "$stack")/bin
echo '[tests] ruff check'
"$bin/ruff" check .
echo '[tests] ruff format --check'
"$bin/ruff" format --check .
if [[ $stack == default ]]; then # numpy and torch of the classic stack are typed otherwise
  echo '[tests] mypy ddas_mm/core ddas_mm/ops'
  "$bin/mypy" ddas_mm/core ddas_mm/ops
fi
# Side by side, one thread each; a file's tests stay together and share what they made.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
echo "[tests] pytest $*"
exec "$bin/python" -m pytest -n logical --maxprocesses 4 --dist loadfile "$@"
