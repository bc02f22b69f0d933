#!/usr/bin/env bash
# Stop the nodes that start-head.sh and join.sh started on this machine with this token file, and
# nothing else ('ray stop' would end every Ray on the machine, also a training without a cluster).
#
#   cluster/stop.sh     its last line is what a terminal runs that had run 'eval "$(cluster/env.sh)"'
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"

case "${1:-}" in
  -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p;}' "$0"; exit ;;
esac

stopped=0
# shellcheck disable=SC2045  # our own names: numbers
for log in $(ls -t "$nodes"/[0-9]*.log 2>/dev/null); do # the newest first: the head goes last
  pid=$(basename "$log" .log)
  if runs "$pid"; then
    kill "$pid"
    for _ in $(seq 60); do
      runs "$pid" || break
      sleep 0.5
    done
    if runs "$pid"; then
      kill -9 "$pid"
    fi
    stopped=$((stopped + 1))
  fi
  rm -f "$log" "${log%.log}.env"
done
rmdir "$nodes" 2>/dev/null || true
echo "stopped $stopped node(s)"
echo "a terminal that used the cluster forgets it with: unset ${noted_names[*]}"
