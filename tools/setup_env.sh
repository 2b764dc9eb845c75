#!/usr/bin/env bash
# Make a stack's virtual environment, or bring it up to date; after an interruption run
# it again.
#
# usage: bash tools/setup_env.sh [default|classic]
#        bash tools/setup_env.sh --where [default|classic]
#
# --where         print the environment's folder, and do nothing
#
# In the environment:
#
# DDAS_VENV       the environment's folder (default .venv, or .venv-classic)
# DDAS_OPTIONAL   if set, the default stack gets mmseg and mmrotate too
# PYTHON          the interpreter that makes it (default python3)
# XDG_CACHE_HOME  where compiled mmcv wheels are kept (default ~/.cache)
#
# examples:
#   bash tools/setup_env.sh && source .venv/bin/activate
#   DDAS_VENV=/venvs/ddas_classic bash tools/setup_env.sh classic

set -euo pipefail
usage() { sed -n '2,/^$/s/^# \?//p' "$0"; }
say() { printf '%s\n' "[setup] $*"; }
die() {
  say "error: $*" >&2
  exit 1
}
[[ ${1:-} != -h && ${1:-} != --help ]] || { usage && exit; }
root=$(cd "$(dirname "$0")/.." && pwd)
where=no
[[ ${1:-} != --where ]] || { where=yes && shift; }
stack=${1:-default}
case $stack in
  default)
    constraints=(torch==2.11.0 torchvision==0.26.0 'setuptools>=80,<81')
    mm_packages=$root/requirements/mminstall.txt venv=${DDAS_VENV:-.venv} newest=14
    ;;
  classic)
    constraints=(torch==2.1.2 torchvision==0.16.2 'numpy<2' 'setuptools>=80,<81')
    mm_packages=$root/requirements/mminstall_classic.txt venv=${DDAS_VENV:-.venv-classic} newest=11
    ;;
  *)
    printf '%s\n\n' "setup_env.sh: error: the stack is 'default' or 'classic', but got '$stack'" >&2
    usage >&2
    exit 2
    ;;
esac
[[ $stack == default && ${DDAS_OPTIONAL:-} ]] && more=$root/requirements/optional.txt || more=/dev/null
[[ $venv == /* ]] || venv=$root/$venv
[[ $where == no ]] || { echo "$venv" && exit; }
py=$venv/bin/python notes=$venv/.ddas_mm log=$venv/.ddas_mm/setup.log

# pip's output goes into the log; a line a minute tells that it lives
pip() {
  local from code=0 ticker
  from=$(($(wc -l <"$log") + 1))
  while sleep 60 >/dev/null 2>&1 9>&-; do # it may outlive us, and holds nothing
    say "  $(tail -n 1 "$log" | cut -c1-90)"
  done &
  ticker=$!
  "$py" -m pip --disable-pip-version-check "$@" >>"$log" 2>&1 || code=$?
  kill "$ticker" && wait "$ticker" 2>/dev/null || true
  ((code == 0)) && return
  tail -n "+$from" "$log" | grep -m 5 -E ': (fatal )?error: ' >&2 || true
  tail -n 12 "$log" >&2
  die "pip failed; the whole output is in $log"
}
install() { pip install -c "$notes/constraints.txt" "$@"; }

make_venv() {
  local python=${PYTHON:-python3}
  [[ ! -e $venv || -f $venv/pyvenv.cfg || -z $(ls -A "$venv") ]] ||
    die "$venv is there, but is no virtual environment; set DDAS_VENV to another folder"
  [[ ! -f $notes/stack || $(<"$notes/stack") == "$stack" ]] ||
    die "$venv holds the $(<"$notes/stack") stack; set DDAS_VENV to another folder"
  "$python" -c "import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, $newest))" ||
    die "Python 3.10 to 3.$newest with its venv module is needed, but '$python' is none; set PYTHON to one (on Debian: apt install python3-venv)"
  say "1/5 making $venv (about 10 s)"
  "$py" -m pip --version >/dev/null 2>&1 || "$python" -m venv --clear "$venv"
  mkdir -p "$notes"
  echo "$stack" >"$notes/stack"
  printf '%s\n' "${constraints[@]}" >"$notes/constraints.txt"
  say "=== $(date)" >>"$log"
}

# The wheel of mmcv is kept by Python, torch and mmcv: pip's own cache does not know
# which torch it was built for. With a GPU and nvcc it gets CUDA's operations too.
install_mmcv() {
  local mmcv key wheels device=cpu jobs
  mmcv=$(grep -E '^(onedl-)?mmcv==' "$mm_packages")
  ! { command -v nvcc && nvidia-smi -L; } >/dev/null 2>&1 || device=cuda
  key=$("$py" -c 'import sys, sysconfig, torch; print(sys.implementation.cache_tag, sysconfig.get_platform().rpartition("-")[2], f"torch{torch.__version__}", sep="-")')
  wheels=${XDG_CACHE_HOME:-$HOME/.cache}/ddas_mm/$key-${mmcv/==/-}-$device
  if ! compgen -G "$wheels/*.whl" >/dev/null; then
    command -v "${CXX:-c++}" >/dev/null ||
      die 'a C++ compiler is needed to build mmcv; install one (on Debian: apt install g++ python3-dev)'
    jobs=$(awk -v cores="$(nproc)" '/^MemAvailable/ {n = int($2 / 2e6); print n < 1 ? 1 : n < cores ? n : cores}' /proc/meminfo)
    say "3/5 compiling $mmcv for $device, $jobs files at a time (about $((20 / jobs + 1)) minutes, with CUDA 3 to 5 times that)"
    [[ $device == cuda ]] || export CUDA_VISIBLE_DEVICES= # mmcv would turn to CUDA by itself
    export MMCV_WITH_OPS=1 MAX_JOBS=$jobs FORCE_CUDA=$([[ $device == cpu ]] && echo 0 || echo 1)
    rm -rf "$notes/wheel" # moved at the end: a wheel in the cache is whole
    pip wheel -v --no-deps --no-build-isolation --no-cache-dir --no-binary "${mmcv%%==*}" -w "$notes/wheel" "$mmcv"
    mkdir -p "$wheels"
    mv "$notes"/wheel/*.whl "$wheels/"
  fi
  [[ -f $notes/mmcv && $(<"$notes/mmcv") == "$wheels" ]] && return
  say "3/5 installing $mmcv from $wheels (a few seconds)"
  install --force-reinstall --no-deps "$wheels"/*.whl
  echo "$wheels" >"$notes/mmcv"
}

install_all() {
  make_venv
  say "2/5 installing ${constraints[*]:0:2} (a few seconds, or 1 to 10 minutes where 3 GB have to be downloaded)"
  install "${constraints[@]:0:2}" 'setuptools>=80' wheel ninja psutil
  install_mmcv
  say '4/5 installing the mm packages (at most a minute)'
  install --no-build-isolation --no-cache-dir -r "$mm_packages" -r "$more"
  say '5/5 installing ddas_mm (editable), what it needs and what its tests need (at most a minute)'
  install --no-build-isolation -r "$root/requirements/runtime.txt" -r "$root/requirements/tests.txt" -e "$root"
  # mmcv wants the OpenCV with windows, which does not load without libGL
  "$py" -c 'import cv2' 2>/dev/null || install --force-reinstall --no-deps \
    "opencv-python-headless==$("$py" -c 'from importlib.metadata import version; print(version("opencv-python"))')"
  (cd / && "$py" -W ignore -c 'import mmcv.ops, mmdet, mmpretrain, ddas_mm') ||
    die "the packages do not import; if mmcv is to blame, delete $(<"$notes/mmcv") and run this again"
}

# All that decides what the environment holds, as one line.
wanted=$(cat <(echo "$root" "$more") "$0" "$root"/{setup.py,requirements/*.txt} | sha256sum)
exec 9<"$root/requirements"
flock 9 # another set-up of this checkout
if [[ ! -x $py || ! -f $notes/stamp || $(<"$notes/stamp") != "$wanted" ]]; then
  install_all
  echo "$wanted" >"$notes/stamp"
  say "done in $((SECONDS / 60)) min $((SECONDS % 60)) s"
fi
say "the $stack stack is ready: source ${venv#"$PWD"/}/bin/activate"
