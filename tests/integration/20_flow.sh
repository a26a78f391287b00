#!/usr/bin/env bash
# 20_flow.sh - the main job, by the command-line contract: enrol two devices, messages in both
# directions, every field and exit code, text and files and stdin, pictures of every format.
set -eu
. tests/integration/lib.sh

# The contract's fields of a line of sds send, and of sdr run, with their types.
sent='(.to | type) == "string" and (.session | test("^[0-9a-f]{64}$")) and .index >= 0
    and .status == "receipted" and .profile == "auth" and .psnr_db > 60 and .changed_pixels > 0
    and .embed_us > 0 and .accepted_us > 0 and .receipted_us >= .accepted_us'
got='(.from | type) == "string" and (.session | test("^[0-9a-f]{64}$")) and .index >= 0
    and .profile == "auth" and .verified == true and .bytes >= 0'

# line NAME NUMBER FILTER: the jq filter is true of that line of NAME.out.
line() {
    [ "$(sed -n "$2p" "$work/$1.out" | jq "$3")" = true ] || fail "line $2 of $1: not so: $3"
}

# Set-up: a port that the system picks, folders that only we can enter.
start_cloud
[ "$(head -n 1 "$work/cloud.out")" = "listening $at" ] || fail "the first line of cloudd run"
[ "${at%:*}" = 127.0.0.1 ] && [ "${at#*:}" -gt 0 ] || fail "a port of its own: $at"
enrol_args alice "$(signature 1)"
"$sds" "${args[@]}" --json >"$work/enrol.out"
jq -e '.id == "alice" and .enrolment >= 1 and (.key | test("^[0-9a-f]{64}$")) and
    (.fingerprint | length > 8)' "$work/enrol.out" >/dev/null || fail "enroll --json"
# A token on stdin stays out of the list of processes.
enrol_args bob "$(signature 2)" -
token bob | "$sdr" "${args[@]}" >"$work/enrol.out" || fail "sdr enroll, its token on stdin"
grep -q '^fingerprint ' "$work/enrol.out" || fail "enroll prints the fingerprint"
for name in alice bob; do
    [ "$(stat -c %a "$work/$name")" = 700 ] || fail "the home of $name is open"
    [ "$(stat -c %a "$work/$name/device.key")" = 600 ] || fail "the key of $name is open"
done
ok "init, run, invite, enrol"

receive bob --inbox "$work/inbox"
bob=$pid
send alice bob "first words" || fail "send: $?"
is "$sent and .to == \"bob\" and .index == 0"
received bob 1
line bob 1 "$got and .from == \"alice\" and .text == \"first words\" and .bytes == 11 and
    (.stego | type) == \"string\""
[ "$(wc -l <"$work/send.out")" -eq 1 ] || fail "send prints one line a receiver"
[ "$(jq -r .session "$work/send.out")" = "$(jq -r .session "$work/bob.out")" ] || fail "sessions"
head -c 2 "$(jq -r .stego "$work/bob.out")" | grep -q P5 || fail "the saved stego image"
"$sds" lab compare "$(jq -r .stego "$work/bob.out")" $cover --json >"$work/compare.out"
[ "$(jq .changed_pixels "$work/compare.out")" = "$(jq .changed_pixels "$work/send.out")" ] ||
    fail "the saved image has as many changed pixels as were reported"
[ "$(cat "$work"/inbox/*.msg)" = "first words" ] || fail "the saved message"
ok "alice to bob, every field"

receive alice
alice=$pid
send bob alice "answer" || fail "send: $?"
is "$sent and .to == \"alice\""
received alice 1
line alice 1 "$got and .from == \"bob\" and .text == \"answer\" and .stego == null"
ok "bob to alice, at the same time"

# What a message may be.
send alice bob "" || fail "an empty message"
received bob 2
line bob 2 "$got and .text == \"\" and .bytes == 0"
printf 'from a file\n\tdas Gr\303\266\303\237te "\\' >"$work/message"
send alice bob --file "$work/message" || fail "--file"
received bob 3
[ "$(sed -n 3p "$work/bob.out" | jq -j .text | sha256sum)" = "$(sha256sum <"$work/message")" ] ||
    fail "text of a file, to the byte"
head -c 5000 /dev/urandom >"$work/message"
"$sds" send --home "$work/alice" --to bob --cover "$cover" --file - <"$work/message" >"$work/send.out" ||
    fail "--file -"
received bob 4
line bob 4 "$got and .text == null and .bytes == 5000"
sed -n 4p "$work/bob.out" | jq -r .message_b64 | base64 -d | cmp -s - "$work/message" ||
    fail "a binary message, to the byte"
head -c 1048576 /dev/urandom >"$work/message"
send alice bob --file "$work/message" || fail "a message of 1 MiB"
received bob 5
sed -n 5p "$work/bob.out" | jq -r .message_b64 | base64 -d | cmp -s - "$work/message" ||
    fail "a message of 1 MiB, to the byte"
cat "$work"/inbox/*0005-*.msg | cmp -s - "$work/message" || fail "the file of a message of 1 MiB"
ok "empty, text, binary and 1 MiB; --file and stdin"

# Covers of every format, and both codes.
lines=5
for name in cover.pgm cover.bmp cover.png cover.jpg; do
    image texture "$work/$name" 211 163 7
    for code in light stealth; do
        cover=$work/$name send alice bob --stego $code "$name $code" || fail "$name, $code"
        is "$sent"
        lines=$((lines + 1))
        received bob $lines
        line bob $lines "$got and .text == \"$name $code\""
    done
done
ok "PGM, BMP, PNG and JPEG covers; light and stealth"

# For people.
"$sds" send --home "$work/alice" --to bob --cover $cover "plain" >"$work/send.out" 2>"$work/send.err"
grep -q '^bob: receipted' "$work/send.out" || fail "send in text"
stop "$bob"
runs bob2 "$sdr" run --home "$work/bob" --count 1
send alice bob "shown" --no-wait || fail "--no-wait"
ends "$pid"
[ "$(cat "$work/bob2.out")" = "alice: shown" ] || fail "run in text: $(cat "$work/bob2.out")"
ok "text for people, and --count"

# Nobody there: --no-wait, a time-out, and the next command goes on.
send alice bob --no-wait "waits 1" || fail "--no-wait: $?"
is '.status == "accepted" and .to == "bob"'
code=0
send alice bob --timeout 4 "waits 2" || code=$?
[ $code -eq 1 ] || fail "a time-out exits with 1, not $code"
is '.status == "accepted" and .receipted_us == null'
mailbox_has bob 2 || fail "two messages wait"
receive bob
bob=$pid
received bob 2
line bob 1 '.text == "waits 1"'
line bob 2 '.text == "waits 2"'
send alice bob "3" || fail "the next command"
grep -q "earlier message to bob, number [0-9]*: receipted" "$work/send.err" || fail "it goes on with the earlier ones"
ok "--no-wait, a time-out, and the next command continues"

# Several receivers: a third device, which is not there.
enrol carol 3
send alice bob,carol --no-wait "to both" || fail "two receivers"
jq -se 'length == 2 and .[0].to == "bob" and .[1].to == "carol" and .[1].status == "queued" and
    .[1].session == null and .[1].profile == "auth"' "$work/send.out" >/dev/null || fail "two receivers: lines"
receive carol --count 2
send alice bob,carol "to both again" || fail "two receivers"
jq -se 'length == 2 and all(.status == "receipted")' "$work/send.out" >/dev/null || fail "receipts of both"
ends "$pid"
[ "$(jq -r .text "$work/carol.out")" = "$(printf 'to both\nto both again')" ] || fail "in order"
received bob 5
ok "several receivers"

# sds run: lines of stdin, covers in turn; the last line has no end.
mkdir "$work/covers"
for n in 1 2 3; do
    image texture "$work/covers/$n.png" 128 128 $n
done
echo "no image" >"$work/covers/readme.txt"
{
    seq -f 'line %g' 7
    printf 'the last'
} | "$sds" run --home "$work/alice" --to bob --covers "$work/covers" --json \
    >"$work/run.out" 2>"$work/run.err" || fail "sds run: $?"
[ "$(jq -r 'select(.status == "receipted").index' "$work/run.out" | wc -l)" -eq 8 ] || fail "8 receipts"
grep -q "readme.txt" "$work/run.err" || fail "what is no cover is named"
grep -q "all 3 covers are used" "$work/run.err" || fail "a warning when covers repeat"
received bob 13
[ "$(tail -n 8 "$work/bob.out" | jq -r .text)" = "$(seq -f 'line %g' 7; echo the last)" ] ||
    fail "the lines, in order"
ok "sds run"

# What the cloud shows while it runs.
"$cloudd" devices --home "$work/cloud" --json >"$work/list.out"
jq -se 'map(.id) == ["alice", "bob", "carol"] and all(.revoked == false)' "$work/list.out" >/dev/null ||
    fail devices
"$cloudd" sessions --home "$work/cloud" --json | jq -se \
    'map(.from + " " + .to) | index("alice bob") != null and index("bob alice") != null' >/dev/null ||
    fail sessions
send alice carol --no-wait "for the mailbox" || fail "--no-wait"
[ "$(packages_of carol)" -eq 1 ] || fail mailbox
"$cloudd" mailbox --home "$work/cloud" | grep -q '^carol  *1 packages' || fail "mailbox in text"
"$cloudd" devices --home "$work/cloud" | grep -q "^alice .*$("$sds" peers --home "$work/alice" --json |
    jq -r 'select(.self).fingerprint')" || fail "devices shows the fingerprint that peers shows"
ok "cloudd devices, sessions, mailbox"

"$sdr" peers --home "$work/bob" --json >"$work/peers.out"
jq -se --arg key "$(device_key alice)" '.[0].self == "bob" and .[1].peer == "alice" and
    .[1].key == $key and .[1].trust == "first use" and .[1].receiving_sessions >= 1' \
    "$work/peers.out" >/dev/null || fail "peers --json"
"$sds" peers --home "$work/alice" | grep -q "^  sending session .*, profile auth, " || fail "peers in text"
"$sds" peers --home "$work/alice" --json | jq -se --arg key "$(device_key bob)" \
    'map(select(.peer == "bob"))[0] | .key == $key and (.sending | map(.profile)) == ["auth"] and
    (.sending[0] | (.session | length) == 64 and .sent > 0)' >/dev/null || fail "peers --json of a sender"
ok peers

# SIGTERM: each ends with 0, also sds run that waits for input, and who is told so again and again.
hound() {
    while kill -TERM "$1" 2>/dev/null; do
        :
    done
    ends "$1"
}
mkfifo "$work/input"
exec 9<>"$work/input"
runs idle "$sds" run --home "$work/carol" --to bob --covers "$work/covers" --json <"$work/input"
echo "before the end" >&9
received bob 14
wait_for "its receipt" grep -q receipted "$work/idle.out"
stop "$pid"
exec 9>&-
stop "$bob"
hound "$alice"
hound "$cloud"
ok "SIGTERM ends each with 0"
