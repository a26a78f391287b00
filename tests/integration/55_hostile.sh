#!/usr/bin/env bash
# A cloud that lies against the real sds and sdr: frames that cannot be read, edited terms, swapped
# keys, forged results and receipts, altered packages. The devices refuse with a word that says why,
# and never show or report what is not so.
set -eu

build=${BUILD:-build}
driver=${DRIVERS:-build/plain/drivers}/hostile_cloud
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP

fail() {
    echo "not ok: $*" >&2
    tail -n 20 "$work"/err "$work"/said "$work"/cloud >&2 || true
    exit 1
}

# against SCENARIO STATUS COMMAND...: the hostile cloud, and a device's command against it
against() {
    local scenario=$1 want=$2 rc=0 cloud

    shift 2
    home=$work/$scenario
    : >"$work/cloud"
    "$driver" "$home" "$scenario" >"$work/cloud" 2>&1 &
    cloud=$!
    for _ in $(seq 400); do
        ! grep -q ready "$work/cloud" || break
        sleep 0.05
    done
    "$@" --home "$home" >"$work/said" 2>"$work/err" || rc=$?
    [ "$rc" -eq "$want" ] || fail "$scenario: exit $rc, not $want"
    wait "$cloud" || fail "$scenario: the device did not do what it should"
}

says() {
    grep -qF -- "$1" "$work/err" || fail "\"$1\" was not said"
}

send() {
    "$build/sds" send --to bob --cover "$home/cover.pgm" --json "$@" hello
}

never() {
    ! grep -q "$1" "$work/said" || fail "stdout has $1"
}

against frames 1 send
says "not legal now"
says "damaged or forged"
says "cannot read"
if LC_ALL=C grep -q $'[\x1b\x9b]' "$work/err"; then
    fail "the cloud steers the terminal"
fi
never receipted

against terms 1 send
says "a check of the negotiation failed"
never receipted

against key 1 send
says "--accept-key bob="
never receipted

against result 1 send
says "a check of the negotiation failed"
never '"session"'

against receipts 1 send
says "our state is older"
never '"status":"receipted"'
never '"status":"rejected"'

against unsaved 0 send
says "could not be saved"

# A cloud that steers the choice of a suite: towards a weaker one, none, or another profile.
against suites 1 send --profile sealed
says "a check of the negotiation failed"
never receipted
against steered 1 send --profile sealed
says "a check of the negotiation failed"
says "the cloud allows only these suites: chacha20-poly1305"
never receipted
never '"session"'

against nosuite 3 send --profile sealed
says "no suite in common: alice has xchacha20-poly1305,"
says "; bob has chacha20-poly1305,200; the cloud allows none"

# A sealed message at a cloud that tries every secret it has.
against read 0 send --profile sealed

# Altered packages before and after the genuine one, which comes twice and is shown once.
against bob 3 timeout 60 "$build/sdr" run --json --count 9
[ "$(grep -c '"verified":false' "$work/said")" = 8 ] || fail "the altered packages"
[ "$(grep -c '"verified":true.*"text":"genuine"' "$work/said")" = 1 ] || fail "the genuine one"
never forgery

against forge 3 timeout 60 "$build/sdr" run --json --count 9
[ "$(grep -c '"verified":false' "$work/said")" = 8 ] || fail "the altered sealed packages"
[ "$(grep -c '"profile":"sealed".*"verified":true.*"text":"genuine"' "$work/said")" = 1 ] ||
    fail "the genuine sealed one"
never forgery

# A message to a set, with another member in league with the cloud: she has the key of the part that
# all of them get, and can make another one that fits it.
against set 3 timeout 60 "$build/sdr" run --json --count 32
says "a package that cannot be read"
[ "$(grep -c '"verified":false' "$work/said")" = 30 ] || fail "forged messages to a set"
[ "$(grep -c '"verified":true.*"text":"genuine"' "$work/said")" = 2 ] || fail "one in each profile"
never forgery

# A history that is none.
history() {
    timeout 60 "$build/sdr" history --from alice --json "$@"
}

against history 1 history
says "other packages than were asked for"
[ "$(grep -c '"verified":false' "$work/said")" = 2 ] || fail "the two that were not shown"
never '"verified":true'
never forgery
against flood 1 history --limit 2
says "other packages than were asked for"
[ "$(wc -l <"$work/said")" = 2 ] || fail "--limit against a cloud that sends more"
against promise 1 history
says "promises packages and sends none"
against intruder 1 history
says "not legal now"
echo "hostile: the devices believed nothing"
