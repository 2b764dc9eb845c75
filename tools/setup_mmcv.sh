# shellcheck shell=bash
# Sourced by setup_env.sh: which of mmcv's operations this machine can build, and
# the wheel of them. The wheel is kept in a user cache keyed by Python, torch and
# mmcv version: pip's own cache does not know which torch a wheel was built for.

# Print one entry of torch's version file, without the seconds an import takes.
torch_fact() {
  sed -n "s/^$1\(:.*\)\? = '\(.*\)'/\2/p" \
    "$venv"/lib/python3*/site-packages/torch/version.py 2>/dev/null || true
}

find_nvcc() {
  local candidate
  for candidate in "${CUDA_HOME:-}/bin/nvcc" nvcc /usr/local/cuda/bin/nvcc; do
    command -v "$candidate" 2>/dev/null && return
  done
}

nvcc_version() { "$1" --version | sed -n 's/.*release \([0-9.]*\).*/\1/p'; }

gpu_archs() {
  nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null |
    sort -u | paste -sd ';' - || true
}

# Print 'cuda:<archs>' where a GPU and a matching nvcc are there, else 'cpu:<why>'.
wanted_ops() {
  local archs nvcc have want
  archs=$(gpu_archs)
  nvcc=$(find_nvcc || true)
  want=$(torch_fact cuda)
  if [[ -z $want ]]; then
    echo 'cpu:this torch has no CUDA'
  elif [[ ! $archs =~ ^[0-9] ]]; then
    echo 'cpu:nvidia-smi shows no GPU'
  elif [[ -z $nvcc ]]; then
    echo "cpu:a GPU is there, but no nvcc (torch needs CUDA $want)"
  elif have=$(nvcc_version "$nvcc") && [[ $have != "$want" ]]; then
    echo "cpu:nvcc is of CUDA $have, but torch needs CUDA $want"
  else
    echo "cuda:$archs"
  fi
}

check_compiler() {
  local include
  command -v "${CXX:-c++}" >/dev/null || command -v g++ >/dev/null ||
    die 'a C++ compiler is needed to build mmcv, but none was found; install one (on Debian: apt install g++)'
  include=$("$py" -c 'import sysconfig; print(sysconfig.get_path("include"))')
  [[ -f $include/Python.h ]] ||
    die "Python's headers are needed to build mmcv, but $include/Python.h is missing (on Debian: apt install python3-dev)"
}

build_mmcv() {
  local requirement=$1 folder=$2 ops=$3 jobs memory
  check_compiler
  jobs=$(nproc)
  memory=$(awk '/^MemAvailable/ {print int($2 / 2e6)}' /proc/meminfo)  # 2 GB per file
  jobs=$((memory < 1 ? 1 : memory < jobs ? memory : jobs))
  say "3/5 compiling $requirement for torch $(torch_fact __version__), $jobs files at a time" \
    "(about $((20 / jobs + 1)) minutes for the CPU, 3 to 5 times that with CUDA)"
  mkdir -p "$(dirname "$folder")"
  build_folder=$(mktemp -d "$folder.XXXXXX")
  export MMCV_WITH_OPS=1 MAX_JOBS=$jobs FORCE_CUDA=0
  # mmcv's setup.py also turns to CUDA by itself where torch sees a GPU.
  if [[ $ops == cuda:* ]]; then
    export FORCE_CUDA=1 TORCH_CUDA_ARCH_LIST=${ops#cuda:}
  else
    export CUDA_VISIBLE_DEVICES=
  fi
  pip wheel -v --no-deps --no-build-isolation --no-cache-dir \
    --no-binary "${requirement%%==*}" -w "$build_folder" "$requirement"
  # Whoever else built the same wheel meanwhile built an equal one.
  mv -T "$build_folder" "$folder" 2>/dev/null || [[ -d $folder ]] || die "could not write $folder"
  unset CUDA_VISIBLE_DEVICES
}

install_mmcv() {
  local requirement ops key installed=
  requirement=$(grep -E '^(onedl-)?mmcv==' "$mm_packages")
  ops=$(wanted_ops)
  key=$("$py" -c 'import platform, sys; print(sys.implementation.cache_tag, platform.machine(), sep="-")')
  key+=-torch$(torch_fact __version__)-${requirement/==/-}-
  [[ ! -f $notes/mmcv ]] || installed=$(<"$notes/mmcv")
  if [[ $ops == cpu:* && $installed != "$key"cuda* ]]; then
    say "3/5 mmcv gets its CPU operations only: ${ops#cpu:}"
    key+=cpu
  elif [[ $ops == cpu:* ]]; then
    key=$installed
  else
    key+=$(tr ':;' '_' <<<"$ops")
  fi
  wheels=${XDG_CACHE_HOME:-$HOME/.cache}/ddas_mm/$key
  [[ $installed != "$key" ]] || ! has "$requirement" || return 0
  compgen -G "$wheels/*.whl" >/dev/null || build_mmcv "$requirement" "$wheels" "$ops"
  say "3/5 installing $requirement from $wheels (a few seconds)"
  install --force-reinstall --no-deps "$wheels"/*.whl
  echo "$key" >"$notes/mmcv"
}
