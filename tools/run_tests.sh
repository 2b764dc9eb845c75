#!/usr/bin/env bash
# Set the environment up, then check lint, format, types and tests.
#
# usage: bash tools/run_tests.sh [default|classic] [arguments of pytest]
#
# examples:
#   bash tools/run_tests.sh
#   bash tools/run_tests.sh classic -k estimator

set -euo pipefail
[[ ${1:-} != -h && ${1:-} != --help ]] || { sed -n '2,/^$/s/^# \?//p' "$0" && exit; }
cd "$(dirname "$0")/.."
stack=default
[[ ${1:-} != default && ${1:-} != classic ]] || { stack=$1 && shift; }
bash tools/setup_env.sh "$stack"
bin=$(bash tools/setup_env.sh --where "$stack")/bin
# numpy and torch of the classic stack are typed otherwise; an archive has no git
if [[ $stack == default ]] && git rev-parse --git-dir >/dev/null 2>&1; then
  PATH=$bin:$PATH "$bin/pre-commit" run --all-files --show-diff-on-failure --color never
fi
# Side by side, one thread each; a file's tests stay together and share what they made.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
exec "$bin/python" -m pytest -n logical --maxprocesses 4 --dist loadfile "$@"
