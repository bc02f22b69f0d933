# Read by the scripts beside it: finds Ray and the token, starts a node in the background, and says
# what a shell needs to use it.
# shellcheck shell=bash

die() {
  echo "error: $*" >&2
  exit 1
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ray=$(command -v ray || echo "${here%/*}/.venv/bin/ray")
token_file=${RAY_AUTH_TOKEN_PATH:-$HOME/.ray/auth_token}
nodes=$(dirname "$token_file")/nodes/$(hostname) # homes may be shared; one log per node that was started here, named by its process

# Jobs are looked for beside ray, so that 'pneumoray' is found without activating anything.
PATH=$(dirname "$ray"):$PATH
export PATH
export RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0
[ -n "${RAY_AUTH_TOKEN:-}" ] || export RAY_AUTH_TOKEN_PATH=$token_file
# Ray gives a stopped job 3 s before it kills it; writing down how far a study came takes longer.
export RAY_JOB_STOP_WAIT_TIME_S=${RAY_JOB_STOP_WAIT_TIME_S:-60}

# What env.sh exports in the caller's shell is of the cluster before.
unset RAY_ADDRESS RAY_API_SERVER_ADDRESS
[ "${RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER:-}" != 0 ] || unset RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER

need_ray() {
  [ -x "$ray" ] || die "no 'ray' found: run 'make install', or activate the environment that has it"
}

# Ray replaces 127.0.0.1 by the machine's address and listens everywhere. Under this setting, which
# is Ray's default on macOS, every one of its servers stays on the loopback interface.
stay_on_loopback() {
  export RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0
}

# take_folders OPTION...: --data PATH and --workspace DIR, else PNEUMORAY_DATA and PNEUMORAY_WORKSPACE,
# made absolute and put into the environment, which every job that runs on this node inherits.
# The other options stand in `others` after it.
take_folders() {
  others=()
  while [ $# -gt 0 ]; do
    case "$1" in
      --data | --workspace) [ -n "${2:-}" ] || die "$1 wants a folder: $1 DIR" ;;
    esac
    case "$1" in
      --data) PNEUMORAY_DATA=$2; shift ;;
      --workspace) PNEUMORAY_WORKSPACE=$2; shift ;;
      --data=*) PNEUMORAY_DATA=${1#*=} ;;
      --workspace=*) PNEUMORAY_WORKSPACE=${1#*=} ;;
      *) others+=("$1") ;;
    esac
    shift
  done
  if [ -n "${PNEUMORAY_DATA:-}" ]; then
    [ -e "$PNEUMORAY_DATA" ] ||
      die "there is no $PNEUMORAY_DATA here: --data (or PNEUMORAY_DATA) names a folder of images, or a CSV table of them"
    PNEUMORAY_DATA=$(absolute "$PNEUMORAY_DATA")
    export PNEUMORAY_DATA
  fi
  if [ -n "${PNEUMORAY_WORKSPACE:-}" ]; then
    PNEUMORAY_WORKSPACE=$(absolute "$PNEUMORAY_WORKSPACE")
    export PNEUMORAY_WORKSPACE
  fi
}

absolute() {
  case "$1" in /*) echo "$1" ;; *) echo "$PWD/${1#./}" ;; esac
}

# start_node OPTION...: 'ray start OPTION...' in the background; returns when it is up
start_node() {
  local started pid log
  mkdir -p "$nodes"
  started=$(mktemp "$nodes/starting.XXXXXX")
  { # the file is open before the process is: it would make a new one if it came after the 'mv'
    nohup "$ray" start --block --log-style record --log-color false \
      --dashboard-agent-listen-port 0 "$@" &
  } >"$started" 2>&1 </dev/null
  pid=$!
  log=$nodes/$pid.log
  mv "$started" "$log"
  for _ in $(seq 240); do
    if grep -q 'Ray runtime started' "$log"; then
      log_of_node=$log
      return
    fi
    if ! kill -0 "$pid" 2>/dev/null; then
      mv "$log" "$nodes/failed.log"
      die "Ray did not start: $(grep . "$nodes/failed.log" | tail -1) (all of it: $nodes/failed.log)"
    fi
    sleep 0.5
  done
  kill "$pid"
  mv "$log" "$nodes/failed.log"
  die "Ray did not start within 2 minutes; what it said: $nodes/failed.log"
}

noted_names=(RAY_AUTH_MODE RAY_AUTH_TOKEN_PATH RAY_API_SERVER_ADDRESS RAY_ADDRESS
  RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER PNEUMORAY_DATA PNEUMORAY_WORKSPACE)

# note_environment: writes down what a shell on this machine needs to use the cluster (for env.sh)
note_environment() {
  local name
  for name in "${noted_names[@]}"; do
    [ -z "${!name:-}" ] || printf 'export %s=%q\n' "$name" "${!name}"
  done >"${log_of_node%.log}.env"
}

runs() { # whether process $1 is still a node of ours, and not something that got its number
  case "$(ps -p "$1" -o args= 2>/dev/null)" in *"ray start --block"*) ;; *) false ;; esac
}
