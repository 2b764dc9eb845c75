# shellcheck shell=bash
# Sourced by the scripts beside it. The comment at a script's top is its --help.

called=("$0" "$@")

usage() { awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$0"; }

# misused WHAT: for a wrong command line
misused() {
  printf '%s\n\n' "$(basename "$0"): error: $1" >&2
  usage >&2
  exit 2
}

# note_command NAME ...: what a search that is stopped tells to go on by, with those of
# these variables that are set
note_command() {
  local name variables=()
  for name in "$@"; do
    [[ ! -v $name ]] || variables+=("$name=${!name}")
  done
  ((${#variables[@]} == 0)) || variables=(env "${variables[@]}")
  export DDAS_COMMAND="${variables[*]@Q} bash ${called[*]@Q}"
}

case ${1:-} in
  -h | --help) usage && exit ;;
esac
