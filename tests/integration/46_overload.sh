#!/usr/bin/env bash
# 46_overload.sh - who asks for more than it may have: a sender's share of a mailbox, the quota of
# the store, rates of sessions and of connections, receipts that nobody fetches, peers that never
# read. What is refused, with which reason, and that the others are served.
set -eu
. tests/integration/lib.sh

drivers=${DRIVERS:-build/plain/drivers}

# filled: a new cloud that is not running, with twelve devices in its store.
filled() {
    rm -rf "$work/cloud"
    at=
    key=$("$cloudd" init --home "$work/cloud" | sed -n 's/^cloud-key //p')
    "$drivers/cloud_crowd" fill "$work/cloud/cloud.db" "$key" 12
}

play() {
    "$drivers/cloud_overload" "$at" "$key" "$@" >"$work/played.out" 2>&1 || fail "scenario $*"
}

mailbox_is_empty() {
    [ "$(packages_of bob)" = 0 ]
}

# sql TEXT: run it on the cloud's database; prints the first number it gives.
sql() {
    python3 - "$work/cloud/cloud.db" "$1" <<'END'
import sqlite3
import sys

with sqlite3.connect(sys.argv[1]) as db:
    row = db.execute(sys.argv[2]).fetchone()
    print(row[0] if row else "")
END
}

receipts_are() {
    [ "$(sql 'SELECT COUNT(*) FROM receipts')" = "$1" ]
}

filled
start_cloud --mailbox-packages 12
play share 1 6
play share 2 3
play share 3 1
crash "$cloud"
start_cloud --mailbox-packages 12
play share 1 6
play share 2 3
ok "each sender gets half of what the others leave, also after kill -9"
play room 1 10
ok "when the receiver has taken what waited there is room again"
stop_cloud

filled
start_cloud --store-packages 5
play quota 5
play room 1 3
stop_cloud
ok "the store as a whole has a quota, and takes more when it has emptied"

filled
start_cloud --stranger-rate 4
play strangers 4
stop_cloud
ok "an address that never attaches is turned away, others and who attaches are not"

filled
start_cloud --mailbox-packages 100000
play deaf "$cloud"
stop_cloud
ok "who never reads costs a bounded amount of memory: $(sed -n 's/^memory: //p' "$work/played.out")"

# 6 packages receipted, the receipts never acknowledged, and a month later.
filled
start_cloud --mailbox-packages 12
play share 1 6
play room 2 6
play receipts 6
crash "$cloud"
start_cloud
play receipts 6
stop_cloud
sql "UPDATE receipts SET kept_at = kept_at - 31 * 86400 WHERE idx < 4"
start_cloud
wait_for "four receipts to go" receipts_are 2
play receipts 2
[ "$(sql 'SELECT SUM(receipts) FROM held')" = 2 ] || fail "the count of receipts"
stop_cloud
ok "receipts that nobody fetches go after the retention"

# With the real programs: a share of one package, and sessions at one a second.
rm -rf "$work/cloud"
at=
start_cloud --mailbox-packages 2 --open-rate 1
for n in 1 2; do
    "$drivers/cloud_probe" "$at" "$key" enrol "anna$n" "$(token "anna$n")" \
        "tests/data/signatures/synth${n}a.pgm" || fail "enrol anna$n"
done
play opens 1 anna1 anna2
ok "a device that asks for sessions without end is told to wait"
enrol alice 1
enrol bob 3
receive bob
bob=$pid
send alice bob "hello" || fail "a first message"
is '.status == "receipted"'
stop "$bob"
send alice bob --no-wait "waits" || fail "one package has room"
send alice bob --no-wait "too many" && fail "more than its share"
grep -q "this sender has its share of the receiver's mailbox" "$work/send.err" || fail "the reason"
receive bob
received bob 1
wait_for "an empty mailbox" mailbox_is_empty
echo "the last" >"$work/lines"
"$sds" run --home "$work/alice" --to bob --covers "$covers" <"$work/lines" >"$work/send.out" \
    2>"$work/send.err" || fail "sds run waits and goes on"
received bob 3
ok "send exits 1 with the reason; sds run waits, and all goes when there is room"
