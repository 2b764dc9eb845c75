#!/usr/bin/env bash
# Make a stack's virtual environment, or bring it up to date. Safe to run again
# at any time: it goes on where an interrupted run stopped.
#
# usage: bash tools/setup_env.sh [default|classic]
#        bash tools/setup_env.sh --where [default|classic]
#
# --where         print the environment's folder, and do nothing
#
# In the environment:
#
# DDAS_VENV       the environment's folder (default .venv, or .venv-classic)
# PYTHON          the interpreter that makes it (default python3)
# XDG_CACHE_HOME  where compiled mmcv wheels are kept (default ~/.cache)
#
# examples:
#   bash tools/setup_env.sh && source .venv/bin/activate
#   DDAS_VENV=/venvs/ddas_classic bash tools/setup_env.sh classic
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build_folder=  # removed at exit

# shellcheck source=tools/usage.sh
source "$root/tools/usage.sh"
# shellcheck source=tools/setup_mmcv.sh
source "$root/tools/setup_mmcv.sh"

say() { printf '%s\n' "[setup] $*"; }

die() {
  printf '%s\n' "[setup] error: $*" >&2
  exit 1
}

choose_stack() {
  case $1 in
    default)
      constraints=(torch==2.11.0 torchvision==0.26.0 'setuptools>=80,<81')
      mm_packages=$root/requirements/mminstall.txt
      venv=${DDAS_VENV:-.venv}
      ;;
    classic)
      constraints=(torch==2.1.2 torchvision==0.16.2 'numpy<2' 'setuptools>=80,<81')
      mm_packages=$root/requirements/mminstall_classic.txt
      venv=${DDAS_VENV:-.venv-classic}
      ;;
    *) misused "the stack is 'default' or 'classic', but got '$1'" ;;
  esac
  stack=$1
  [[ $venv == /* ]] || venv=$root/$venv
  py=$venv/bin/python
  notes=$venv/.ddas_mm
  log=$notes/setup.log
}

# ------------------------------------------------ what is there

# Everything that decides what the environment holds, as one line.
fingerprint() {
  {
    echo "$stack $root"
    cat "$root"/tools/setup_{env,mmcv}.sh "$root/setup.py" "$root/ddas_mm/version.py" \
      "$mm_packages" "$root"/requirements/{runtime,tests}.txt
  } | sha256sum
}

# A machine without a GPU leaves CUDA operations built elsewhere as they are.
is_ready() {
  [[ -x $py && -f $notes/stamp && $(<"$notes/stamp") == "$(fingerprint)" ]] &&
    [[ $(wanted_ops) == cpu:* || $(<"$notes/mmcv") == *-cuda* ]]
}

# ------------------------------------------------ running pip

# Log all of pip's output; print what tells a waiting person something.
follow() {
  local line percent last=-1 start=$SECONDS
  while IFS= read -r line; do
    printf '%s\n' "$line" >>"$log"
    if [[ $line =~ ^\ *\[([0-9]+)/([0-9]+)\] ]]; then
      percent=$((BASH_REMATCH[1] * 100 / BASH_REMATCH[2] / 5 * 5))
      if ((percent != last)); then
        say "  compiled $percent % of ${BASH_REMATCH[2]} files in $(((SECONDS - start) / 60)) min"
        last=$percent
      fi
    elif [[ $line =~ Downloading\ .*\ \(([0-9.]+\ GB|[0-9]{3,}[0-9.]*\ MB) ]]; then
      say "  d${line#*D}"
    elif [[ $line == 'Installing collected packages'* ]]; then
      say "  installing $(tr -cd , <<<"$line," | wc -c) packages"
    fi
  done
}

# pip ARGS: into the log; on failure the end of the log is shown.
pip() {
  local from output
  from=$(($(wc -l <"$log") + 1))
  printf '%s\n' "+ pip $*" >>"$log"
  "$py" -m pip "$@" 2>&1 | follow && return 0
  output=$(tail -n "+$from" "$log" | grep -vE 'is ignored: it is|^Requirement already')
  grep -m 5 -E ': (fatal )?error: ' <<<"$output" >&2 || true
  tail -n 12 <<<"$output" >&2
  die "pip failed; the whole output is in $log"
}

install() {
  pip install --disable-pip-version-check -c "$notes/constraints.txt" "$@"
}

# Are these requirements (name==version) installed?
has() {
  "$py" - "$@" <<'PY'
import sys
from importlib.metadata import PackageNotFoundError, version

for name, wanted in (arg.split('==') for arg in sys.argv[1:]):
    try:
        if version(name).split('+')[0] != wanted:
            sys.exit(1)
    except PackageNotFoundError:
        sys.exit(1)
PY
}

# Forget packages that an interrupted pip left half installed.
drop_broken_packages() {
  "$py" - <<'PY'
import shutil
from importlib.metadata import distributions

for dist in distributions():
    files = dist.files
    if files is None or not all(dist.locate_file(f).exists() for f in files if f.suffix != '.pyc'):
        if str(dist._path).endswith('.dist-info'):
            print(f'[setup]   repairing {dist._path.name}')
            shutil.rmtree(dist._path)
PY
}

# ------------------------------------------------ the stages

check_python() {
  local python=$1 newest=$2
  command -v "$python" >/dev/null || die "Python >= 3.10 is needed, but '$python' was not found; set PYTHON to one"
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
    die "Python >= 3.10 is needed, but $("$python" --version 2>&1) was found; set PYTHON to a newer one"
  "$python" -c "import sys; sys.exit(sys.version_info[:2] > (3, $newest))" ||
    die "torch ${constraints[0]#*==} has no build for $("$python" --version); set PYTHON to Python 3.$newest or older"
  "$python" -c 'import venv, ensurepip' 2>/dev/null ||
    die "$("$python" --version) lacks the venv module; install it (on Debian: apt install python3-venv)"
}

make_venv() {
  if ! "$py" -m pip --version >/dev/null 2>&1; then
    [[ ! -e $venv || -f $venv/pyvenv.cfg || -z $(ls -A "$venv") ]] ||
      die "$venv is there, but is no virtual environment; set DDAS_VENV to another folder"
    check_python "${PYTHON:-python3}" "$([[ $stack == classic ]] && echo 11 || echo 14)"
    say "1/5 making $venv (about 10 s)"
    "${PYTHON:-python3}" -m venv --clear "$venv"
  fi
  mkdir -p "$notes"
  [[ ! -f $notes/stack || $(<"$notes/stack") == "$stack" ]] ||
    die "$venv holds the $(<"$notes/stack") stack; set DDAS_VENV to another folder for $stack"
  echo "$stack" >"$notes/stack"
  printf '%s\n' "${constraints[@]}" >"$notes/constraints.txt"
  printf '%s\n' "=== $(date)" >>"$log"
  drop_broken_packages
}

# Here and below pip runs even where all is there: it looks for what is missing.
install_torch() {
  local packages=("${constraints[@]:0:2}") duration='1 to 10 minutes: about 3 GB to download'
  has "${packages[@]}" && duration='is there: a few seconds'
  say "2/5 installing ${packages[*]} ($duration)"
  install "${packages[@]}" 'setuptools>=80' wheel ninja psutil
}

install_rest() {
  say "4/5 installing $(grep -E '^[a-z]' "$mm_packages" | paste -sd ' ' -) (at most a minute)"
  install --no-build-isolation --no-cache-dir -r "$mm_packages"
  say '5/5 installing ddas_mm (editable), what it needs and what its tests need (at most a minute)'
  install --no-build-isolation -r "$root/requirements/runtime.txt" \
    -r "$root/requirements/tests.txt" -e "$root"
}

# imaug wants opencv-python-headless, mmcv opencv-python; both write the folder cv2,
# and the one with windows, which comes last, does not load without libGL.
prefer_headless_opencv() {
  local version
  "$py" -c 'import cv2' 2>/dev/null && return 0
  say '5/5 OpenCV with windows does not load here: taking its headless build (a few seconds)'
  version=$("$py" -c 'from importlib.metadata import version; print(version("opencv-python"))')
  install --force-reinstall --no-deps "opencv-python-headless==$version"
}

check_imports() {
  (cd / && "$py" -W ignore -c 'import mmcv.ops, mmdet, mmpretrain, ddas_mm') >>"$log" 2>&1 && return 0
  tail -n 5 "$log" >&2
  die "the packages are installed, but do not import; if mmcv is to blame, delete $wheels and run this again"
}

main() {
  local where=no wanted
  [[ ${1:-} == --where ]] && where=yes && shift
  (($# <= 1)) || misused 'it takes one stack'
  choose_stack "${1:-default}"
  [[ $where == no ]] || { echo "$venv" && return; }
  if ! is_ready; then
    exec 9<"$root/requirements"
    flock -n 9 || { say 'waiting for another set-up of this checkout' && flock 9; }
  fi
  if ! is_ready; then
    wanted=$(fingerprint)
    trap 'say "interrupted; run it again to go on" >&2; exit 130' INT TERM
    trap 'rm -rf "$build_folder"' EXIT
    make_venv
    install_torch
    install_mmcv
    install_rest
    prefer_headless_opencv
    check_imports
    echo "$wanted" >"$notes/stamp"
    say "done in $((SECONDS / 60)) min $((SECONDS % 60)) s"
  fi
  say "the $stack stack is ready: source ${venv#"$PWD"/}/bin/activate"
}

main "$@"
