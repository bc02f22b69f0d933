#!/usr/bin/env bash
# Make this machine a node of the cluster whose head runs at HOST:PORT, in the background.
#
#   cluster/join.sh 10.0.0.1:6379 --data DIR --workspace DIR    the head's address, as it said it
#   cluster/join.sh 10.0.0.1:6379 --num-cpus 4                  more options go to 'ray start'
#
# Data and workspace are the head's folders, shared, under the same path. Jobs start on the head; one
# that asks for resources (--entrypoint-num-cpus) may start here, and then has what is named here.
#
# The token must be the head's: RAY_AUTH_TOKEN, else the file RAY_AUTH_TOKEN_PATH, else
# ~/.ray/auth_token. Python, Ray and pneumoray must be the versions that the head has.
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"

case "${1:-}" in -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p;}' "$0"; exit ;; esac
take_folders "$@"
set -- ${others[@]+"${others[@]}"}
head=${1:-}
case "$head" in
  127.* | localhost:*) die "a head at $head is for its machine alone: start it as cluster/start-head.sh 10.0.0.1" ;;
  *:*[0-9]) shift ;;
  *) die "name the head as HOST:PORT, not '$head': cluster/join.sh 10.0.0.1:6379" ;;
esac
need_ray
[ -z "${PNEUMORAY_WORKSPACE:-}" ] || [ -d "$PNEUMORAY_WORKSPACE" ] ||
  die "there is no workspace $PNEUMORAY_WORKSPACE here: name the head's, which both machines see under the same path"
[ -n "${RAY_AUTH_TOKEN:-}" ] || [ -s "$token_file" ] ||
  die "no token in $token_file: copy the head's there (scp), or set RAY_AUTH_TOKEN_PATH"
(exec 3<>"/dev/tcp/${head%:*}/${head##*:}") 2>/dev/null ||
  die "nothing answers at $head: is the head up, was it started with that address, is a firewall between?"
"$ray" health-check --address "$head" >/dev/null 2>&1 ||
  die "the head at $head refuses the token in ${RAY_AUTH_TOKEN_PATH:-RAY_AUTH_TOKEN}: copy the head's (scp)"

start_node --address "$head" "$@"
RAY_ADDRESS=$head note_environment
echo "joined $head; leave with $here/stop.sh"
echo "to submit from here, once in each shell: eval \"\$($(printf '%q' "$here/env.sh"))\""
