#!/usr/bin/env bash
# 26_set.sh - a message to a set of devices: one upload, one cover, stored once, a receipt from each
# member; who is offline gets it later, who was removed does not get the next one.
set -eu
. tests/integration/lib.sh

# tap: all that alice exchanges with the cloud from now on goes through here, to wire.bin
tap() {
    runs tap python3 "$here/tap.py" "$at" "$work/wire.bin"
    wait_for "the tap's port" grep -q listening "$work/tap.out"
    through=$(sed -n 's/^listening //p' "$work/tap.out")
}

# query FILE SQL: the first column of the first row
query() {
    python3 -c 'import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
print(db.execute(sys.argv[2]).fetchall()[0][0])' "$work/$1" "$2"
}

# uploads: how many images of the cover's size alice has sent
uploads() {
    grep -acxF "256 256" "$work/wire.bin" || true
}

# holds TEXT FILE...: one of the files has these bytes
holds() {
    grep -aqF -- "$@"
}

# sends TO OPTION...: alice sends, watched
sends() {
    send alice "$@" --cloud "$through" --hop clear
}

# all FILTER: the jq filter is true of every line of send.out, and there are three
all() {
    [ "$(jq "$1" "$work/send.out" 2>/dev/null | sort | uniq -c | tr -s ' ')" = " 3 true" ] ||
        fail "not so for three: $1"
}

to=bob,carol,dave
start_cloud --hop any --retain 1
tap
enrol alice 1
enrol bob 2
enrol carol 3
enrol_args dave tests/data/signatures/synth1b.pgm
"$sds" "${args[@]}" >"$work/enrol-dave.out" 2>"$work/enrol-dave.err" || fail "enrol dave"

receive bob
bob=$pid
receive carol
carol=$pid
receive dave
dave=$pid
sends $to "first, to all of you" || fail "send: $?"
all '.status == "receipted" and .profile == "auth" and .index == 0'
[ "$(jq -r .to "$work/send.out" | sort | paste -sd,)" = $to ] || fail "one line for each"
for name in bob carol dave; do
    received $name 1
    jq -e '.text == "first, to all of you" and .verified' "$work/$name.out" >/dev/null ||
        fail "what $name got"
done
[ "$(query alice/state.db "SELECT (SELECT count(*) FROM set_common) + count(*)
    FROM set_message")" -eq 0 ] || fail "alice has forgotten it"
ok "a message to three"

# One upload, whatever the profile, when there are sessions; stored once; a receipt from each.
for profile in auth sealed; do
    sends $to --profile $profile "sessions of $profile" || fail "send: $?"
    stop "$bob"
    stop "$carol"
    : >"$work/wire.bin"
    text="second, the word is swordfish of $profile"
    sends $to --profile $profile --no-wait "$text" || fail "send: $?"
    all '.status == "accepted" or .status == "receipted"'
    [ "$(uploads)" -eq 1 ] || fail "$profile: $(uploads) uploads"
    up=$(wc -c <"$work/wire.bin")
    : >"$work/wire.bin"
    sends dave --profile $profile "alone" || fail "send: $?"
    alone=$(wc -c <"$work/wire.bin")
    [ "$up" -lt $((alone + 2000)) ] || fail "$profile: $up bytes for three, $alone for one"
    [ "$(query cloud/cloud.db "SELECT count(*) FROM packages WHERE common <> 0")" -ge 2 ] ||
        fail "rows"
    [ "$(query cloud/cloud.db "SELECT count(*) FROM commons c WHERE EXISTS
        (SELECT 1 FROM packages WHERE common = c.number)")" -eq 1 ] || fail "$profile: stored once"
    if [ $profile = auth ]; then
        holds "swordfish of auth" "$work"/cloud/cloud.db* || fail "the search is blind"
    else
        ! holds "swordfish of sealed" "$work"/cloud/cloud.db* "$work/wire.bin" ||
            fail "the cloud has the text"
    fi
    receive bob
    bob=$pid
    receive carol
    carol=$pid
    for name in bob carol; do
        wait_for "$name's mailbox is empty" mailbox_has $name 0
        tail -n 1 "$work/$name.out" | jq -e ".text == \"$text\" and .profile == \"$profile\"" \
            >/dev/null || fail "what $name got"
    done
done
ok "one upload, stored once, delivered later"

# Who is new gets the message when it comes; the others have it meanwhile. Two suites are two common
# parts.
stop "$dave"
enrol_args erin tests/data/signatures/synth2b.pgm
"$sds" "${args[@]}" >"$work/enrol-erin.out" 2>"$work/enrol-erin.err" || fail "enrol erin"
: >"$work/wire.bin"
sends bob,dave,erin --profile sealed --no-wait "third" || fail "send: $?"
[ "$(jq -r '.to + " " + .status' "$work/send.out" | sed 's/bob receipted/bob accepted/' |
    paste -sd,)" = "bob accepted,dave accepted,erin queued" ] || fail "erin's waits"
[ "$(query alice/state.db "SELECT count(*) FROM set_message WHERE message IS NOT NULL")" -eq 1 ] ||
    fail "alice keeps what erin will need"
receive erin --suites aes-256-gcm,chacha20-poly1305,none
wait_for "erin attached" is_attached erin receive
sends erin --profile sealed "fourth" || fail "send: $?"
received erin 2
[ "$(jq -r .text "$work/erin.out" | paste -sd,)" = "third,fourth" ] || fail "erin's, in order"
jq -e '.suite == "chacha20-poly1305" or .suite == "aes-256-gcm"' "$work/erin.out" >/dev/null ||
    fail "erin's suite"
receive dave
dave=$pid
received dave 1
jq -e '.text == "third" and .suite == "xchacha20-poly1305"' "$work/dave.out" >/dev/null ||
    fail "what dave got"
ok "a member that comes later"

# kill -9 of the cloud while it has parts of it, and of the sender while it waits for receipts.
stop "$bob"
stop "$dave"
sends bob,carol,dave --no-wait "fifth" || fail "send: $?"
crash "$cloud"
start_cloud --hop any --retain 1
wait_for "carol is back" is_attached carol receive
tap
runs sds "$sds" send --home "$work/alice" --to bob,carol,dave --cover "$cover" --cloud "$through" \
    --hop clear "sixth"
sender=$pid
wait_for "the cloud has sixth" mailbox_has bob 2
crash "$sender"
crash "$cloud"
start_cloud --hop any --retain 1
receive bob
bob=$pid
receive dave
dave=$pid
tap
sends bob,carol,dave "seventh" || fail "send: $?"
all '.status == "receipted"'
for name in bob dave; do
    received $name 3
    [ "$(jq -r .text "$work/$name.out" | paste -sd,)" = "fifth,sixth,seventh" ] ||
        fail "each once, in order: $name"
done
[ "$(tail -n 3 "$work/carol.out" | jq -r .text | paste -sd,)" = "fifth,sixth,seventh" ] ||
    fail "each once, in order: carol"
[ "$(query alice/state.db "SELECT (SELECT count(*) FROM outbox) + count(*)
    FROM set_common")" -eq 0 ] || fail "nothing is left with alice"
ok "kill -9 of the cloud and of the sender"

# Altered at the cloud, what is common or the parts that are not: refused, and sent again whole.
for how in common parts; do
    stop "$bob"
    stop "$dave"
    runs sds "$sds" send --home "$work/alice" --to bob,dave --cover "$cover" --cloud "$through" \
        --hop clear --json "$how altered"
    sender=$pid
    wait_for "bob's is there" mailbox_has bob 1
    wait_for "dave's is there" mailbox_has dave 1
    [ "$(python3 $here/tamper.py "$work/cloud/cloud.db" $how)" -ge 1 ] || fail "nothing was altered"
    receive bob
    bob=$pid
    receive dave
    dave=$pid
    ends "$sender"
    [ "$(jq -r .status "$work/sds.out" | paste -sd,)" = receipted,receipted ] || fail "$how: receipts"
    for name in bob dave; do
        [ "$(jq -r 'select(.verified).text' "$work/$name.out")" = "$how altered" ] ||
            fail "$how: what $name got"
    done
    refused=$(cat "$work/bob.out" "$work/dave.out" | jq -s 'map(select(.verified == false)) | length')
    # Sent again to the first, what is common is whole for the second.
    [ "$refused" -ge 1 ] && [ $how = common ] || [ "$refused" -eq 2 ] || fail "$how: $refused refused"
done
ok "altered at the cloud"

# Named sets; removal takes effect at the next message.
set_of() {
    "$sds" set --home "$work/alice" --json "$@" >"$work/set.out" 2>"$work/set.err"
}
set_of create yard bob,carol || fail "create"
set_of add yard dave || fail "add"
[ "$(cat "$work/set.out")" = '{"set":"yard","members":["bob","carol","dave"]}' ] || fail "three"
exits 1 "there is a set yard already" "$sds" set --home "$work/alice" create yard erin
exits 1 "there is no set shed" "$sds" set --home "$work/alice" add shed erin
exits 1 "carl is not in the set yard" "$sds" set --home "$work/alice" remove yard bob,carl
exits 2 "an id is" "$sds" set --home "$work/alice" create shed ""
exits 2 "this device itself" "$sds" set --home "$work/alice" add yard alice
exits 2 "an id is" "$sds" set --home "$work/alice" add yard "bob,no good"
exits 2 "which" "$sds" set --home "$work/alice"
exits 2 "there is no such set" "$sds" send --home "$work/alice" --to @shed --cover "$cover" x
exits 2 "a set has 256 at most" "$sds" set --home "$work/alice" add yard "$(seq -s, -f 'd%g' 254)"
exits 2 "more than 256" "$sds" send --home "$work/alice" --cover "$cover" \
    --to "$(seq -s, -f 'd%g' 257)" x
sends @yard --profile sealed "to the yard" || fail "send: $?"
all '.status == "receipted"'
set_of remove yard carol || fail "remove"
sends @yard --profile sealed "without carol" || fail "send: $?"
[ "$(jq -r .to "$work/send.out" | sort | paste -sd,)" = bob,dave ] || fail "two are left"
sends carol,@yard "to all again" || fail "send: $?"
received carol 5
[ "$(tail -n 2 "$work/carol.out" | jq -r .text | paste -sd,)" = "to the yard,to all again" ] ||
    fail "what carol got"
"$sds" set --home "$work/alice" list | grep -qx "yard: bob dave" || fail "list"
set_of remove yard bob,dave || fail "remove all"
[ -z "$("$sds" set --home "$work/alice" list)" ] || fail "a set without members is gone"
ok "named sets"

# A member that nobody knows, and one that has lost its session: their trouble only.
code=0
sends bob,nobody,carol "not for nobody" || code=$?
[ $code -eq 3 ] || fail "exit $code, not 3"
[ "$(jq -r '.to + " " + .status' "$work/send.out" | paste -sd,)" = \
    "bob receipted,nobody rejected,carol receipted" ] || fail "an unknown member"
stop "$bob"
query bob/state.db "DELETE FROM recv_session RETURNING 1" >/dev/null
receive bob
bob=$pid
code=0
sends bob,carol "lost by bob" || code=$?
[ $code -eq 3 ] || fail "exit $code, not 3"
[ "$(jq -r '.to + " " + .status' "$work/send.out" | paste -sd,)" = \
    "bob rejected,carol receipted" ] || fail "a member that lost its session"
sends bob,carol "found again" || fail "send: $?"
[ "$(jq -r 'select(.verified).text' "$work/bob.out" | tail -n 1)" = "found again" ] ||
    fail "what bob got"
ok "members in trouble"

# Kept by the cloud: each member reads its own messages again, and only those; stored once. What is
# altered meanwhile is not shown.
history() {
    "$sdr" history --home "$work/$1" --from alice --json >"$work/history.out" || fail "history: $?"
}
for name in bob:"to the yard,without carol,to all again" carol:"to the yard,to all again" \
    dave:"to the yard,without carol,to all again"; do
    history "${name%%:*}"
    jq -se 'all(.verified)' "$work/history.out" >/dev/null || fail "all of $name verifies"
    [ "$(jq -r .text "$work/history.out" | grep -E "yard|carol|all again" | paste -sd,)" = \
        "${name#*:}" ] || fail "the history of $name"
done
[ "$(query cloud/cloud.db "SELECT count(DISTINCT common) FROM kept WHERE common <> 0")" -eq \
    "$(query cloud/cloud.db "SELECT count(*) FROM commons")" ] || fail "what is kept is stored once"
python3 $here/tamper.py "$work/cloud/cloud.db" kept >/dev/null
code=0
"$sdr" history --home "$work/carol" --from alice --json >"$work/history.out" || code=$?
[ $code -eq 3 ] || fail "exit $code, not 3"
jq -se 'map(select(.verified == false)) | length > 3 and all(.text == null)' "$work/history.out" \
    >/dev/null || fail "what was altered is not shown"
ok "kept, and read again by each"

# One member's full mailbox is not the others'; a profile whose keys turn has no sets.
stop "$bob"
stop "$cloud"
start_cloud --hop any --retain 1 --mailbox-packages 4
wait_for "carol is back" is_attached carol receive
tap
sends bob --no-wait "fills" || fail "send: $?"
sends bob --no-wait "it" || fail "send: $?"
code=0
sends bob,carol,dave --timeout 5 "where there is room" || code=$?
[ $code -eq 1 ] || fail "exit $code, not 1"
[ "$(jq -r '.to + " " + .status' "$work/send.out" | sort | paste -sd,)" = \
    "bob queued,carol receipted,dave receipted" ] || fail "bob's mailbox is full"
receive bob
bob=$pid
wait_for "bob's mailbox is empty" mailbox_has bob 0
sends bob "and then" || fail "send: $?"
[ "$(jq -r .text "$work/bob.out" | paste -sd,)" = "fills,it,where there is room,and then" ] ||
    fail "what bob got"
exits 2 "cannot go to several receivers" "$sds" send --home "$work/alice" --to bob,carol \
    --cover "$cover" --profile paper --allow-research x
[ "$(query cloud/cloud.db "SELECT count(*) FROM packages")" -eq 0 ] || fail "all is delivered"
ok "a full mailbox, and a profile without sets"

# A member that is revoked with a message under way: told so, and the others are not touched.
stop "$bob"
sends bob,carol --no-wait "before" || fail "send: $?"
"$cloudd" revoke --home "$work/cloud" bob >/dev/null
code=0
sends bob,carol "after" || code=$?
[ $code -eq 3 ] || fail "exit $code, not 3"
[ "$(jq -r '.to + " " + .status' "$work/send.out" | paste -sd,)" = \
    "bob rejected,carol receipted" ] || fail "a revoked member"
grep -q "an earlier message to bob.*: expired" "$work/send.err" || fail "what was under way"
[ "$(tail -n 2 "$work/carol.out" | jq -r .text | paste -sd,)" = before,after ] || fail "carol's"
ok "a revoked member"

# The common part lives as long as the last package that is kept.
[ "$(query cloud/cloud.db "SELECT count(*) FROM commons")" -ge 1 ] || fail "some are kept"
stop "$cloud"
for name in carol dave erin; do
    "$cloudd" revoke --home "$work/cloud" $name >/dev/null
done
[ "$(query cloud/cloud.db "SELECT count(*) FROM commons")" -eq 0 ] || fail "nothing names them"
ok "gone with the last"
