#!/usr/bin/env bash
# 75_capture.sh - real traffic, captured on loopback: on a clear hop the dissector names every message
# that was sent, in order; on a sealed hop nothing but the handshake and envelopes is to be seen.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/integration/lib.sh

command -v tshark >/dev/null || skip "tshark is not installed"
tshark --version 2>/dev/null | grep -q 'with Lua' || skip "this tshark was built without Lua"

# capture NAME COMMAND...: what the port sees while the command runs. Packets are written in their
# order, so all are in the file when our own last one is.
capture() {
    local file=$work/$1.pcap

    shift
    tshark -q -i lo -f "tcp port ${at##*:}" -w "$file" 2>"$work/tshark.err" &
    local shark=$!
    started+=("$shark")
    for _ in $(seq 200); do
        grep -q "Capturing on" "$work/tshark.err" && [ -s "$file" ] && break
        kill -0 "$shark" 2>/dev/null || skip "no right to capture: $(tail -n 1 "$work/tshark.err")"
        sleep 0.1
    done
    "$@"
    echo "end of the capture" >"/dev/tcp/${at%:*}/${at##*:}"
    wait_for "the end of the capture" grep -aq "end of the capture" "$file"
    kill -INT "$shark"
    wait "$shark" || true
}

# names NAME STREAM: the messages of the capture's STREAM-th connection, in order.
names() {
    tshark -X lua_script:proto/inkpost.lua -r "$work/$1.pcap" -Y "tcp.stream == $2 && inkpost" \
        -T fields -e inkpost.message 2>>"$work/tshark.err" | tr ',' '\n' | grep -v '^$' | tr '\n' ' '
}

expect() {
    [ "$2" = "$3 " ] || fail "$1: got \"$2\", not \"$3\""
}

# flow OPTION...: a message from alice to bob, who stays
flow() {
    receive bob "$@"
    bob=$pid
    wait_for "bob attached" is_attached bob receive
    "$sds" send --home "$work/alice" --to bob --cover "$cover" "$@" "seen on the wire" >"$work/send.out" 2>&1 ||
        fail "send"
}

# The confirmation is looked up at the cloud: it may come after the message, or not at all when
# alice is gone by then.
first_flow() {
    flow "$@"
    for _ in $(seq 20); do
        ! grep -q "session with alice confirmed" "$work/bob.err" || break
        sleep 0.05
    done
    stop "$bob"
}

next_flow() {
    flow "$@"
    stop "$bob"
}

start_cloud --hop any
enrol alice 1
enrol bob 2
exits 2 "--allow-research" "$sds" send --home "$work/alice" --to bob --cover "$cover" --hop open x
exits 1 "--hop open is for research only" "$sds" send --home "$work/nobody" --to bob \
    --cover "$cover" --hop open --allow-research x
capture clear first_flow --hop clear
seen=$(names clear 0)
expect "bob's connection" "${seen/NEG_CONFIRM /}" \
    "HOP_HELLO HOP_REPLY ATTACH ATTACHED PEER SALT NEG_FORWARD NEG_ANSWER PACKAGE RECEIPT"
alice=$(names clear 1)
expect "alice's connection" "${alice%%PACKAGE *}PACKAGE " \
    "HOP_HELLO HOP_REPLY ATTACH ATTACHED OPEN PEER SALT NEG_REQUEST NEG_PENDING NEG_RESULT NEG_CONFIRM PACKAGE"
# The receiver's word may overtake the cloud's, and alice leaves when she has heard it.
case ${alice#*PACKAGE } in
"RECEIPT RECEIPT_ACK " | "ACCEPTED RECEIPT RECEIPT_ACK " | "RECEIPT ACCEPTED RECEIPT_ACK ") ;;
"RECEIPT RECEIPT_ACK ACCEPTED ") ;;
*) fail "alice's connection ends: ${alice#*PACKAGE }" ;;
esac
tshark -X lua_script:proto/inkpost.lua -r "$work/clear.pcap" -T fields -e inkpost.package.message 2>/dev/null |
    grep -qi "$(printf 'seen on the wire' | od -An -tx1 | tr -d ' \n')" || fail "the message's bytes are a field"
grep -aq "seen on the wire" "$work/clear.pcap" || fail "a clear hop can be read"
ok "a clear hop: every message by its name, in order"

# to_set: a message to bob and carol, who has no session yet
to_set() {
    receive bob --hop clear
    bob=$pid
    receive carol --hop clear
    carol=$pid
    wait_for "bob attached" is_attached bob receive
    wait_for "carol attached" is_attached carol receive
    send alice bob,carol --hop clear "to make a session" || fail "send"
    send alice bob,carol --hop clear "seen once, by both" || fail "send"
    stop "$bob"
    stop "$carol"
}

# of_set FILTER FIELD: what the capture has there, sorted, in one line
of_set() {
    tshark -X lua_script:proto/inkpost.lua -r "$work/set.pcap" -Y "$1" -T fields -e "$2" \
        2>>"$work/tshark.err" | tr ',' '\n' | sort | tr '\n' ' '
}

enrol carol 3
capture set to_set
case $(of_set inkpost inkpost.message) in
*" PACKAGE_SHARED PACKAGE_SHARED "*" SET_PACKAGE "*) ;;
*) fail "a message to a set: $(of_set inkpost inkpost.message)" ;;
esac
[ -z "$(of_set "inkpost.malformed || inkpost.illegal" inkpost.message)" ] || fail "a complaint"
text=$(printf 'seen once, by both' | od -An -tx1 | tr -d ' \n')
expect "whom it goes to" "$(of_set "inkpost.set_package.members && inkpost.package.message == $text" \
    inkpost.set_member.to)" "bob carol"
expect "what each gets" "$(of_set "inkpost.package_shared.member && inkpost.package.message == $text" \
    inkpost.set_member.to)" "bob carol"
ok "a clear hop: messages to sets, their parts, and what the parts have in common"

capture sealed next_flow
for stream in 0 1; do
    seen=$(names sealed $stream | tr ' ' '\n' | grep . | sort -u | tr '\n' ' ')
    [ "$seen" = "HOP_HELLO HOP_REPLY SEALED " ] || fail "a sealed hop shows: $seen"
done
# no shorter word: "bob" is in every twentieth megabyte of random bytes
! grep -aqE "seen on the wire|alice" "$work/sealed.pcap" || fail "a sealed hop shows names or messages"
ok "a sealed hop: handshake and envelopes only"
