#!/usr/bin/env bash
# Say what a shell on this machine needs to use the cluster whose node runs here:
#
#   eval "$(cluster/env.sh)"       then, from any folder: ray job submit -- pneumoray train-all
#
# It exports Ray's token mode and addresses, the workspace and the data that the node was started
# with, and puts the folder of `ray` and `pneumoray` on the PATH. Of several nodes it takes the last.
# A token that was given as RAY_AUTH_TOKEN is written down nowhere: export it yourself.
set -euo pipefail
on_path=$(command -v ray || true)
# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"

case "${1:-}" in -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p;}' "$0"; exit ;; esac
# shellcheck disable=SC2045  # our own names: numbers
for noted in $(ls -t "$nodes"/[0-9]*.env 2>/dev/null); do
  if runs "$(basename "$noted" .env)"; then
    # shellcheck disable=SC2016  # the PATH of the shell that evaluates it
    [ -n "$on_path" ] || printf 'export PATH=%q:$PATH\n' "$(dirname "$ray")"
    echo "unset RAY_ADDRESS RAY_API_SERVER_ADDRESS RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER" # of another cluster
    cat "$noted"
    exit
  fi
done
die "no node of a cluster runs here with the token $token_file: start one with $here/start-head.sh"
