#!/usr/bin/env bash
# cloudd against devices played by hand: what good ones do, and what bad ones try. Malformed, cut,
# oversized, forged and out-of-order frames; silent peers; crowds; full mailboxes; revocation; a
# stop in the middle; and the operator's own mistakes.
set -eu

build=${BUILD:-build}
cloudd=$build/cloudd
probe=${DRIVERS:-build/plain/drivers}/cloud_probe
scans=tests/data/signatures
work=$(mktemp -d)
home=$work/home
pid=
trap '[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null || true; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP

fail() {
    echo "not ok: $*" >&2
    [ ! -f "$work/err" ] || tail -n 30 "$work/err" >&2
    exit 1
}

# start OPTION...: a cloud at a free port; sets pid and at
start() {
    : >"$work/out" # what the cloud before this one said must not count
    "$cloudd" run --home "$home" --listen 127.0.0.1:0 "$@" >"$work/out" 2>"$work/err" &
    pid=$!
    for _ in $(seq 400); do
        at=$(sed -n 's/^listening //p' "$work/out")
        [ -z "$at" ] || return 0
        sleep 0.05
    done
    fail "cloudd did not start"
}

stop() {
    kill -TERM "$pid"
    wait "$pid" || fail "cloudd ended with $?"
    pid=
}

play() {
    "$probe" "$at" "$key" "$@" || fail "scenario $*"
}

# is_ready FILE: a scenario in the background, whose output this is, waits for what we do now.
is_ready() {
    for _ in $(seq 400); do
        ! grep -q ready "$1" || return 0
        sleep 0.05
    done
    fail "a scenario is not ready: $(cat "$1")"
}

token() {
    "$cloudd" invite --home "$home" "$@" | sed -n 's/^token //p'
}

# exits STATUS TEXT COMMAND...: the status, and the text in what it says on stderr
exits() {
    local want=$1 text=$2 rc=0

    shift 2
    "$@" >"$work/said" 2>&1 || rc=$?
    [ "$rc" -eq "$want" ] || fail "exit $rc, not $want: $*: $(cat "$work/said")"
    grep -qF -- "$text" "$work/said" || fail "\"$text\" is not in: $(cat "$work/said")"
}

reason() {
    sed -n "s/^REASON($1, \([0-9]*\),.*/\1/p" proto/reasons.def
}

# The home and the operator's mistakes.
exits 1 "cloudd init" "$cloudd" run --home "$home"
key=$("$cloudd" init --home "$home" | sed -n 's/^cloud-key \([0-9a-f]\{64\}\)$/\1/p')
[ -n "$key" ] || fail "no cloud-key"
[ "$(stat -c %a "$home")" = 700 ] || fail "the home is open"
[ "$(stat -c %a "$home/cloud.key")" = 600 ] || fail "the key is open"
exits 1 "already" "$cloudd" init --home "$home"
exits 2 "Alice" "$cloudd" invite --home "$home" Alice
exits 2 "--home" "$cloudd" devices
exits 2 "--bogus" "$cloudd" run --home "$home" --bogus
exits 2 "no command" "$cloudd" frobnicate
exits 2 "--max-message" "$cloudd" run --home "$home" --max-message 99999999
exits 3 "nobody" "$cloudd" revoke --home "$home" nobody
exits 0 "usage" "$cloudd" help
for command in init run invite devices sessions mailbox revoke help; do
    exits 0 "usage" "$cloudd" "$command" --help
done
chmod 750 "$home"
exits 1 "chmod 700" "$cloudd" run --home "$home"
chmod 700 "$home"
chmod 640 "$home/cloud.key"
exits 1 "chmod 600" "$cloudd" run --home "$home"
chmod 600 "$home/cloud.key"
printf '9\n' >"$work/version.new"
cp "$home/version" "$work/version.old"
cp "$work/version.new" "$home/version"
exits 1 "version" "$cloudd" devices --home "$home"
cp "$work/version.old" "$home/version"

# Enrolment: the token and the scan.
start --hop any --open-rate 1000000
exits 1 "another cloudd" "$cloudd" run --home "$home"
"$cloudd" init --home "$work/other" >/dev/null
exits 1 "in use" "$cloudd" run --home "$work/other" --listen "$at"
ta=$(token alice)
play enrol-fails alice "$(printf '0%.0s' $(seq 32))" $scans/synth1a.pgm "$(reason TOKEN_WRONG)"
play enrol-fails bob "$ta" $scans/synth1a.pgm "$(reason TOKEN_WRONG)"
play enrol-blank alice "$ta"
play enrol alice "$ta" $scans/synth1a.pgm
play enrol alice "$ta" $scans/synth1a.pgm # the answer was lost: again, by the same key and id
play enrol-fails carol "$ta" $scans/synth3a.pgm "$(reason TOKEN_WRONG)"
exits 3 "alice" "$cloudd" invite --home "$home" alice
tb=$(token bob)
play enrol-fails bob "$tb" $scans/synth1a.pgm "$(reason SIGNATURE_TAKEN)"
play enrol bob "$tb" $scans/synth2a.pgm
tc=$(token carol --ttl 1)
sleep 2
play enrol-fails carol "$tc" $scans/synth3a.pgm "$(reason TOKEN_EXPIRED)"
if grep -qF -e "$ta" -e "$tb" "$work/err" || grep -qaF -e "$ta" "$home/cloud.db"; then
    fail "a token was logged or stored"
fi

# What good devices do, on both kinds of hop.
play no-open
play flow alice bob
play negotiation alice bob
play repeats alice bob 2000
play flood alice bob 10000
[ "$("$cloudd" devices --home "$home" --json | grep -c '"revoked":false')" = 2 ] || fail devices
"$cloudd" sessions --home "$home" --json | grep -q '"from":"alice","to":"bob"' || fail sessions
"$cloudd" mailbox --home "$home" --json | grep -q '"id":"bob","packages":0,"bytes":0' || fail mailbox
stop
grep -q ' info stopped$' "$work/err" || fail "no word of the end"

# Limits, lies and what cannot be read.
start --mailbox-packages 3 --sender-share 100 --max-message 1000 --retain 1
play preauth
play postauth alice
play lies alice bob
play sets alice bob
play full bob alice

# Copies that somebody altered on the cloud's disk.
play put alice bob
stop
python3 - "$home/cloud.db" <<'END'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
rows = db.execute("SELECT number, body FROM packages ORDER BY number").fetchall()
assert len(rows) == 3
index = 1 + 1 + 32 + 1  # behind profile, codec, session, direction
bodies = [bytearray(body) for _, body in rows]
bodies[0][index + 7] = 99
del bodies[1][-5:]
bodies[2][-1] ^= 1
for (number, _), body in zip(rows, bodies):
    db.execute("UPDATE packages SET body = ? WHERE number = ?", (bytes(body), number))
db.commit()
END
start
play altered alice bob
stop
"$cloudd" init --home "$work/small" >/dev/null
start --max-connections 5
play crowd 5
stop # what the crowd left open must not count in the limit of the next
start
play silent &
quiet=$!

# Revocation while it is running, then a stop with a device attached.
"$probe" "$at" "$key" revoked alice bob >"$work/revoked" 2>&1 &
revoked=$!
is_ready "$work/revoked"
"$cloudd" revoke --home "$home" bob
wait "$revoked" || fail "revoked: $(cat "$work/revoked")"
wait "$quiet" || fail "a silent peer"
"$probe" "$at" "$key" term alice >"$work/term" 2>&1 &
term=$!
is_ready "$work/term"
stop
wait "$term" || fail "term: $(cat "$work/term")"
echo "cloudd_abuse: all scenarios as they should be"
