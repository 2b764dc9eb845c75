#!/usr/bin/env bash
# The whole way on an embedded data set: set-up, search, two trainings, a comparison.
#
# usage: bash tools/quickstart.sh [WORK_DIR]
#
# Digits are upright in the training images, while the detector will work behind a camera
# that is mounted sideways. The search sees a few images of that camera (S_val), and
# must find out which augmentation helps. After set-up: at most 8 minutes on 2 CPU cores.
# What is in WORK_DIR (work_dirs/quickstart) is deleted first.
#
# examples:
#   bash tools/quickstart.sh
#   bash tools/quickstart.sh /tmp/quickstart
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/usage.sh"
(($# <= 1)) && [[ ${1:-} != -* ]] || misused 'it takes one folder'
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bash tools/setup_env.sh
python=$(bash tools/setup_env.sh --where)/bin/python
work=${1:-work_dirs/quickstart}
data=data/digits
began=$SECONDS
# One thread each: the two trainings run side by side.
export OMP_NUM_THREADS=1 PYTHONWARNINGS=ignore

say() { printf '[quickstart %3d s] %s\n' $((SECONDS - began)) "$*"; }

# finish LOG PID: waits; shows the end of the log where the command has failed
finish() {
  wait "$2" && return
  tail -n 25 "$1" >&2
  say "failed: the whole output is in $1" >&2
  exit 1
}

# What runs in the background does not hear of Ctrl-C by itself.
trap 'trap "" INT TERM; kill $(jobs -p) 2>/dev/null || true; wait; say stopped >&2; exit 130' INT TERM

rm -rf "$work"
mkdir -p "$work"
say 'real handwritten digits, pasted on cluttered canvases: upright for training, turned by 90 degrees where the detector will work'
"$python" tools/dataset_converters/digits.py --out "$data"

say 'searching the augmentation policy (about 1 minute)'
"$python" tools/search.py configs/ddas_retinanet_r18_digits.py \
  --work-dir "$work/search" >"$work/search.log" 2>&1 &
search=$!
shown=0
while kill -0 "$search" 2>/dev/null; do
  sleep 2
  lines=$(grep -c 'DDAS epoch' "$work/search.log" || true)
  if ((lines > shown)); then
    say "$(grep 'DDAS epoch' "$work/search.log" | tail -n 1 | sed 's/.*INFO - //')"
    shown=$lines
  fi
done
finish "$work/search.log" "$search"

say 'training with the policy and without, side by side (about 3 minutes)'
"$python" tools/train.py "$work/search/retrain_retinanet_r18_digits.py" \
  --work-dir "$work/with" >"$work/with.log" 2>&1 &
with=$!
"$python" tools/train.py configs/baselines/retinanet_r18_digits.py \
  --work-dir "$work/without" >"$work/without.log" 2>&1 &
without=$!
while kill -0 "$with" 2>/dev/null || kill -0 "$without" 2>/dev/null; do
  sleep 15
  line=$(grep -o 'Epoch(train) *\[[0-9]*\]' "$work/with.log" | tail -n 1 | grep -o '[0-9]*' || true)
  [[ -z $line ]] || say "epoch $line of 30"
done
finish "$work/with.log" "$with"
finish "$work/without.log" "$without"

say 'both on the same images of the deployment camera'
"$python" tools/analysis_tools/compare_detectors.py \
  --run 'with the policy' "$work/search/retrain_retinanet_r18_digits.py" "$work/with/epoch_30.pth" \
  --run 'without' configs/baselines/retinanet_r18_digits.py "$work/without/epoch_30.pth" \
  --policy "$work/search/policy.json" --out "$work/comparison.png" 2>"$work/compare.log" |
  grep -E 'mAP [0-9]|picture' || { tail -n 25 "$work/compare.log" >&2; exit 1; }
say "done; the policy is $work/search/policy.json"
