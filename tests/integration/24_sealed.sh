#!/usr/bin/env bash
# 24_sealed.sh - the profile sealed: the cloud's files and the wire hold nothing of a message but its
# size class; suites are agreed on among the sender's set, the receiver's and the cloud's policy, and
# a message is never sent in clear because there is none.
set -eu
. tests/integration/lib.sh

secret="nobody but bob may read this"

# tap: all that alice exchanges with the cloud from now on goes through here, to wire.bin
tap() {
    runs tap python3 "$here/tap.py" "$at" "$work/wire.bin"
    wait_for "the tap's port" grep -q listening "$work/tap.out"
    through=$(sed -n 's/^listening //p' "$work/tap.out")
}

# holds TEXT FILE...: one of the files has these bytes
holds() {
    grep -aqF -- "$@"
}

# sealed NAME TEXT OPTION...: alice sends to NAME, watched
sealed() {
    local to=$1 text=$2

    shift 2
    send alice "$to" --profile sealed --cloud "$through" --hop clear "$@" "$text"
}

# mailbox_bytes NAME: what waits for it
mailbox_bytes() {
    "$cloudd" mailbox --home "$work/cloud" --json | jq "select(.id == \"$1\").bytes"
}

# grows NAME OPTION... -- TEXT: by how much its mailbox grows for this message
grows() {
    local to=$1 before

    shift
    before=$(mailbox_bytes "$to")
    sealed "$to" "$@" --no-wait || fail "send to $to"
    echo $(($(mailbox_bytes "$to") - ${before:-0}))
}

restart_cloud() {
    stop_cloud
    start_cloud --hop any "$@"
}

start_cloud --hop any
tap
enrol alice 1
enrol bob 2
receive bob --inbox "$work/inbox"
bob=$pid
sealed bob "first, $secret" || fail "send: $?"
is '.status == "receipted" and .profile == "sealed" and .suite == "xchacha20-poly1305"'
received bob 1
jq -e '.profile == "sealed" and .suite == "xchacha20-poly1305" and .verified == true and
    .bytes == 35 and .text == "first, nobody but bob may read this"' "$work/bob.out" >/dev/null ||
    fail "what bob got"
grep -q "profile sealed, suite xchacha20-poly1305" "$work/bob.err" || fail "bob says the suite"
for length in 0 1 63 64 65 5000 1048575; do
    head -c $length /dev/urandom >"$work/message"
    "$sds" send --home "$work/alice" --to bob --cover "$cover" --profile sealed --file - \
        <"$work/message" >"$work/send.out" 2>"$work/send.err" || fail "a message of $length bytes"
    cmp -s "$work/message" "$(find "$work/inbox" -name '*.msg' | sort | tail -n 1)" ||
        fail "a message of $length bytes, to the byte"
done
head -c 1048576 /dev/zero >"$work/message"
exits 1 "more than 1048575 bytes" "$sds" send --home "$work/alice" --to bob --cover "$cover" \
    --profile sealed --file "$work/message"
ok "sealed messages of every length"

# What lies at the cloud and passes on the wire. The same search finds a message in clear.
stop "$bob"
: >"$work/wire.bin"
sealed bob "second, $secret" --no-wait || fail "send: $?"
is '.status == "accepted"'
[ "$(packages_of bob)" -eq 1 ] || fail "it waits for bob"
holds alice "$work/wire.bin" || fail "the tap sees the traffic"
! holds "$secret" "$work/wire.bin" || fail "the wire has the message"
! holds "$secret" "$work"/cloud/cloud.db* || fail "the cloud's store has the message"
grep -q attached "$work/cloud.err" || fail "the cloud's log"
! holds "$secret" "$work/cloud.err" || fail "the cloud's log has the message"
receive bob
bob=$pid
received bob 1
send alice bob --hop clear --cloud "$through" "in clear, $secret" || fail "auth: $?"
is '.profile == "auth" and .suite == "none"'
holds "in clear, $secret" "$work/wire.bin" || fail "the search is blind on the wire"
stop "$bob"
send alice bob --no-wait "stored in clear, $secret" || fail "auth: $?"
holds "stored in clear, $secret" "$work"/cloud/cloud.db* || fail "the search is blind in the store"
ok "neither the cloud's files nor the wire have a sealed message"

# By turns: each profile has its session, and goes on with it also while bob is away.
receive bob
bob=$pid
received bob 1
send alice bob "auth 1" || fail "auth: $?"
session=$(jq -r .session "$work/send.out")
sealed bob "sealed 1" || fail "sealed: $?"
other=$(jq -r .session "$work/send.out")
[ "$session" != "$other" ] || fail "one session for two profiles"
stop "$bob"
send alice bob "auth 2" --no-wait || fail "auth again: $?"
is ".status == \"accepted\" and .session == \"$session\" and .profile == \"auth\""
sealed bob "sealed 2" --no-wait || fail "sealed again: $?"
is ".status == \"accepted\" and .session == \"$other\" and .profile == \"sealed\""
receive bob
bob=$pid
received bob 2
[ "$(jq -r .text "$work/bob.out")" = "$(printf 'auth 2\nsealed 2')" ] || fail "in order"
stop "$bob"
ok "auth and sealed by turns"

# Sizes: the same for every length of a class; with --no-pad as they are.
receive bob
bob=$pid
sealed bob "a session to wait in" || fail "send"
stop "$bob"
short=$(grows bob yes)
[ "$(grows bob "$secret, and it is longer by some words")" -eq "$short" ] || fail "one class, one size"
[ "$(grows bob "$(printf '%064d' 0)")" -eq $((short + 192)) ] || fail "the next class"
[ "$(grows bob 123456789 --no-pad)" -eq $((short - 64 + 10)) ] || fail "--no-pad"
receive bob
bob=$pid
received bob 4
sed -n 4p "$work/bob.out" | jq -e '.text == "123456789"' >/dev/null || fail "--no-pad, delivered"
ok "size classes, and --no-pad"

# Suites: the first of alice's that bob has; a set is remembered, and a change makes a new session.
stop "$bob"
receive bob --suites "aes-256-gcm,chacha20-poly1305,none"
bob=$pid
wait_for "bob attached" is_attached bob receive
"$cloudd" devices --home "$work/cloud" --json |
    jq -e 'select(.id == "bob").suites | index("xchacha20-poly1305") == null' >/dev/null ||
    fail "the cloud knows bob's set"
sealed bob "third" || fail "send: $?"
is '.suite == "xchacha20-poly1305"' # a session that stands goes on
sealed bob "fourth" --suites "chacha20-poly1305,aes-256-gcm,none" || fail "send: $?"
is '.suite == "chacha20-poly1305"'
sealed bob "fifth" || fail "send: $?"
is '.suite == "chacha20-poly1305" and .index == 1' # remembered, the same session
grep -q '^suites chacha20-poly1305,aes-256-gcm,none$' "$work/alice/device.conf" || fail "device.conf"
exits 2 "rot13" "$sds" send --home "$work/alice" --to bob --cover "$cover" --suites rot13 x
exits 2 "profile auth needs the suite none, and this device" "$sds" send --home "$work/alice" --to bob \
    --cover "$cover" --suites chacha20-poly1305 x
sealed bob "sixth" || fail "a device without none: $?"
ok "sets of suites"

# Nothing in common: refused with everybody's set, and never sent another way.
stop "$bob"
receive bob --suites none
bob=$pid
wait_for "bob attached" is_attached bob receive
code=0
sealed bob "never, $secret" --suites "xchacha20-poly1305,none" || code=$?
[ $code -eq 3 ] || fail "exit $code, not 3"
is '.status == "rejected" and .session == null and (.reason | test("no cipher suite in common"))'
grep -q "alice has xchacha20-poly1305,none; bob has none; the cloud allows xchacha20-poly1305," \
    "$work/send.err" || fail "the sets are listed"
grep -q "no suite; they have xchacha20-poly1305,none and none" "$work/cloud.err" ||
    fail "the cloud's log lists them"
! holds "never, $secret" "$work/wire.bin" || fail "it was sent all the same"
ok "an empty intersection"

# The cloud's policy.
stop "$bob"
restart_cloud --suites "chacha20-poly1305,none"
receive bob --suites "xchacha20-poly1305,chacha20-poly1305,none"
bob=$pid
wait_for "bob attached" is_attached bob receive
tap
sealed bob "seventh" --suites "xchacha20-poly1305,chacha20-poly1305,none" || fail "policy: $?"
is '.suite == "chacha20-poly1305"'
grep -q "the cloud allows only these suites: chacha20-poly1305,none" "$work/send.err" ||
    fail "alice is told the policy"
grep -q "the cloud allows only these suites: chacha20-poly1305,none" "$work/bob.err" ||
    fail "bob is told the policy"
stop "$bob"
restart_cloud --min-strength 128
receive bob
bob=$pid
wait_for "bob attached" is_attached bob receive
tap
code=0
send alice bob "in clear" --cloud "$through" || code=$?
[ $code -eq 3 ] || fail "auth under --min-strength 128: exit $code, not 3"
sealed bob "eighth" || fail "sealed under --min-strength 128: $?"
exits 2 "leave no suite" "$cloudd" run --home "$work/cloud" --suites none --min-strength 1
ok "the cloud's policy"

# Many lines in one session, and the other way.
mkdir "$work/covers"
for n in 1 2; do
    image texture "$work/covers/$n.png" 128 128 $n
done
seq -f 'line %g' 40 | "$sds" run --home "$work/alice" --to bob --covers "$work/covers" --json \
    --profile sealed --cloud "$at" >"$work/run.out" 2>"$work/run.err" || fail "sds run: $?"
[ "$(jq -r 'select(.status == "receipted").suite' "$work/run.out" | sort | uniq -c | tr -s ' ')" = \
    " 40 chacha20-poly1305" ] || fail "40 receipts"
[ "$(tail -n 40 "$work/bob.out" | jq -r .text)" = "$(seq -f 'line %g' 40)" ] || fail "in order"
receive alice --count 1
send bob alice --profile sealed "the other way" || fail "bob to alice: $?"
ends "$pid"
jq -e '.text == "the other way" and .profile == "sealed"' "$work/alice.out" >/dev/null || fail "alice"
ok "sds run, and both ways"
