#!/usr/bin/env bash
# The whole way on an embedded data set: set-up, search, two trainings, a comparison.
#
# usage: bash tools/quickstart.sh [WORK_DIR]
#
# Digits are upright in the training images, while the detector will work behind a camera
# that is mounted sideways, of which there are 24 labelled images. The search takes them
# as S_val, and must find out which augmentation helps; the other way is to train on them,
# too. What is in WORK_DIR (work_dirs/quickstart) is deleted
# first.
#
# examples:
#   bash tools/quickstart.sh
#   bash tools/quickstart.sh /tmp/quickstart

set -euo pipefail
usage() { sed -n '2,/^$/s/^# \?//p' "$0"; }
[[ ${1:-} != -h && ${1:-} != --help ]] || { usage && exit; }
if (($# > 1)) || [[ ${1:-} == -* ]]; then
  printf '%s\n\n' 'quickstart.sh: error: it takes one folder' >&2
  usage >&2
  exit 2
fi
cd "$(dirname "$0")/.."
bash tools/setup_env.sh
python=$(bash tools/setup_env.sh --where)/bin/python
work=${1:-work_dirs/quickstart}
# One thread each: the two trainings run side by side.
export OMP_NUM_THREADS=1 PYTHONWARNINGS=ignore
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT # what runs in the background

say() { printf '[quickstart %3d s] %s\n' $SECONDS "$*"; }

# run NAME COMMAND ...: its output goes to a log, whose end is shown where it fails
run() {
  "${@:2}" >"$work/$1.log" 2>&1 || { tail -n 25 "$work/$1.log" >&2 && say "failed: see $work/$1.log" >&2 && return 1; }
}

# follow NAME PID WORDS: shows the lines of a log from these words on, until the process ends
follow() {
  tail -n +1 -F --pid="$2" "$work/$1.log" 2>/dev/null | sed -un "s/.*\\($3\\)/[quickstart] \\1/p" || true
}

rm -rf "$work"
mkdir -p "$work"
say 'real handwritten digits, pasted on cluttered canvases: upright for training, turned by 90 degrees where the detector will work'
"$python" tools/dataset_converters/digits.py --out data/digits

say 'searching the augmentation policy (3 to 4 minutes on one core)'
run search "$python" tools/search.py configs/ddas_retinanet_r18_digits.py --work-dir "$work/search" &
follow search $! "DDAS epoch"
wait $!

say 'training with the policy, and on the 24 images too instead, side by side (about 5 minutes)'
run with "$python" tools/train.py "$work/search/retrain_retinanet_r18_digits.py" --work-dir "$work/with" &
with=$!
run camera "$python" tools/train.py configs/baselines/retinanet_r18_digits_camera.py --work-dir "$work/camera" &
camera=$!
follow with $with "Saving checkpoint at"
wait $with
wait $camera

say 'both on the same images of the deployment camera'
"$python" tools/analysis_tools/compare_detectors.py \
  --run 'with the policy' "$work/search/retrain_retinanet_r18_digits.py" "$work/with/epoch_30.pth" \
  --run 'trained on the 24' configs/baselines/retinanet_r18_digits_camera.py "$work/camera/epoch_23.pth" \
  --policy "$work/search/policy.json" --out "$work/comparison.png" 2>"$work/compare.log" |
  grep -E 'mAP [0-9]|picture' || { tail -n 25 "$work/compare.log" >&2; exit 1; }
say "done; the policy is $work/search/policy.json"
