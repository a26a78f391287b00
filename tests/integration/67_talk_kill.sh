#!/usr/bin/env bash
# 67_talk_kill.sh - two programs that each send and receive are killed at any instant, while both
# directions are busy: what was accepted is received, once, in order. And the two sides of one
# program, which share its thread, do not wait for one another's hold on state.db.
set -eu
. tests/integration/lib.sh

rounds=${ROUNDS:-8}
lines=${LINES_EACH:-400}

mkdir "$work/covers"
for n in 1 2 3; do
    image texture "$work/covers/$n.png" 64 64 $n
done
mkfifo "$work/alice.tty" "$work/bob.tty"
exec 7<>"$work/alice.tty" 8<>"$work/bob.tty"

# talk NAME: as sds or sdr; its id in $pid; what it says is gathered in NAME.all.
talk() {
    if [ "$1" = alice ]; then
        runs alice "$sds" run --home "$work/alice" --covers "$work/covers" --json --to bob --talk \
            <"$work/alice.tty"
    else
        runs bob "$sdr" run --home "$work/bob" --covers "$work/covers" --json --to alice \
            <"$work/bob.tty"
    fi
}

# gather NAME: whole lines only, since a kill may cut the last one.
gather() {
    sed -n '/}$/p' "$work/$1.out" >>"$work/$1.all"
}

# received_from NAME: what its lines say was received, without repetitions of a line after a crash.
received_from() {
    jq -r 'select(.from) | "\(.session) \(.index) \(.text)"' "$work/$1.all" |
        awk '!seen[$1, $2]++'
}

# accepted_by NAME: sessions and indices that its lines say the cloud has.
accepted_by() {
    jq -r 'select(.status == "accepted" or .status == "receipted") | "\(.session) \(.index)"' \
        "$work/$1.all" | sort -u
}

start_cloud
enrol alice 1
enrol bob 2

# Busy both ways, undisturbed: one waiting for the other would take 10 s each time.
talk bob
bob=$pid
talk alice
alice=$pid
seq -f 'line 0.%g' "$lines" >&7 &
seq -f 'line 0.%g' "$lines" >&8 &
begun=$SECONDS
wait_for "the last line" grep -q "\"line 0.$lines\"" "$work/bob.out"
wait_for "the last answer" grep -q "\"line 0.$lines\"" "$work/alice.out"
[ $((SECONDS - begun)) -lt 10 ] || fail "$((SECONDS - begun)) s for $lines lines each way"
! grep -h "state.db\|could not be saved" "$work/alice.err" "$work/bob.err" || fail "a side waited"
ok "$lines lines each way at once"

for round in $(seq "$rounds"); do
    seq -f "line $round.%g" "$lines" >&7 &
    seq -f "line $round.%g" "$lines" >&8 &
    sleep "0.$((RANDOM % 5))$((RANDOM % 10))"
    if [ $((round % 3)) -ne 1 ]; then
        crash "$alice"
        gather alice
        talk alice
        alice=$pid
    fi
    if [ $((round % 3)) -ne 2 ]; then
        crash "$bob"
        gather bob
        talk bob
        bob=$pid
    fi
done
echo "the end" >&7
echo "the end" >&8
wait_for "bob to get the end" grep -q '"text":"the end"' "$work/bob.out"
wait_for "alice to get the end" grep -q '"text":"the end"' "$work/alice.out"
stop "$alice"
stop "$bob"
gather alice
gather bob
stop_cloud

# check TO FROM
check() {
    received_from "$1" >"$work/got"
    accepted_by "$2" >"$work/sent"
    cut -d' ' -f1,2 "$work/got" | sort -u | comm -13 - "$work/sent" >"$work/missing"
    [ ! -s "$work/missing" ] || fail "$(wc -l <"$work/missing") that $2 was told are accepted are missing"
    cut -d' ' -f4 "$work/got" | grep -v end >"$work/numbers"
    sort -t. -k1,1n -k2,2n -u "$work/numbers" | cmp -s - "$work/numbers" ||
        fail "what $1 received is not in order, or not once"
    [ "$(wc -l <"$work/numbers")" -ge "$lines" ] || fail "too few to say anything"
    ok "$(wc -l <"$work/numbers") lines from $2 to $1: all $(wc -l <"$work/sent") accepted, once, in order"
}
check bob alice
check alice bob
