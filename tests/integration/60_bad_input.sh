#!/usr/bin/env bash
# 60_bad_input.sh - wrong input of every kind: the exit code, and a sentence that names the thing and
# the way out. 1 failed, 2 usage, 3 rejected.
set -eu
. tests/integration/lib.sh

# sends CODE TEXT OPTION...: alice to bob.
sends() {
    local code=$1 text=$2

    shift 2
    exits "$code" "$text" "$sds" send --home "$work/alice" --json "$@"
}

# enrols CODE TEXT NAME SCAN [TOKEN]
enrols() {
    enrol_args "${@:3}"
    exits "$1" "$2" "$sds" "${args[@]}"
}

to_bob=(--to bob --cover "$cover")
scan=$(signature 3)
start_cloud --mailbox-packages 3 --sender-share 100
enrol alice 1
enrol bob 2

# ---- images ----

echo "not an image" >"$work/text.png"
: >"$work/empty.png"
head -c 3000 $covers/camera-256.png >"$work/cut.png"
image flat "$work/flat.png" 300 200
image ink "$work/tiny.png" 9 9
image texture "$work/large.pgm" 1200 1100
printf 'P5\n60000 60000\n255\n' >"$work/huge.pgm"
image rotated "$work/rotated.jpg" 320 200
t=$(token dave)
enrols 1 "$work/none.png does not exist" dave "$work/none.png" "$t"
enrols 1 "$work is not a file" dave "$work" "$t"
enrols 1 "text.png is not an image that we read (PNG, JPEG, BMP" dave "$work/text.png" "$t"
enrols 1 "empty.png is empty" dave "$work/empty.png" "$t"
enrols 1 "cut.png is a damaged or cut-off PNG" dave "$work/cut.png" "$t"
enrols 1 "flat.png: no signature found" dave "$work/flat.png" "$t"
enrols 1 "at least 16x16" dave "$work/tiny.png" "$t"
enrols 1 "huge.pgm is 60000 x 60000 pixels" dave "$work/huge.pgm" "$t"
enrols 1 "rotated.jpg is a photo that EXIF says is to be turned; save it upright" dave "$work/rotated.jpg" "$t"
[ ! -e "$work/dave" ] || fail "a bad picture leaves no folder behind"
ok "images as signatures"

sends 1 "$work/none.png does not exist" --to bob --cover "$work/none.png" x
sends 1 "text.png is not an image that we read" --to bob --cover "$work/text.png" x
sends 1 "empty.png is empty" --to bob --cover "$work/empty.png" x
sends 1 "cut.png is a damaged or cut-off PNG" --to bob --cover "$work/cut.png" x
sends 1 "flat.png is flat" --to bob --cover "$work/flat.png" x
sends 1 "at most 1024x1024" --to bob --cover "$work/large.pgm" x
sends 1 "huge.pgm is 60000 x 60000 pixels" --to bob --cover "$work/huge.pgm" x
sends 1 "rotated.jpg is a photo that EXIF says is to be turned" --to bob --cover "$work/rotated.jpg" x
receive bob
bob=$pid
for code in light stealth; do
    image texture "$work/small.png" 24 24
    sends 1 "smallest square that works is" --to bob --cover "$work/small.png" --stego $code x
    side=$(sed -n 's/.*smallest square that works is \([0-9]*\)x.*/\1/p' "$work/said")
    image texture "$work/small.png" $((side - 1)) $((side - 1))
    sends 1 "smallest square that works is ${side}x$side" --to bob --cover "$work/small.png" --stego $code x
    image texture "$work/small.png" "$side" "$side"
    sends 0 "" --to bob --cover "$work/small.png" --stego $code "in $side x $side"
done
received bob 2
stop "$bob"
mkdir "$work/no-covers"
cp "$work/text.png" "$work/flat.png" "$work/no-covers/"
exits 1 "no-covers holds no usable cover" "$sds" run --home "$work/alice" --to bob --covers "$work/no-covers"
grep -q "flat.png is flat" "$work/said" || fail "what is left out is named"
exits 1 "$work/none" "$sds" run --home "$work/alice" --to bob --covers "$work/none"
ok "images as covers; the smallest size that works does work"

# ---- enrolment ----

used=$(jq -rn --arg t "$t" '$t')
second=$(token dave)
enrols 0 "" dave "$scan" "$used"
cp -r "$work/dave" "$work/dave.first"
rm -r "$work/dave"
enrols 3 "used already; ask for a new one with cloudd invite" dave tests/data/signatures/synth1b.pgm "$used"
rm -r "$work/dave"
enrols 3 "the id is taken" dave tests/data/signatures/synth1b.pgm "$second"
rm -r "$work/dave"
mv "$work/dave.first" "$work/dave"
enrols 3 "not one that this cloud issued for this id" erin tests/data/signatures/synth1b.pgm \
    00112233445566778899aabbccddeeff
rm -r "$work/erin"
enrols 2 "--token is not a token" erin tests/data/signatures/synth1b.pgm 0011223344556677-secret
! grep -q 0011223344556677 "$work/said" || fail "a token is echoed"
[ ! -e "$work/erin" ] || fail "wrong usage leaves no folder behind"
t=$(token erin --ttl 1)
sleep 2
enrols 3 "has expired; ask for a new one with cloudd invite" erin tests/data/signatures/synth1b.pgm "$t"
enrols 3 "the same scan is enrolled already under another id" erin "$(signature 1)"
enrols 0 "" erin tests/data/signatures/synth1b.pgm
enrols 1 "$work/erin holds an enrolled device already; use an empty folder" erin \
    tests/data/signatures/synth1b.pgm 00112233445566778899aabbccddeeff
enrol_args hugo tests/data/signatures/synth3b.pgm -
"$cloudd" invite --home "$work/cloud" hugo | "$sds" "${args[@]}" >/dev/null 2>"$work/said" ||
    fail "the line that invite prints, on standard input: $(cat "$work/said")"
ok "tokens, ids and signatures"

right=$key
key=$("$cloudd" init --home "$work/other" | sed -n 's/^cloud-key //p')
enrols 3 "--cloud-key is not the key of the cloud at this address" frank tests/data/signatures/synth2b.pgm \
    00112233445566778899aabbccddeeff
rm -r "$work/frank"
key=${right%??}
enrols 2 "--cloud-key" frank tests/data/signatures/synth2b.pgm 00112233445566778899aabbccddeeff
key=$right
[ ! -e "$work/frank" ] || fail "wrong usage leaves no folder behind"
address=$at
at=127.0.0.1:1
enrols 1 "127.0.0.1:1: no cloud answers there; is cloudd running, and is --cloud right?" frank \
    tests/data/signatures/synth2b.pgm 00112233445566778899aabbccddeeff
rm -r "$work/frank"
at=nowhere
enrols 2 "--cloud nowhere is not HOST:PORT" frank tests/data/signatures/synth2b.pgm \
    00112233445566778899aabbccddeeff
at=$address
[ ! -e "$work/frank" ] || fail "wrong usage leaves no folder behind"
sends 1 "is cloudd running" "${to_bob[@]}" --cloud 127.0.0.1:1 --timeout 1 "to the wrong address"
sends 1 "stays in the outbox" "${to_bob[@]}" --timeout 1 "to the address that it remembers"
grep -q "127.0.0.1:1" "$work/said" || fail "--cloud is remembered"
sends 2 "--cloud nowhere is not HOST:PORT" "${to_bob[@]}" --cloud nowhere x
sends 1 "the cloud takes sealed hops only; use --hop sealed" "${to_bob[@]}" --cloud "$at" --hop clear \
    --timeout 5 "in clear"
ok "the cloud's key, its address, its hop"

# ---- peers ----

sends 3 "" --to nobody --cover "$cover" x
jq -e '.status == "rejected" and (.reason | test("no device of that id is enrolled; cloudd devices"))' \
    "$work/said.stdout" >/dev/null || fail "an unknown peer"
sends 2 "--to alice is this device itself" --to alice --cover "$cover" x
exits 2 "--to alice is this device itself" "$sds" run --home "$work/alice" --to alice --covers $covers
ok "an unknown peer, and oneself"

# A mailbox of three packages: the three above wait in the outbox or there.
receive bob
bob=$pid
# four at once may find it full, for which sds run waits
echo "and now all" | "$sds" run --home "$work/alice" --to bob --covers "$covers" >"$work/run.out" \
    2>"$work/run.err" || fail "and now all: $?"
stop "$bob"
for n in 1 2 3; do
    sends 0 "" "${to_bob[@]}" --no-wait "waits $n"
done
sends 1 "mailbox at the cloud is full; it empties when the receiver runs" "${to_bob[@]}" "one too many"
printf 'line %d\n' 1 2 3 4 5 >"$work/lines"
runs sender "$sds" run --home "$work/alice" --to bob --covers $covers --json <"$work/lines"
sender=$pid
wait_for "it says that it waits" grep -q "mailbox at the cloud is full.*trying again" "$work/sender.err"
kill -0 "$sender" || fail "sds run waits"
receive bob
bob=$pid
ends "$sender"
received bob 9
[ "$(jq -r .text "$work/bob.out")" = "$(printf '%s\n' 'waits 1' 'waits 2' 'waits 3' 'one too many' \
    'line 1' 'line 2' 'line 3' 'line 4' 'line 5')" ] || fail "all of them, in order"
ok "a full mailbox: send exits 1, sds run waits and goes on"

head -c 1048577 /dev/zero >"$work/long"
sends 1 "more than 1048576 bytes" "${to_bob[@]}" --file "$work/long"
sends 1 "$work/none: No such file" "${to_bob[@]}" --file "$work/none"
head -c 1048577 /dev/zero | tr '\0' 'x' >"$work/lines"
printf '\na short one\n' >>"$work/lines"
code=0
"$sds" run --home "$work/alice" --to bob --covers $covers <"$work/lines" >"$work/run.out" 2>"$work/run.err" || code=$?
[ $code -eq 1 ] || fail "a line that is too long: exit 1, not $code"
grep -q "more than 1048576 bytes and was left out" "$work/run.err" || fail "a line that is too long"
received bob 10
stop "$bob"
ok "messages that are too long"

# ---- homes ----

mkfifo "$work/input"
exec 9<>"$work/input"
runs sender "$sds" run --home "$work/alice" --to bob --covers $covers <"$work/input"
sender=$pid
wait_for "its connection" is_attached alice send
sends 1 "$work/alice" "${to_bob[@]}" x
grep -qi "in use" "$work/said" || fail "a home in use: $(cat "$work/said")"
stop "$sender"
receive bob
bob=$pid
wait_for "its connection" is_attached bob receive
exits 1 "$work/bob" "$sdr" run --home "$work/bob"
grep -qi "in use" "$work/said" || fail "a home in use: $(cat "$work/said")"
"$sds" peers --home "$work/bob" >/dev/null || fail "peers works beside it"
stop "$bob"
ok "a home in use"

# breaks_home CODE TEXT: each command of a device refuses $work/broken.
breaks_home() {
    exits "$1" "$2" "$sds" send --home "$work/broken" "${to_bob[@]}" x
    exits "$1" "$2" "$sdr" run --home "$work/broken"
    exits "$1" "$2" "$sds" peers --home "$work/broken"
}
fresh_home() {
    chmod -R u+rwX "$work/broken" 2>/dev/null || true
    rm -rf "$work/broken"
    cp -a "$work/alice" "$work/broken"
}
breaks_home 1 "$work/broken"
fresh_home
chmod 750 "$work/broken"
breaks_home 1 "chmod 700 $work/broken"
fresh_home
chmod 640 "$work/broken/device.key"
breaks_home 1 "chmod 600 $work/broken/device.key"
fresh_home
sed -i 's/^inkpost-device 1$/inkpost-device 2/' "$work/broken/device.conf"
breaks_home 1 "was written by a newer inkpost; use that version"
fresh_home
python3 -c 'import sqlite3, sys
sqlite3.connect(sys.argv[1]).execute("PRAGMA user_version = 99")' "$work/broken/state.db"
breaks_home 1 "newer"
fresh_home
sed -i 's/^port .*/port many/' "$work/broken/device.conf"
breaks_home 1 "device.conf is damaged; restore it from a backup, or enrol again"
fresh_home
rm "$work/broken/device.conf"
breaks_home 1 "enrol first"
fresh_home
truncate -s 40 "$work/broken/device.key"
breaks_home 1 "device.key is damaged; restore it from a backup, or enrol again"
fresh_home
rm "$work/broken/device.key"
breaks_home 1 "device.key is missing; restore it from a backup, or enrol again"
fresh_home
rm -f "$work/broken"/state.db-*
head -c 100 /dev/urandom | dd of="$work/broken/state.db" conv=notrunc status=none
breaks_home 1 "$work/broken/state.db"
grep -q "backup" "$work/said" || fail "a damaged state.db: the way out"
ok "homes: missing, open, newer, damaged"

# ---- keys ----

# renew NAME NUMBER: revoked and enrolled anew, with a fresh key. The running cloud sees within a
# second that somebody revoked, and tells who is there at that moment.
renew() {
    "$cloudd" revoke --home "$work/cloud" "$1"
    wait_for "the cloud to see it" grep -q " revoked: $1\$" "$work/cloud.err"
    mv "$work/$1" "$work/$1.revoked"
    enrol "$1" "$2"
}
renew bob 2
sends 1 "sds peers --home $work/alice --accept-key bob=$(device_key bob)" "${to_bob[@]}" "to whom?"
grep -q "another key for bob" "$work/said" || fail "a changed key"
"$sds" peers --home "$work/alice" | grep -q "REFUSED a changed key" || fail "peers shows what was refused"
sends 1 "another key for bob" "${to_bob[@]}" --no-wait "to whom?"
exits 2 "is not ID=KEY" "$sds" peers --home "$work/alice" --accept-key bob
exits 0 "" "$sds" peers --home "$work/alice" --accept-key "bob=$(device_key bob)"
receive bob
bob=$pid
sends 0 "" "${to_bob[@]}" "to the new one"
received bob 3
ok "a peer's changed key is refused until it is accepted"

renew alice 1
"$sds" peers --home "$work/alice" --json >"$work/peers.out"
sends 3 "" "${to_bob[@]}" "from another key"
jq -e '.status == "rejected" and (.reason | test("compare fingerprints"))' "$work/said.stdout" >/dev/null ||
    fail "the receiver refuses a changed key"
wait_for "its word" grep -q "sdr peers --accept-key alice=$(device_key alice)" "$work/bob.err"
exits 0 "" "$sdr" peers --home "$work/bob" --accept-key "alice=$(device_key alice)"
sends 0 "" "${to_bob[@]}" "accepted"
received bob 4
ok "the same at the receiver"

wrong=$(device_key erin)
sends 1 "another key for dave" --to dave --cover "$cover" --peer-key "dave=$wrong" x
"$sds" peers --home "$work/alice" --json | jq -se --arg key "$wrong" \
    'any(.peer == "dave" and .key == $key and .trust == "pinned")' >/dev/null || fail "a pinned key"
sends 2 "is not ID=KEY" --to dave --cover "$cover" --peer-key dave=1234 x
receive dave
dave=$pid
sends 0 "" --to dave --cover "$cover" --peer-key "dave=$(device_key dave)" "pinned"
received dave 2
stop "$dave"
ok "a pinned key"

receive erin --accept dave,carol
erin=$pid
sends 3 "" --to erin --cover "$cover" "let me in"
jq -e '.reason | test("does not accept this sender")' "$work/said.stdout" >/dev/null || fail "--accept"
stop "$erin"
[ ! -s "$work/erin.out" ] || fail "what was not accepted is not shown"
exits 2 "--accept" "$sdr" run --home "$work/erin" --accept "Not An Id"
ok "a receiver that accepts others only"

"$cloudd" revoke --home "$work/cloud" erin
exits 1 "not enrolled here, or its enrolment was revoked; enrol again" "$sdr" run --home "$work/erin"
exits 1 "not enrolled here, or its enrolment was revoked; enrol again" "$sds" send --home "$work/erin" \
    "${to_bob[@]}" x
ok "a revoked device"
stop "$bob"
stop_cloud

# ---- limits of the cloud ----

start_cloud --max-message 1000
head -c 1001 /dev/zero >"$work/long"
sends 3 "" "${to_bob[@]}" --file "$work/long"
jq -e '.status == "rejected" and (.reason | test("larger than"))' "$work/said.stdout" >/dev/null ||
    fail "a message that the cloud finds too long"
stop_cloud
start_cloud --max-store 3145728
taken=0
code=0
while [ $code -eq 0 ] && [ $taken -lt 100 ]; do
    send alice bob --no-wait "kept $taken" || code=$?
    [ $code -ne 0 ] || taken=$((taken + 1))
done
[ $code -eq 1 ] && [ $taken -ge 3 ] || fail "a full store: exit $code after $taken"
grep -q "the cloud's disk is full" "$work/send.err" || fail "a full store is named"
mailbox_has bob $taken || fail "what was accepted is kept"
receive bob
bob=$pid
received bob $taken
send alice bob "room again" || fail "once there is room: $?"
received bob $((taken + 2))
[ "$(jq -r .text "$work/bob.out")" = "$(for n in $(seq 0 $taken); do echo "kept $n"; done; echo "room again")" ] ||
    fail "all of them, in order"
stop "$bob"
ok "a full disk at the cloud: refused, nothing accepted is lost, and it goes on"

# ---- full disk of a device ----

mkdir "$work/small"
if mount -t tmpfs -o size=1m,mode=700 tmpfs "$work/small" 2>/dev/null; then
    mounts+=("$work/small")
    args=(enroll --home "$work/small/gina" --id gina --cloud "$at" --cloud-key "$key" --token
        "$(token gina)" --signature tests/data/signatures/synth2b.pgm)
    "$sds" "${args[@]}" >"$work/enrol.out" || fail "enrol on a small disk"
    head -c 1040000 /dev/urandom >"$work/long"
    exits 1 "$work/small/gina/state.db" "$sds" send --home "$work/small/gina" "${to_bob[@]}" --no-wait --file "$work/long"
    grep -q "free some" "$work/said" || fail "a full disk: the way out"
    exits 0 "" "$sds" send --home "$work/small/gina" "${to_bob[@]}" --no-wait "small"
    receive bob --count 2
    bob=$pid
    exits 0 "" "$sds" send --home "$work/small/gina" "${to_bob[@]}" "small again"
    ends "$bob"
    [ "$(jq -r .text "$work/bob.out")" = "small
small again" ] || fail "what was not taken was not sent"
    ok "a full disk at a sender: said, nothing is taken, and a smaller message still goes"
else
    echo "# tmpfs cannot be mounted here: the full disk of a device is not tested"
fi
stop_cloud

# ---- usage ----

exits 2 "usage" "$sdr" run
for wrong in "send --home" "send --bogus" "send --home $work/alice --count 3" "run --home $work/alice" \
    "send --home $work/alice --to bob" "send --home $work/alice --to bob --cover $cover" \
    "send --home $work/alice --to bob --cover $cover a b" \
    "send --home $work/alice --to bob --cover $cover --file x a" \
    "send --home $work/alice --cover $cover a" "send --home $work/alice --to Bob --cover $cover a" \
    "send --home $work/alice --to bob --cover $cover --stego dark a" \
    "send --home $work/alice --to bob --cover $cover --profile none a" \
    "send --home $work/alice --to bob --cover $cover --timeout 0 a" \
    "send --home $work/alice --to bob --cover $cover --hop open a" \
    "run --home $work/alice --to bob" "frobnicate" "enroll --home $work/new" \
    "peers --home $work/alice --to bob"; do
    # shellcheck disable=SC2086
    exits 2 "sds" "$sds" $wrong
    [ ! -s "$work/said.stdout" ] || fail "something on stdout: $wrong"
done
for wrong in "run --home $work/bob --count 0" "run --home $work/bob --to alice" "run --home $work/bob --cover $cover" \
    "send --home $work/bob" ""; do
    # shellcheck disable=SC2086
    exits 2 "" "$sdr" $wrong
done
exits 1 "$work/lines" "$sdr" run --home "$work/bob" --inbox "$work/lines"
ok "wrong usage exits 2"

at_alice=(--home "$work/alice")
exits 2 "sds send: --covers is not an option of this command" "$sds" send "${at_alice[@]}" --covers x y
exits 2 "sds send: --json takes no value" "$sds" send "${at_alice[@]}" --json=1 x
exits 2 "sds send: --cover wants a value" "$sds" send "${at_alice[@]}" --cover
exits 2 "sds send: -j is not an option" "$sds" send "${at_alice[@]}" --to bob -json x
exits 2 "sds send: world: one word too many" "$sds" send "${at_alice[@]}" "${to_bob[@]}" hello world
exits 2 "sds run: hello: one word too many" "$sds" run "${at_alice[@]}" --to bob --covers $covers hello
exits 2 "sdr peers: all: one word too many" "$sdr" peers "${at_alice[@]}" all
exits 2 "run takes one receiver; sds send takes several, and sets" "$sds" run "${at_alice[@]}" --to @all --covers $covers
exits 2 "--retain 366: DAYS is a whole number from 1 to 365" "$cloudd" run --home "$work/cloud" --retain 366
exits 2 "sds lab compare: --out is not an option of it" "$sds" lab compare --out x a b
exits 2 "alice is this device itself" "$sds" peers "${at_alice[@]}" --accept-key "alice=$key"
exits 2 "alice is this device itself" "$sds" send "${at_alice[@]}" "${to_bob[@]}" --peer-key "alice=$key" x
for program in "$sds" "$sdr" "$cloudd"; do
    [ "$("$program" help run)" = "$("$program" run --help)" ] || fail "$program help run"
done
[ "$("$sds" help lab)" = "$("$sds" lab --help)" ] || fail "sds help lab"
ok "what was wrong is named"

cp "$work/alice/device.conf" "$work/conf.before"
exits 2 "profile sealed needs one of" "$sds" send "${at_alice[@]}" "${to_bob[@]}" --profile sealed \
    --suites none --cloud 127.0.0.1:1 x
cmp -s "$work/alice/device.conf" "$work/conf.before" || fail "a command that is refused changes nothing"
for command in "peers" "peers --json" "set create full bob" "set list"; do
    # shellcheck disable=SC2086
    ! "$sds" $command "${at_alice[@]}" >/dev/full 2>"$work/full.err" || fail "$command > /dev/full"
    grep -q "standard output cannot be written" "$work/full.err" || fail "$command: $(cat "$work/full.err")"
done
exits_so() {
    local text=$1 code=0

    shift
    "$@" >"$work/said.stdout" 2>"$work/said" || code=$?
    [ $code -eq 1 ] && grep -qF -- "$text" "$work/said" || fail "exit $code, $(cat "$work/said"): $*"
}
exits_so "cannot read standard input: Is a directory" "$sds" run "${at_alice[@]}" --to bob --covers $covers <"$work"
exits_so "cannot read standard input: Bad file descriptor" "$sds" run "${at_alice[@]}" --to bob --covers $covers <&-
exits_so "--file -: Bad file descriptor" "$sds" send "${at_alice[@]}" "${to_bob[@]}" --file - <&-
ok "nothing is remembered of wrong usage; streams that are full, closed or no text are told"

cp -a "$work/cloud" "$work/cloud.broken"
rm -f "$work/cloud.broken"/cloud.db-*
head -c 100 /dev/urandom | dd of="$work/cloud.broken/cloud.db" conv=notrunc status=none
exits 1 "cloud.db: file is not a database; restore it from a backup" "$cloudd" devices --home "$work/cloud.broken"
rm "$work/cloud.broken/cloud.key"
exits 1 "cloud.key is missing; restore it from a backup" "$cloudd" devices --home "$work/cloud.broken"
ok "a damaged home of the cloud: the way out"
