#!/usr/bin/env bash
# 24_history.sh - packages that the cloud keeps after they were verified, and that the receiver reads
# again: each once and in order, over a restart of the cloud; what was altered in the cloud's
# database or is not this device's is never shown; what is too old, or no longer to be kept, is gone.
set -eu
. tests/integration/lib.sh

# history OPTION...: sdr history of alice's messages to bob; its code in $code.
history() {
    code=0
    "$sdr" history --home "$work/bob" --from alice --json "$@" \
        >"$work/history.out" 2>"$work/history.err" </dev/null || code=$?
}

# shows TEXT...: the last history showed these, in this order, and nothing else.
shows() {
    [ $code -eq 0 ] || fail "history: exit $code"
    [ $# -eq 0 ] || printf '%s\n' "$@" >"$work/want"
    [ $# -gt 0 ] || : >"$work/want"
    jq -r 'if .verified then .text else "not verified: " + .reason end' "$work/history.out" |
        cmp -s - "$work/want" || fail "history shows: $(tr '\n' ';' <"$work/history.out")"
}

# says TEXT: the last history said so on stderr.
says() {
    grep -qF -- "$1" "$work/history.err" || fail "history does not say: $1"
}

# in_cloud SQL: in the cloud's database; prints the first column of the first row.
in_cloud() {
    python3 - "$work/cloud/cloud.db" "$1" <<'END'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
row = db.execute(sys.argv[2]).fetchone()
db.commit()
print("" if row is None else row[0])
END
}

# kept PROPERTY: of bob's mailbox, as the operator sees it.
kept() {
    "$cloudd" mailbox --home "$work/cloud" --json | jq -r "select(.id == \"bob\").$1"
}

kept_is() {
    [ "$(kept kept_packages)" = "$1" ]
}

start_cloud --retain 7
enrol alice 1
enrol bob 2
history
shows
says "nothing from alice is kept"

# Some while bob is there (the package goes to him before it is written), some from the mailbox.
receive bob --inbox "$work/inbox"
bob=$pid
want=()
for n in 1 2 3; do
    send alice bob "message $n" || fail "send: $?"
    is '.status == "receipted"'
    want+=("message $n")
done
history
shows "${want[@]}"
ok "history while sdr run is running on the same home"
stop "$bob"
for n in 4 5; do
    send alice bob --no-wait "message $n" || fail "send --no-wait: $?"
    want+=("message $n")
done
receive bob
bob=$pid
received bob 2
stop "$bob"
wait_for "5 kept" kept_is 5
[ "$(kept packages)" = 0 ] || fail "what is kept counts as waiting"
[ "$(kept kept_bytes)" -gt 5000 ] || fail "kept bytes: $(kept kept_bytes)"
stop_cloud
start_cloud --retain 7
history
shows "${want[@]}"
[ "$(jq -s '[.[].seq] == [1, 2, 3, 4, 5] and all(.from == "alice")' "$work/history.out")" = true ] ||
    fail "names and numbers"
history
shows "${want[@]}"
ok "all messages, once and in order, also after a restart of the cloud"

history --since 3
shows "message 4" "message 5"
history --limit 2
shows "message 1" "message 2"
history --since 1 --limit 1
shows "message 2"
history --since 5
shows
code=0
"$sdr" history --home "$work/bob" --from alice >"$work/history.out" 2>"$work/history.err" || code=$?
[ "$code $(head -n 1 "$work/history.out")" = "0 alice: message 1" ] || fail "text for people"
history --inbox "$work/again"
shows "${want[@]}"
for file in "$work"/inbox/*; do
    cmp "$file" "$work/again/$(basename "$file")" || fail "another file than when it came"
done
[ "$(find "$work/again" -type f | wc -l)" -eq 10 ] || fail "ten files"
ok "--since, --limit, --inbox and text"

exits 2 "--from ID" "$sdr" history --home "$work/bob"
exits 2 "--from ID" "$sdr" history --home "$work/bob" --from "No Id"
exits 2 "--limit" "$sdr" history --home "$work/bob" --from alice --limit 0
exits 2 "--retain" "$cloudd" run --home "$work/cloud" --retain 0
exits 2 "--retain" "$cloudd" run --home "$work/cloud" --retain 366
exits 0 "nothing from carol is kept" "$sdr" history --home "$work/bob" --from carol
exits 0 "nothing from bob is kept" "$sdr" history --home "$work/alice" --from bob
ok "what it refuses"

# A sealed message: the cloud has no text, bob's record has it.
receive bob --count 1
send alice bob --profile sealed "sealed message" || fail "send sealed: $?"
ends "$pid"
wait_for "6 kept" kept_is 6
history --since 5
shows "sealed message"
python3 - "$work/bob/state.db" <<'END'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("UPDATE inbox SET received = received - 31 * 86400 * 1000000")
db.commit()
END
receive bob
wait_for "bob" is_attached bob receive
stop "$pid"
history --since 5
[ "$code" -eq 0 ] && [ "$(jq -c '[.verified, .gone, .text]' "$work/history.out")" = '[true,true,null]' ] ||
    fail "a sealed message whose text is gone: $(cat "$work/history.out")"
history --limit 5
shows "${want[@]}"
ok "sealed: the text of this device's own record, while it has it"

# The cloud's operator changes what is kept: a pixel, a header, and rows.
stop_cloud
in_cloud "UPDATE kept SET body = CAST(substr(body, 1, length(body) - 1) || x'a5' AS BLOB)
    WHERE seq = 2" >/dev/null
in_cloud "UPDATE kept SET body = x'00' WHERE seq = 3" >/dev/null
in_cloud "UPDATE kept SET body = (SELECT body FROM kept WHERE seq = 1), seq = 4
    WHERE seq = 4" >/dev/null
in_cloud "UPDATE kept SET body = CAST(substr(body, 1, 2) || x'ee' || substr(body, 4) AS BLOB)
    WHERE seq = 5" >/dev/null
start_cloud --retain 7
history --limit 5
[ $code -eq 3 ] || fail "altered packages: exit $code"
[ "$(jq -r 'if .verified then .text else .reason end' "$work/history.out" | head -n 4 | sed 's/:.*//')" = \
"message 1
it is not the package that was verified
what the cloud kept is no package
this device has no record of it" ] || fail "altered: $(cat "$work/history.out")"
[ "$(jq -r 'select(.verified == false) | has("text") or has("message_b64")' "$work/history.out" |
    sort -u)" = false ] || fail "text of what was altered"
exits 3 "" "$sdr" history --home "$work/bob" --from alice
grep -q "is not shown" "$work/said" || fail "no word of what is not shown"
ok "what was altered at the cloud is not shown, and what it doubled only once"

# Seven days and an hour later: the cloud deletes it, at the latest when it starts.
in_cloud "UPDATE kept SET kept_at = kept_at - 7 * 86400 - 3600 WHERE seq <= 3" >/dev/null
stop_cloud
start_cloud --retain 7
wait_for "expiry" kept_is 3
# Not to be kept any more: nothing is left of it.
stop_cloud
start_cloud
wait_for "nothing kept" kept_is 0
[ "$(in_cloud 'SELECT COUNT(*) FROM kept')" = 0 ] || fail "rows are left"
history
shows
says "this cloud keeps no packages"
receive bob --count 1
send alice bob "not kept" || fail "send: $?"
ends "$pid"
kept_is 0 || fail "kept without --retain"
ok "expiry, and a cloud that keeps nothing"

# Revoked, the receiver's history goes with it; what a revoked sender sent stays the receiver's.
stop_cloud
start_cloud --retain 1
for n in 1 2; do
    send alice bob --no-wait "late $n" || fail "send: $?"
done
receive bob --count 2
ends "$pid"
wait_for "2 kept" kept_is 2
"$cloudd" revoke --home "$work/cloud" alice
history
shows "late 1" "late 2"
"$cloudd" revoke --home "$work/cloud" bob
[ "$(in_cloud 'SELECT COUNT(*) FROM kept')" = 0 ] || fail "kept for a revoked device"
[ "$(in_cloud "SELECT packages + bytes FROM kept_counts WHERE receiver = ''")" = 0 ] ||
    fail "counts after revocation"
history
[ $code -eq 1 ] || fail "a revoked device reads: exit $code"
says "not enrolled"
stop_cloud
exits 1 "is cloudd running" "$sdr" history --home "$work/bob" --from alice
ok "revocation, and no cloud"
