#!/usr/bin/env bash
# 05_readme.sh - the session by hand of README.md, word for word: its blocks marked `sh terminal-N`
# run in their order, with HOME a fresh folder and the port a free one.
set -eu

work=$(mktemp -d)
export HOME=$work/home
unset MAKEFLAGS MAKELEVEL
mkdir "$HOME"
groups=()

stop_groups() {
    local group

    for group in "${groups[@]}"; do
        kill -TERM -- "-$group" 2>/dev/null || true
        wait "$group" 2>/dev/null || true
    done
    groups=()
}
trap 'stop_groups; rm -rf "$work"' EXIT

fail() {
    echo "not ok: $*"
    tail -n 20 "$work"/*.said
    exit 1
}

# wait_for WHAT COMMAND...: 20 s at most
wait_for() {
    local what=$1

    shift
    for _ in $(seq 200); do
        ! "$@" >/dev/null 2>&1 || return 0
        sleep 0.1
    done
    fail "in vain waited for: $what"
}

# A port that was free a moment ago: one that a cloudd was given.
free_port() {
    build/cloudd init --home "$work/probe" >/dev/null
    build/cloudd run --home "$work/probe" --listen 127.0.0.1:0 >"$work/probe.out" 2>/dev/null &
    wait_for "a port" grep -q '^listening' "$work/probe.out"
    kill -TERM $!
    wait $!
    port=$(sed -n 's/^listening .*://p' "$work/probe.out")
}

# Blocks 1, 2, ... as files, and their terminals as an array.
extract_blocks() {
    awk -v folder="$work" '
        /^```sh terminal-/ { file = folder "/block-" ++n; sub(/.*terminal-/, ""); print; next }
        /^```/ { file = "" }
        file { print > file }' README.md >"$work/terminals"
    mapfile -t terminals <"$work/terminals"
    sed -i "s/127\.0\.0\.1:7717/127.0.0.1:$port/" "$work"/block-*
}

# run_block N: to its end.
run_block() {
    bash -e "$work/block-$1" >"$work/$1.said" 2>&1 </dev/null || fail "block $1 of the README"
}

# start_block N [TERMINAL]: its last command stays. TERMINAL is what it reads from.
start_block() {
    set -m
    bash -e "$work/block-$1" >"$work/$1.said" 2>&1 <"${2:-/dev/null}" &
    set +m
    groups+=($!)
}

enrolled() {
    build/cloudd devices --home "$HOME/inkpost/cloud" --json | grep -q "\"id\":\"$1\""
}

in_inbox() {
    [ "$(find "$HOME/inkpost/inbox" -name '*.pgm' | wc -l)" -eq "$1" ]
}

free_port
extract_blocks
[ "${terminals[*]}" = "1 2 3 3 2 2 3" ] || fail "the README's blocks are not those that this test knows"

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

kill -TERM -- "-${groups[1]}"
wait "${groups[1]}" || true
run_block 4
start_block 5
wait_for "the fourth message" grep -q 'Bring milk\.' "$work/5.said"
in_inbox 4 || fail "not every stego image is in the inbox"
echo "ok - and one that was sent while bob was away"

kill -TERM -- "-${groups[2]}"
wait "${groups[2]}" || true
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
