#!/usr/bin/env bash
# 05_readme.sh - the session by hand of README.md, word for word, on a port that is free.
set -eu
. tests/integration/blocks.sh

enrolled() {
    build/cloudd devices --home "$HOME/inkpost/cloud" --json | grep -q "\"id\":\"$1\""
}

in_inbox() {
    [ "$(find "$HOME/inkpost/inbox" -name '*.pgm' | wc -l)" -eq "$1" ]
}

port=$(free_port)
extract_blocks README.md "1 2 3 3 2 2 3"
use_port 7717 "$port"

start_block 1
wait_for "the cloud" grep -q "^listening 127.0.0.1:$port" "$work/1.said"
start_block 2
wait_for "bob's enrolment" enrolled bob
run_block 3
grep -q bob "$work/3.said" || fail "peers does not show bob"
wait_for "three stego images" in_inbox 3
grep -q 'The kettle is on\.' "$work/2.said" || fail "bob does not show the message"
grep -q 'Two cups, please\.' "$work/2.said" || fail "bob does not show the second message"
grep -q 'The key is under the mat\.' "$work/2.said" || fail "bob does not show the sealed message"
echo "ok - three messages arrive"

stop 2
run_block 4
start_block 5
wait_for "the fourth message" grep -q 'Bring milk\.' "$work/5.said"
in_inbox 4 || fail "not every stego image is in the inbox"
echo "ok - and one that was sent while bob was away"

stop 5
mkfifo "$work/bob.tty" "$work/alice.tty"
exec 7<>"$work/bob.tty" 8<>"$work/alice.tty"
start_block 6 "$work/bob.tty"
wait_for "the pictures" test -s "$HOME/inkpost/pictures/rocket-128.png"
start_block 7 "$work/alice.tty"
echo "hello" >&8
wait_for "hello" grep -qx "alice: hello" "$work/6.said"
echo "hello yourself" >&7
wait_for "an answer" grep -qx "bob: hello yourself" "$work/7.said"
wait_for "its receipt" grep -q "^to bob: receipted after .* ms" "$work/7.said"
echo "ok - and two terminals are a conversation"
