#!/usr/bin/env bash
# 24_talk.sh - two devices in conversation: each program sends and receives. hello, an answer, an
# answer to the answer; restarts in the middle; whose turn a line is; locks; how they end.
set -eu
. tests/integration/lib.sh

mkdir "$work/covers"
for n in 1 2 3 4; do
    image texture "$work/covers/$n.png" 128 128 $n
done

# A terminal is a fifo that stays open while programs come and go.
mkfifo "$work/alice.tty" "$work/bob.tty"
exec 7<>"$work/alice.tty" 8<>"$work/bob.tty"

# talker NAME PROGRAM OPTION...: its id in $pid, its stdout in NAME.out.
talker() {
    local name=$1 program=$2

    shift 2
    runs "$name" "$program" run --home "$work/$name" --covers "$work/covers" "$@" <"$work/$name.tty"
}

# types NAME LINE
types() {
    echo "$2" >"$work/$1.tty"
}

# shows NAME LINE: on its stdout, to the letter, once.
shows() {
    wait_for "$1 shows: $2" grep -qxF -- "$2" "$work/$1.out"
    [ "$(grep -cxF -- "$2" "$work/$1.out")" -eq 1 ] || fail "$1 shows twice: $2"
}

# tells NAME TEXT: on its stderr.
tells() {
    wait_for "$1 tells: $2" grep -qF -- "$2" "$work/$1.err"
}

start_cloud
enrol alice 1
enrol bob 2
enrol carol 3

# For people: stdout is the other's words, stderr what becomes of one's own.
talker bob "$sdr"
bob=$pid
wait_for "bob" is_attached bob receive
types bob "too early"
tells bob "nobody has written yet, so there is nobody to answer: 1 line was not sent"
talker alice "$sds" --to bob --talk
alice=$pid
types alice "hello"
shows bob "alice: hello"
types bob "hello yourself"
shows alice "bob: hello yourself"
types alice "how are you?"
shows bob "alice: how are you?"
tells alice "to bob: receipted after "
tells bob "to alice: receipted after "
[ "$(wc -l <"$work/bob.out")" -eq 2 ] || fail "only words on the stdout of bob"
[ "$(wc -l <"$work/alice.out")" -eq 1 ] || fail "only words on the stdout of alice"
ok "hello, an answer, an answer to the answer"

# Restarts: one by one, in the middle.
stop "$bob"
types alice "are you there?"
tells alice "to bob: accepted"
stop "$alice"
talker bob "$sdr"
bob=$pid
shows bob "alice: are you there?"
types bob "back again"
tells bob "to alice: accepted"
talker alice "$sds" --to bob --talk
alice=$pid
shows alice "bob: back again"
types alice "so am I"
shows bob "alice: so am I"
ok "each restarted in the middle"

stop "$alice"
stop "$bob"
talker bob "$sdr" --json --to alice
bob=$pid
talker alice "$sds" --to bob --talk --json
alice=$pid

# As JSON: received lines have from, those about one's own messages have to.
types bob "one object a line"
wait_for "it" grep -q '"one object a line"' "$work/alice.out"
types alice "and one here"
wait_for "its receipt" grep -q '"status":"receipted"' "$work/alice.out"
jq -se 'all((has("from") and has("verified")) != (has("to") and has("status"))) and
    any(.from == "bob" and .text == "one object a line" and .verified) and any(.to == "bob")' \
    "$work/alice.out" >/dev/null || fail "the lines of alice as JSON"
ok "--json tells the one from the other"

# One program a role and home.
exits 1 "receive.lock: in use by another sdr run, or sds run --talk" \
    "$sdr" run --home "$work/alice"
exits 1 "send.lock: in use by another sds send, sds run, or sdr run that answers" \
    "$sds" send --home "$work/bob" --to alice --cover "$cover" "no"
stop "$alice"
receive alice
only=$pid
wait_for "the receiver of alice" is_attached alice receive
exits 1 "receive.lock: in use by another sdr run, or sds run --talk" \
    "$sds" run --home "$work/alice" --to bob --covers "$work/covers" --talk
# without --talk it is content with its own role
echo "beside a receiver" | "$sds" run --home "$work/alice" --to bob --covers "$work/covers" \
    >"$work/run.out" 2>"$work/run.err" || fail "sds run beside sdr run: $?"
grep -q '^bob: receipted, message' "$work/run.out" || fail "what sds run says alone"
types bob "to a receiver of its own"
wait_for "it" grep -q '"to a receiver of its own"' "$work/alice.out"
stop "$only"
ok "locks: a program has the roles that it asked for"

# Usage.
exits 2 "add --talk" "$sds" run --home "$work/alice" --to bob --covers "$work/covers" --inbox "$work/in"
exits 2 "add --covers" "$sdr" run --home "$work/bob" --to alice
exits 2 "is this device itself" "$sdr" run --home "$work/carol" --covers "$work/covers" --to carol
ok "options that miss their other half"

# A line goes to whom was shown last, or always to --to. Whom bob does not accept he does not hear.
stop "$bob"
talker bob "$sdr" --accept alice,carol --inbox "$work/in"
bob=$pid
send carol bob "carol here" || fail "send: $?"
shows bob "carol: carol here"
ls "$work"/in/from-carol-*.msg >/dev/null || fail "--inbox"
receive carol
carol=$pid
types bob "hello carol"
wait_for "it" grep -q '"hello carol"' "$work/carol.out"
stop "$bob"
talker bob "$sdr" --to carol
bob=$pid
send alice bob "alice again" || fail "send: $?"
shows bob "alice: alice again"
types bob "still for carol"
wait_for "it" grep -q '"still for carol"' "$work/carol.out"
stop "$carol"
stop "$bob"
ok "whom a line goes to"

# The end of stdin ends sds run when all is receipted, and sdr run not at all.
"$sdr" run --home "$work/bob" --covers "$work/covers" --count 1 --json </dev/null \
    >"$work/count.out" 2>"$work/count.err" &
bob=$!
started+=("$bob")
wait_for "bob" is_attached bob receive
echo "the end" | "$sds" run --home "$work/alice" --to bob --covers "$work/covers" --talk \
    >"$work/run.out" 2>"$work/run.err" || fail "sds run --talk: $?"
ends "$bob"
[ "$(jq -r .text "$work/count.out")" = "the end" ] || fail "--count 1"
ok "the end of stdin, and --count"

# The cloud goes and comes back: both connections, of both.
talker bob "$sdr"
bob=$pid
talker alice "$sds" --to bob --talk
alice=$pid
types alice "before"
shows bob "alice: before"
stop_cloud
tells alice "sds run: sending: "
tells alice "sds run: receiving: "
types alice "into the outbox"
types bob "and into mine"
start_cloud
shows bob "alice: into the outbox"
shows alice "bob: and into mine"
ok "the cloud restarted"

# SIGTERM in the middle, with 0: what was typed is in the outbox, or still in the terminal.
for n in $(seq 60); do
    types alice "line $n"
    types bob "answer $n"
done
tells alice "to bob: accepted"
stop "$alice"
stop "$bob"
cat "$work/alice.out" >"$work/alice.all"
cat "$work/bob.out" >"$work/bob.all"
talker bob "$sdr" --to alice
bob=$pid
talker alice "$sds" --to bob --talk
alice=$pid
types alice "the last line"
types bob "the last answer"
shows bob "alice: the last line"
shows alice "bob: the last answer"
cat "$work/bob.all" "$work/bob.out" | grep -x 'alice: line [0-9]*' >"$work/lines"
[ "$(cat "$work/lines")" = "$(seq -f 'alice: line %g' 60)" ] || fail "every line, in order"
cat "$work/alice.all" "$work/alice.out" | grep -x 'bob: answer [0-9]*' >"$work/lines"
[ "$(cat "$work/lines")" = "$(seq -f 'bob: answer %g' 60)" ] || fail "every answer, in order"
stop "$alice"
stop "$bob"
stop_cloud
ok "SIGTERM ends each with 0, and nothing is lost"
