#!/usr/bin/env bash
# Ten thousand idle attached devices on one cloudd: each costs it at most 4 KiB of memory.
#     45_cloudd_crowd.sh [N]
set -eu

n=${1:-10000}
cloudd=${BUILD:-build}/cloudd
crowd=${DRIVERS:-build/plain/drivers}/cloud_crowd
files=$(ulimit -Hn)
if [ "$files" != unlimited ] && [ "$files" -lt $((n + 200)) ]; then
    echo "skip - only $files open files are allowed, $n connections want more"
    exit 77
fi
work=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null || true; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP

key=$("$cloudd" init --home "$work/home" | sed -n 's/^cloud-key //p')
"$crowd" fill "$work/home/cloud.db" "$key" "$n"
"$cloudd" run --home "$work/home" --listen 127.0.0.1:0 >"$work/out" 2>"$work/err" &
pid=$!
for _ in $(seq 400); do
    ! grep -q '^listening ' "$work/out" || break
    sleep 0.05
done
"$crowd" hold "$(sed -n 's/^listening //p' "$work/out")" "$key" "$n" "$pid" | tee "$work/figures"
each=$(sed -n 's/.* bytes_each //p' "$work/figures")
[ "$each" -le 4096 ] || { echo "not ok: $each bytes for each connection" >&2; exit 1; }
kill -TERM "$pid"
wait "$pid"
pid=
sed -n 's/.* info longest turn/longest turn/p' "$work/err" | grep .
