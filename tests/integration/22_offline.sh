#!/usr/bin/env bash
# 22_offline.sh - a receiver that is away when the session is negotiated, when the package comes, or
# in between; a sender and a cloud that are killed and started again. Every message that was
# accepted is in the inbox exactly once and in order.
set -eu
. tests/integration/lib.sh

# The messages of bob's inbox, a line each, in the order in which they were recorded.
inbox() {
    python3 - "$work/bob/state.db" <<'END'
import sqlite3, sys
db = sqlite3.connect("file:%s?mode=ro" % sys.argv[1], uri=True)
for (message,) in db.execute("SELECT message FROM inbox ORDER BY id"):
    print(message.decode())
END
}

inbox_has() {
    [ "$(inbox | wc -l)" -ge "$1" ]
}

# What bob printed in all his runs. A SIGKILL may make him repeat his last line, and no other.
printed() {
    cat "$work"/bob*.out | jq -r 'if .verified then .text else "failed: " + .reason end' | uniq
}

# check TEXT...: these and no others are in the inbox and were printed, in this order.
check() {
    wait_for "$# messages in the inbox" inbox_has $#
    printf '%s\n' "$@" >"$work/want"
    inbox | cmp -s - "$work/want" || fail "the inbox holds: $(inbox | tr '\n' ';')"
    for _ in $(seq 400); do
        ! printed | cmp -s - "$work/want" || return 0
        sleep 0.05
    done
    fail "printed were: $(printed | tr '\n' ';')"
}

runs_of_bob=0
start_bob() {
    runs_of_bob=$((runs_of_bob + 1))
    runs "bob$(printf %02d $runs_of_bob)" "$sdr" run --home "$work/bob" --json "$@"
    bob=$pid
}

later() {
    send alice bob --no-wait "$1" || fail "send --no-wait $1: $?"
}

start_cloud
enrol alice 1
enrol bob 2

# Away during the negotiation, then for the packages: bob only answers, and is gone again.
later one
is '.status == "queued"'
later two
is '.status == "queued"'
mailbox_has bob 0 || fail "no package without a session"
start_bob
wait_for "bob's answer" grep -q 'agreed' "$work/bob01.err"
stop "$bob"
later three
is '.status == "accepted" and .index == 2'
mailbox_has bob 3 || fail "three packages wait"
start_bob
want=(one two three)
check "${want[@]}"
stop "$bob"
ok "a receiver that is away for the negotiation, and for the packages"

for n in $(seq 4 12); do
    later "number $n"
    want+=("number $n")
done
start_bob --count 2
ends "$bob"
start_bob
wait_for "one more" inbox_has 6
crash "$bob"
start_bob
check "${want[@]}"
stop "$bob"
ok "a receiver that is stopped and killed in between"

# The sender is killed while it waits for the receipt, and in the middle of its input.
runs waiting "$sds" send --home "$work/alice" --to bob --cover $cover --json "its sender was killed"
wait_for "acceptance" mailbox_has bob 1
crash "$pid"
want+=("its sender was killed")
mkdir "$work/covers"
cp $covers/*-128.png "$work/covers/"
mkfifo "$work/input"
exec 9<>"$work/input"
stream_args=(run --home "$work/alice" --to bob --covers "$work/covers" --json)
runs lines "$sds" "${stream_args[@]}" <"$work/input"
sender=$pid
seq -f 'line %g' 40 >&9
wait_for "40 lines taken" mailbox_has bob 41
crash "$sender"
for n in $(seq 40); do
    want+=("line $n")
done
start_bob
check "${want[@]}"
"$sds" "${stream_args[@]}" </dev/null >"$work/lines.out" 2>"$work/lines.err" ||
    fail "sds run goes on: $?"
[ "$(jq -r 'select(.status == "receipted").seq' "$work/lines.out" | sort -nu | wc -l)" -eq 41 ] ||
    fail "the receipts of what was sent before the kill"
ok "a sender that is killed"

# The cloud is killed between accept and forward: bob is away, and comes to the new one.
stop "$bob"
runs lines "$sds" "${stream_args[@]}" <"$work/input"
sender=$pid
seq -f 'before %g' 20 >&9
wait_for "20 accepted" mailbox_has bob 20
crash "$cloud"
seq -f 'while it is down %g' 20 >&9
start_bob
sleep 0.3
start_cloud
for n in $(seq 20); do
    want+=("before $n")
done
for n in $(seq 20); do
    want+=("while it is down $n")
done
check "${want[@]}"
# And once more while both are at work.
seq -f 'busy %g' 200 >&9
wait_for "some of them" inbox_has $((${#want[@]} + 5))
crash "$cloud"
start_cloud
for n in $(seq 200); do
    want+=("busy $n")
done
check "${want[@]}"
wait_for "the last receipt" grep -q '"seq":293,"status":"receipted"' "$work/lines.out"
stop "$sender"
wait_for "an empty mailbox" mailbox_has bob 0
ok "a cloud that is killed"

stop "$bob"
crash "$cloud"
code=0
send alice bob --timeout 1 "no cloud" || code=$?
[ $code -eq 1 ] || fail "without a cloud, exit 1, not $code"
is '.status == "queued" or .status == "accepted"'
grep -q "is cloudd running" "$work/send.err" || fail "no word of the missing cloud"
start_bob
sleep 0.3
start_cloud
later "and a cloud"
want+=("no cloud" "and a cloud")
check "${want[@]}"
stop "$bob"
stop_cloud
ok "a cloud that comes late"
