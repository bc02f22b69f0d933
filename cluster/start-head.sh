#!/usr/bin/env bash
# Start the head of a Ray cluster on this machine, in the background, with token authentication on.
#
#   cluster/start-head.sh --data DIR --workspace DIR    for this machine alone, on 127.0.0.1
#   cluster/start-head.sh 10.0.0.1 --data ...           for the machines that reach this one as 10.0.0.1
#   cluster/start-head.sh 10.0.0.1 --num-gpus 1 --port 6380     more options go to 'ray start'
#
# Every job has these images and this workspace, unless it names others; the variables PNEUMORAY_DATA
# and PNEUMORAY_WORKSPACE do the same. On several machines they are folders that all of them share.
#
# The token is RAY_AUTH_TOKEN, else the file RAY_AUTH_TOKEN_PATH, else ~/.ray/auth_token; the file
# is made if there is none. RAY_TMPDIR says where Ray keeps its session, else TMPDIR on Linux [/tmp].
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"

address=127.0.0.1
case "${1:-}" in -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p;}' "$0"; exit ;; esac
take_folders "$@"
set -- ${others[@]+"${others[@]}"}
case "${1:-}" in
  "" | -*) ;;
  *) address=$1; shift ;;
esac
need_ray
if [ -n "${PNEUMORAY_WORKSPACE:-}" ]; then
  mkdir -p "$PNEUMORAY_WORKSPACE" 2>/dev/null || die "can't make the workspace $PNEUMORAY_WORKSPACE: name another"
  [ -w "$PNEUMORAY_WORKSPACE" ] || die "the workspace $PNEUMORAY_WORKSPACE can't be written: name another"
fi

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
# Ray's own order, said aloud: the head's address is read below from a file that Ray writes there.
case "$(uname)" in Linux) temporary=${TMPDIR:-/tmp} ;; *) temporary=/tmp ;; esac
export RAY_TMPDIR=${RAY_TMPDIR:-$temporary}
start_node --head --node-ip-address "$address" --dashboard-host "$address" "$@"

RAY_API_SERVER_ADDRESS=$(sed -n "s/.*RAY_API_SERVER_ADDRESS='\([^']*\)'.*/\1/p" "$log_of_node" | head -1)
RAY_ADDRESS=$(cat "$RAY_TMPDIR/ray/ray_current_cluster")
note_environment
show() { printf '%-10s %s\n' "$@"; }
show head "$RAY_ADDRESS"
show jobs "$RAY_API_SERVER_ADDRESS"
show data "${PNEUMORAY_DATA:-none: give --data DIR here, or to each job}"
show workspace "${PNEUMORAY_WORKSPACE:-none: give --workspace DIR here, or to each job}"
case "$address" in
  127.* | localhost) ;;
  *)
    show join "copy the token to the other machine, then there: cluster/join.sh $RAY_ADDRESS"
    show elsewhere "with the token: export RAY_AUTH_MODE=token RAY_API_SERVER_ADDRESS=$RAY_API_SERVER_ADDRESS"
    ;;
esac
show stop "$here/stop.sh"
script=$(printf '%q' "$here/env.sh")
[ "$token_file" = "$HOME/.ray/auth_token" ] || script="RAY_AUTH_TOKEN_PATH=$(printf '%q' "$token_file") $script"
echo "here, once in each shell:"
echo "  eval \"\$($script)\""
echo "then, from any folder:"
echo "  ray job submit -- pneumoray train-all"
echo "  pneumoray ensemble --top 3"
