#!/usr/bin/env bash
# Start the head of a Ray cluster on this machine, in the background, with token authentication on.
#
#   cluster/start-head.sh                   for this machine alone: everything listens on 127.0.0.1
#   cluster/start-head.sh 10.0.0.1          for the machines that reach this one as 10.0.0.1
#   cluster/start-head.sh 10.0.0.1 --num-gpus 1 --port 6380     more options go to 'ray start'
#
# The token is RAY_AUTH_TOKEN, else the file RAY_AUTH_TOKEN_PATH, else ~/.ray/auth_token; the file
# is made if there is none. RAY_TMPDIR says where Ray keeps its session [/tmp].
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"

address=127.0.0.1
case "${1:-}" in
  -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p;}' "$0"; exit ;;
  "" | -*) ;;
  *) address=$1; shift ;;
esac
need_ray

if [ -z "${RAY_AUTH_TOKEN:-}" ]; then
  if [ ! -s "$token_file" ]; then
    mkdir -p "$(dirname "$token_file")" || die "can't make $token_file; set RAY_AUTH_TOKEN_PATH"
    (umask 077 && od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$token_file.$$")
    mv "$token_file.$$" "$token_file"
    echo "made a token: $token_file"
  fi
  chmod go-rwx "$token_file" || die "$token_file belongs to someone else; set RAY_AUTH_TOKEN_PATH"
fi

case "$address" in 127.* | localhost) stay_on_loopback ;; esac
start_node --head --node-ip-address "$address" --dashboard-host "$address" "$@"

jobs=$(sed -n "s/.*RAY_API_SERVER_ADDRESS='\([^']*\)'.*/\1/p" "$log_of_node" | head -1)
gcs=$(cat "${RAY_TMPDIR:-/tmp}/ray/ray_current_cluster")
echo "head    $gcs"
echo "jobs    $jobs"
echo "join    copy the token to the other machine, then there: cluster/join.sh $gcs"
echo "submit  export RAY_AUTH_MODE=token RAY_API_SERVER_ADDRESS=$jobs, then: ray job submit -- pneumoray train-all ..."
echo "stop    cluster/stop.sh"
