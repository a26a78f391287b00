#!/usr/bin/env bash
# 25_sga.sh - the profile sga over real sockets: refused without --allow-research, both directions,
# no cover and no picture, nothing of a message at the cloud or on the wire, store-and-forward, every
# program killed in the middle of a negotiation, and each check that refuses: said on both sides.
set -eu
. tests/integration/lib.sh

research=(--profile sga --allow-research)

# sga FROM TO OPTION...: sds send of this profile, without a cover
sga() {
    local from=$1 to=$2

    shift 2
    "$sds" send --home "$work/$from" --to "$to" --json "${research[@]}" "$@" \
        >"$work/send.out" 2>"$work/send.err" </dev/null
}

sends() {
    sga "$@" || fail "send: $?"
    is '.status == "receipted" and .profile == "sga"'
}

bob_showed() {
    jq -se 'map(select(.verified) | .text) == $ARGS.positional' "$work/bob.out" --args "$@" >/dev/null
}

refused_as_research() {
    exits 3 "" "$sds" send --home "$work/alice" --to bob "${research[@]}" "no"
    grep -q "a research profile is refused" "$work/said.stdout" || fail "the reason"
}

# said_by FILE TEXT: it says so now or soon
said_by() {
    wait_for "$1 to say: $2" grep -qF -- "$2" "$work/$1.err"
}

# new_session: alice forgets the one she has
new_session() {
    python3 - "$work/alice/state.db" <<'END'
import sqlite3, sys
with sqlite3.connect(sys.argv[1], timeout=20) as db:
    db.execute("UPDATE send_session SET current = 0")
END
}

start_cloud --hop any
enrol alice 1
enrol bob 2

# Refused by each program that was not told.
exits 2 "can put its own in their place" "$sds" send --home "$work/alice" --to bob --profile sga "no"
receive bob --allow-research
bob=$pid
wait_for "bob" is_attached bob receive
refused_as_research
stop "$bob"
stop_cloud
start_cloud --hop any --allow-research
receive bob
bob=$pid
wait_for "bob" is_attached bob receive
refused_as_research
stop "$bob"
ok "without --allow-research each of the three refuses"

# Both directions, and another profile beside it.
receive bob --allow-research --inbox "$work/inbox"
bob=$pid
receive alice --allow-research
alice=$pid
wait_for "bob" is_attached bob receive
wait_for "alice" is_attached alice receive
for n in 1 2 3; do
    sends alice bob "there $n"
    is ".index == $((n - 1)) and .suite == \"xchacha20-poly1305\""
    is '[has("psnr_db", "changed_pixels", "embed_us")] | any | not'
    sends bob alice "back $n"
done
send alice bob "in between" || fail "send: $?"
is '.status == "receipted" and .profile == "auth"'
sends alice bob --suites aes-256-gcm,chacha20-poly1305,xchacha20-poly1305,none --cover "$cover" \
    "there 4"
grep -q "the profile sga hides nothing; --cover is not used" "$work/send.err" || fail "the word"
bob_showed "there 1" "there 2" "there 3" "in between" "there 4" || fail "what bob shows"
jq -se 'map(.profile) == ["sga", "sga", "sga", "auth", "sga"] and map(has("stego")) ==
    [false, false, false, true, false]' "$work/bob.out" >/dev/null || fail "profiles and pictures"
[ "$(find "$work/inbox" -name '*.msg' | wc -l)" -eq 5 ] || fail "five messages are saved"
[ "$(find "$work/inbox" -name '*.pgm' | wc -l)" -eq 1 ] || fail "one picture is saved"
for file in send cloud bob; do
    grep -q "sga.*for research only: the cloud vouches for both halves" "$work/$file.err" ||
        fail "$file does not warn"
done
grep -q "session with alice agreed as far as we go, profile sga" "$work/bob.err" || fail "agreed"
grep -q "session with alice granted by the cloud" "$work/bob.err" || fail "granted"
ok "both directions without a cover, warnings, and another profile in between"

head -c 1048536 /dev/urandom >"$work/message"
sga alice bob --file "$work/message" || fail "a message of 1048536 bytes"
cmp -s "$work/message" "$(find "$work/inbox" -name '*.msg' | sort | tail -n 1)" || fail "to the byte"
sends alice bob ""
head -c 1048537 /dev/zero >"$work/message"
exits 1 "more than 1048536 bytes" "$sds" send --home "$work/alice" --to bob "${research[@]}" \
    --file "$work/message"
ok "messages of every length"

# Lines as messages, and answers to them, all without pictures.
stop "$bob"
stop "$alice"
mkfifo "$work/say"
"$sdr" run --home "$work/bob" --json --allow-research --profile sga --count 2 <"$work/say" \
    >"$work/bob.out" 2>"$work/bob.err" &
bob=$!
started+=("$bob")
exec 9>"$work/say"
printf 'one\ntwo\n' | "$sds" run --home "$work/alice" --to bob "${research[@]}" --json \
    >"$work/send.out" 2>"$work/send.err" || fail "sds run: $?"
exec 9>&-
ends "$bob"
bob_showed one two || fail "lines: what bob shows"
ok "sds run without --covers"

# What lies at the cloud and passes on the wire.
secret="nobody but bob may read this"
runs tap python3 "$here/tap.py" "$at" "$work/wire.bin"
wait_for "the tap's port" grep -q listening "$work/tap.out"
through=$(sed -n 's/^listening //p' "$work/tap.out")
want=()
for n in 1 2 3 4 5 6; do
    sga alice bob --cloud "$through" --hop clear --no-wait "$n: $secret" || fail "send --no-wait: $?"
    is '.status == "accepted"'
    want+=("$n: $secret")
    [ $((n % 2)) -eq 0 ] || {
        crash "$cloud"
        start_cloud --hop any --allow-research
    }
done
mailbox_has bob 6 || fail "six packages wait"
grep -aqF alice "$work/wire.bin" || fail "the tap sees the traffic"
! grep -aqF "$secret" "$work/wire.bin" "$work"/cloud/cloud.db* || fail "the message is in clear"
receive bob --allow-research
bob=$pid
wait_for "what was kept" bob_showed "${want[@]}"
ok "store-and-forward, kill -9 of the cloud, and nobody on the way can read"

# Altered at the cloud: refused, and the original comes again.
stop "$bob"
for part in header message; do
    sga alice bob --cloud "$at" --no-wait "$part was altered" || fail "send: $?"
    python3 "$here/tamper.py" "$work/cloud/cloud.db" bits "$part" 7 >/dev/null
    receive bob --allow-research
    bob=$pid
    received bob 1
    jq -se '.[0].verified == false and .[0].text == null' "$work/bob.out" >/dev/null ||
        fail "$part: bob shows a failure"
    stop "$bob"
    receive bob --allow-research
    bob=$pid
    sends alice bob "after the altered $part"
    wait_for "the original" bob_showed "$part was altered" "after the altered $part"
    stop "$bob"
done
ok "an altered package is refused, and the original takes its place"

# A negotiation that waits, and programs killed in the middle of one.
new_session
sga alice bob --no-wait "waits for bob" || fail "send: $?"
is '.status == "queued"'
crash "$cloud"
start_cloud --hop any --allow-research
receive bob --allow-research
bob=$pid
sends alice bob "and after it"
bob_showed "waits for bob" "and after it" || fail "what bob shows"
stop "$bob"
ok "the cloud keeps a negotiation for a receiver that is away"

cat >"$work/kill.py" <<'END'
"""Each round a new session, and one program killed at a random moment of its negotiation."""
import os, random, signal, sqlite3, subprocess, sys, time

work, sds, sdr, rounds = *sys.argv[1:4], int(sys.argv[4])
rng = random.Random(5)
research = ["--allow-research"]


def receiver(out):
    return subprocess.Popen([sdr, "run", "--home", f"{work}/bob", "--json", *research],
                            stdout=out, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)


def sender(text, *more):
    return subprocess.Popen([sds, "send", "--home", f"{work}/alice", "--to", "bob", "--profile",
                             "sga", *research, *more, text],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


with open(f"{work}/bob.out", "ab") as out:
    bob = receiver(out)
    for n in range(rounds):
        with sqlite3.connect(f"{work}/alice/state.db", timeout=20) as db:
            db.execute("UPDATE send_session SET current = 0")
        alice = sender(f"round {n}")
        time.sleep(rng.random() * 0.03)
        if n % 2 == 0:
            alice.kill()
            alice.wait()
        else:
            bob.kill()
            bob.wait()
            bob = receiver(out)
        if alice.wait() != 0 and sender(f"behind {n}").wait() != 0:
            sys.exit(f"round {n}: the message behind it was not receipted")
    bob.send_signal(signal.SIGTERM)
    sys.exit(bob.wait())
END
: >"$work/bob.out"
python3 "$work/kill.py" "$work" "$sds" "$sdr" 30 || fail "rounds with a kill"
jq -se 'map(.verified) | all' "$work/bob.out" >/dev/null || fail "every package verifies"
# a kill may make him repeat his last line
shown=$(jq -r '"\(.session) \(.index) \(.text)"' "$work/bob.out" | uniq | cut -d ' ' -f 3- | sort)
[ "$(sort -u <<<"$shown")" = "$shown" ] || fail "a message is shown twice"
ok "30 negotiations with a program killed in the middle of each"

# Suites without intersection, at both ends of it.
"$sdr" run --home "$work/bob" --suites aes-256-gcm,none --allow-research --json --count 1 \
    >"$work/bob.out" 2>"$work/bob.err" </dev/null &
bob=$!
started+=("$bob")
wait_for "bob" is_attached bob receive
code=0
sga alice bob --suites chacha20-poly1305,none "no" || code=$?
[ $code -eq 3 ] || fail "exit $code without a common suite"
grep -q "alice has chacha20-poly1305,none; bob has aes-256-gcm,none" "$work/send.err" ||
    fail "everybody's suites"
stop "$bob"
ok "suites without intersection are refused, with everybody's sets"

# A device whose k_d is another than the cloud's: `dev` is the last 32 bytes of its key file.
all=xchacha20-poly1305,chacha20-poly1305,none
for wrong in alice bob; do
    cp "$work/$wrong/device.key" "$work/right.key"
    python3 - "$work/$wrong/device.key" <<'END'
import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(32)
    f.write(bytes(32))
END
    new_session
    receive bob --allow-research --suites $all
    bob=$pid
    wait_for "bob" is_attached bob receive
    code=0
    sga alice bob --suites $all --timeout 6 "under a wrong key" || code=$?
    [ $code -eq 1 ] || fail "$wrong with a wrong k_d: exit $code"
    grep -q "a check of the negotiation failed" "$work/send.err" || fail "alice says why"
    said_by bob "a check of the negotiation failed"
    cp "$work/right.key" "$work/$wrong/device.key"
    stop "$bob"
    receive bob --allow-research --count 2
    bob=$pid
    sends alice bob "under the right key"
    ends "$bob"
done
ok "a wrong k_d of either device is refused, and both devices say so"
