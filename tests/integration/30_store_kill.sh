#!/bin/bash
# The store is killed (-9) at random instants while it takes packages; after each kill everything
# that was acknowledged is there exactly once, in order, byte for byte.
#
#     30_store_kill.sh [ROUNDS [SEED]]
set -eu

rounds=${1:-20}
seed=${2:-$(od -An -N3 -tu4 /dev/urandom | tr -d ' ')}
driver=${DRIVERS:-build/plain/drivers}/store_crash
work=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null || true; wait; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP

echo "store_kill: $rounds rounds, seed $seed"
RANDOM=$((seed % 32768))
for round in $(seq 1 "$rounds"); do
    dir=$work/$round
    mkdir "$dir"
    "$driver" write "$dir/cloud.db" "$seed" >"$dir/log" &
    pid=$!
    # 20 to 620 ms: from the creation of the file to several thousand packages
    sleep "$(printf '0.%03d' $((20 + RANDOM % 600)))"
    kill -9 "$pid"
    wait "$pid" 2>/dev/null || true
    pid=
    if ! "$driver" check "$dir/cloud.db" "$seed" "$dir/log" >"$dir/result" 2>&1; then
        echo "store_kill: round $round, seed $seed: $(cat "$dir/result")" >&2
        exit 1
    fi
    echo "round $round: $(cat "$dir/result")"
    rm -rf "$dir"
done
echo "store_kill: nothing lost, nothing doubled in $rounds rounds"
