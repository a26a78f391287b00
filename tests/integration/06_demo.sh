#!/usr/bin/env bash
# 06_demo.sh - scripts/demo: it tells its story to the end, the pictures show what it says, and
# neither a process nor a file of its state is left, also when it is stopped in the middle.
set -eu

work=$(mktemp -d)
mkdir "$work/tmp"
export TMPDIR=$work/tmp
unset MAKEFLAGS MAKELEVEL
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP

fail() {
    echo "not ok: $*"
    tail -n 30 "$work/said"
    exit 1
}

# The state folders of all processes of the demo lie below TMPDIR and stand in their arguments.
nothing_is_left() {
    [ -z "$(ls -A "$TMPDIR")" ] || fail "files are left: $(ls "$TMPDIR")"
    ! grep -qsF -- "$TMPDIR/" /proc/[0-9]*/cmdline || fail "a process is left"
}

# compare NAME: of a picture in demo-out/, its cover: how many pixels differ
compare() {
    build/sds lab compare tests/data/covers/chelsea-256.png "demo-out/$1.png" --json |
        jq .changed_pixels
}

rm -f demo-out/*.png
scripts/demo >"$work/said" 2>&1 || fail "scripts/demo ends with $?"
[ "$(grep -c 'reads, verified: "' "$work/said")" -eq 7 ] || fail "not seven messages"
[ "$(grep -c 'profile auth, suite none' "$work/said")" -eq 4 ] || fail "auth is not shown"
[ "$(grep -c 'profile sealed, suite xchacha20-poly1305' "$work/said")" -eq 2 ] || fail "sealed is not shown"
grep -q 'files of the cloud reads: "No sugar."' "$work/said" || fail "auth can be read at the cloud"
[ "$(grep -c 'files of the cloud does not find the words' "$work/said")" -eq 1 ] ||
    fail "sealed cannot be read at the cloud"
[ "$(grep -c "'s terminal shows:  [a-z]*: [A-Z]" "$work/said")" -eq 3 ] || fail "not a conversation"
nothing_is_left
echo "ok - seven messages are delivered, two devices talk, nothing is left"

changed=$(sed -n 's/.* by changing \([0-9]*\) pixels.*/\1/p' "$work/said" | head -n 1)
[ "$(compare cover)" -eq 0 ] || fail "cover.png is not the cover"
[ "$changed" -gt 0 ] || fail "no pixel is said to be changed"
[ "$(compare stego)" -eq "$changed" ] || fail "stego.png is not what was said"
for name in difference contact-sheet; do
    [ -s "demo-out/$name.png" ] || fail "$name.png is missing"
done
echo "ok - the pictures show what was said"

scripts/demo >"$work/said" 2>&1 &
pid=$!
for _ in $(seq 200); do
    ! grep -q '^3\.' "$work/said" || break
    sleep 0.05
done
kill -TERM "$pid"
! wait "$pid" || fail "scripts/demo succeeds although it was stopped"
nothing_is_left
echo "ok - stopped in the middle, nothing is left"
