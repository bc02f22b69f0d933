# Read by the scripts beside it: finds Ray and the token, starts a node in the background.
# shellcheck shell=bash

die() {
  echo "error: $*" >&2
  exit 1
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ray=$(command -v ray || echo "$here/../.venv/bin/ray")
token_file=${RAY_AUTH_TOKEN_PATH:-$HOME/.ray/auth_token}
nodes=$(dirname "$token_file")/nodes/$(hostname) # homes may be shared; one log per node that was started here, named by its process

# Jobs are looked for beside ray, so that 'pneumoray' is found without activating anything.
PATH=$(dirname "$ray"):$PATH
export PATH
export RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0
[ -n "${RAY_AUTH_TOKEN:-}" ] || export RAY_AUTH_TOKEN_PATH=$token_file
# Ray gives a stopped job 3 s before it kills it; writing down how far a study came takes longer.
export RAY_JOB_STOP_WAIT_TIME_S=${RAY_JOB_STOP_WAIT_TIME_S:-60}

need_ray() {
  [ -x "$ray" ] || die "no 'ray' found: run 'make install', or activate the environment that has it"
}

# Ray replaces 127.0.0.1 by the machine's address and listens everywhere. Under this setting, which
# is Ray's default on macOS, every one of its servers stays on the loopback interface.
stay_on_loopback() {
  export RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0
}

# start_node OPTION...: 'ray start OPTION...' in the background; returns when it is up
start_node() {
  local started pid log
  mkdir -p "$nodes"
  started=$(mktemp "$nodes/starting.XXXXXX")
  nohup "$ray" start --block --log-style record --log-color false \
    --dashboard-agent-listen-port 0 "$@" >"$started" 2>&1 </dev/null &
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
