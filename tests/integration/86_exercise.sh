#!/usr/bin/env bash
# 86_exercise.sh - docs/exercise.md, word for word, on ports that are free. The forgery against paper
# must work in the end, and none against auth.
set -eu
. tests/integration/blocks.sh

mkdir "$work/bin"
ln -s /usr/bin/python3 "$work/bin/python3" # Debian's
PATH=$work/bin:$PATH

cloud=$(free_port)
proxy=$(free_port)
extract_blocks docs/exercise.md "1 2 3 4 5 5 2 4 4"
use_port 7717 "$cloud"
use_port 7718 "$proxy"

start_block 1
wait_for "the cloud" grep -q "^listening 127.0.0.1:$cloud" "$work/1.said"
start_block 2
wait_for "the attacker" grep -q "^listening 127.0.0.1:$proxy" "$work/2.said"
start_block 3
wait_for "bob" grep -q "cloud -> bob  ATTACHED" "$work/2.said"
start_block 4
wait_for "a package is held" grep -q "^held:" "$work/2.said"
# The two blocks of the fifth terminal, which share its variables.
cat "$work/block-5" "$work/block-6" >"$work/block-hand"
run_block hand
grep -q 'Pay carol 10\.' "$work/hand.said" || fail "the message is not in message.txt"
grep -qE '^3[0-9]{7}[0-9a-f]{8}$' "$work/hand.said" || fail "no MACLESS in the picture"
wait_for "bob's word" grep -qE 'Pay mallory 1000|does not match|not verified|rejected' "$work/3.said"
echo "ok - one forgery by hand, and bob's word on it"
stop 4
stop 2
start_block 7
wait_for "the attacker" grep -q "^listening" "$work/7.said"
# One try in 311 deceives him, so a slow machine may well need minutes.
timeout --foreground 800 bash -e "$work/block-8" >"$work/8.said" 2>&1 || fail "no forgery in time"
grep -q "^deceived after" "$work/8.said" || fail "alice was not deceived"
grep -q 'Pay mallory 1000\.' "$work/3.said" || fail "bob does not show the forged message"
echo "ok - $(grep '^deceived' "$work/8.said")"
before=$(grep -c 'Pay mallory' "$work/3.said")
run_block 9
grep -q . "$work/9.said" || fail "no word of auth"
! grep -q receipted "$work/9.said" || fail "a forgery against auth was delivered"
[ "$(grep -c 'Pay mallory' "$work/3.said")" -eq "$before" ] || fail "auth was forged"
echo "ok - none of a hundred against auth"
