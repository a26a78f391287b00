#!/usr/bin/env bash
# 50_tamper.sh - packages that somebody alters on the cloud's disk. One changed bit in message,
# header or hidden payload: verified:false, a refusing receipt, and what was altered is never shown;
# the sender's own copy and the next message still arrive. What leaves the payload whole changes
# nothing. However many bits are tried, no wrong message passes.
set -eu
. tests/integration/lib.sh

tamper() {
    [ "$(python3 "$here/tamper.py" "$work/cloud/cloud.db" "$@")" -ge 1 ] || fail "nothing was altered"
}

# bob_is_shown FILTER: a line of bob's last run fulfils the jq filter.
bob_is_shown() {
    jq -se "any($1)" "$work/bob.out" >/dev/null
}

start_cloud
enrol alice 1
enrol bob 2
receive bob
send alice bob "to make a session" || fail "send"
stop "$pid"

# altered_once REFUSALS WHAT HOW...: refused, and sent again from the sender's copy.
altered_once() {
    local refusals=$1 what=$2

    shift 2
    send alice bob --no-wait "$what, altered" || fail "send --no-wait"
    send alice bob --no-wait "$what, the next" || fail "send --no-wait"
    tamper "$@"
    runs sender "$sds" run --home "$work/alice" --to bob --covers $covers --json
    sender=$pid
    receive bob
    wait_for "$what: the genuine message" bob_is_shown '.text == "'"$what, altered"'"'
    wait_for "$what: the next" bob_is_shown '.text == "'"$what, the next"'"'
    stop "$pid"
    jq -se --argjson refusals "$refusals" 'map(select(.verified == false)) |
        length == $refusals and
        all(.text == null and .message_b64 == null and (.reason | length) > 10)' \
        "$work/bob.out" >/dev/null || fail "$what: $refusals refusals with a reason"
    jq -se 'map(select(.verified)) | length == 2' "$work/bob.out" >/dev/null ||
        fail "$what: each is shown once"
    ends "$sender"
    [ "$(jq -s 'map(select(.status == "receipted")) | length' "$work/sender.out")" -eq 2 ] ||
        fail "$what: receipts of both"
    [ "$(grep -c 'altered on its way' "$work/sender.err")" -eq 2 ] || fail "$what: the sender is told"
    mailbox_has bob 0 || fail "$what: nothing is left at the cloud"
    ok "$what: refused, and the genuine message arrives"
}
altered_once 2 "message, one bit" bits message 1
altered_once 2 "header, one bit" bits header 2
altered_once 2 "hidden payload, one bit" payload
altered_once 0 "cut package, which the cloud itself refuses" cut

# A pixel that the payload does not notice.
send alice bob --no-wait "whole" || fail "send --no-wait"
tamper pixel
runs sender "$sds" run --home "$work/alice" --to bob --covers $covers --json
sender=$pid
receive bob
wait_for "the message" bob_is_shown '.text == "whole" and .verified'
stop "$pid"
ends "$sender"
grep -q '"status":"receipted"' "$work/sender.out" || fail "its receipt"
[ "$(wc -l <"$work/bob.out")" -eq 1 ] || fail "one line"
ok "a changed pixel that leaves the payload whole changes nothing"

# Altered each time: after three more tries the message counts as rejected, exit 3.
runs sender "$sds" send --home "$work/alice" --to bob --cover $cover --json "never as it was"
sender=$pid
for try in 1 2 3 4; do
    wait_for "copy $try at the cloud" mailbox_has bob 1
    tamper bits message $try
    receive bob --count 1
    ends "$pid" 3
    bob_is_shown '.verified == false and .text == null' || fail "copy $try is refused"
done
ends "$sender" 3
jq -e '.status == "rejected" and (.reason | length) > 10' "$work/sender.out" >/dev/null ||
    fail "the sender tells that it was rejected"
receive bob
send alice bob "the session lives on" || fail "the next message"
bob_is_shown '.text == "the session lives on" and .verified' || fail "the next message"
stop "$pid"
ok "altered each time: rejected, exit 3, and the session lives on"

# Many bits: whatever is shown was sent. Text n has its number in it, as `seq` counts it.
flipped() {
    local region=$1 seed=$2 first n

    first=$(jq -rs 'last.seq' "$work/bob.out")
    rm -f "$work/input"
    mkfifo "$work/input"
    exec 9<>"$work/input"
    runs sender "$sds" run --home "$work/alice" --to bob --covers $covers --json <"$work/input"
    sender=$pid
    for n in $(seq 60); do
        echo "message $((first + n)) of them all"
    done >&9
    wait_for "60 packages" mailbox_has bob 60
    tamper bits "$region" "$seed"
    receive bob
    wait_for "60 messages" sh -c "[ \$(grep -c '\"verified\":true' $work/bob.out) -ge 60 ]"
    wait_for "all receipts" sh -c "[ \$(grep -c '\"status\":\"receipted\"' $work/sender.out) -ge 60 ]"
    stop "$sender"
    stop "$pid"
    jq -se --argjson first "$first" 'map(select(.verified)) | length == 60 and
        (map(.seq) | unique | length) == 60 and
        all(.seq > $first and .seq <= $first + 60 and .from == "alice" and
            .text == "message \(.seq) of them all")' "$work/bob.out" >/dev/null ||
        fail "$region: a wrong message passed, or one was shown twice"
    jq -se 'map(select(.verified == false)) | all(.text == null and .message_b64 == null)' \
        "$work/bob.out" >/dev/null || fail "$region: a message that failed was shown"
    refused=$(grep -c '"verified":false' "$work/bob.out" || true)
    case $region in
    message | header)
        # All but those that the cloud itself finds unreadable, and says so to the sender.
        [ $((refused + $(grep -c 'damaged at rest' "$work/cloud.err" || true))) -ge 60 ] ||
            fail "$region: $refused refusals of 60"
        ;;
    esac
    ok "60 random bits in the $region: $refused refused, 60 genuine messages shown"
    : >"$work/cloud.err"
    jq -cs 'max_by(.seq)' "$work/bob.out" >"$work/last"
    mv "$work/last" "$work/bob.out"
}
flipped message 11
flipped header 12
flipped image 13
flipped any 14
stop_cloud
