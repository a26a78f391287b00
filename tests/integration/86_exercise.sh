#!/usr/bin/env bash
# 86_exercise.sh - docs/exercise.md, word for word: its blocks marked `sh terminal-N` run in their
# order, with HOME a fresh folder and free ports. The forgery against paper must work in the end, and
# none against auth.
set -eu

work=$(mktemp -d)
export HOME=$work/home
unset MAKEFLAGS MAKELEVEL
mkdir "$HOME" "$work/bin"
ln -s /usr/bin/python3 "$work/bin/python3" # Debian's
PATH=$work/bin:$PATH
groups=()
names=()

stop() { # NAME
    local i

    for i in "${!names[@]}"; do
        if [ "${names[i]}" = "$1" ]; then
            kill -INT -- "-${groups[i]}" 2>/dev/null || true
            kill -TERM -- "-${groups[i]}" 2>/dev/null || true
            wait "${groups[i]}" 2>/dev/null || true
            names[i]=
        fi
    done
}

clean_up() {
    local i

    for i in "${!names[@]}"; do
        [ -z "${names[i]}" ] || stop "${names[i]}"
    done
    rm -rf "$work"
}
trap clean_up EXIT

fail() {
    echo "not ok: $*"
    tail -n 20 "$work"/*.said
    exit 1
}

# wait_for WHAT COMMAND...: 30 s at most
wait_for() {
    local what=$1

    shift
    for _ in $(seq 300); do
        ! "$@" >/dev/null 2>&1 || return 0
        sleep 0.1
    done
    fail "in vain waited for: $what"
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Blocks 1, 2, ... as files, and their terminals as an array.
extract_blocks() {
    awk -v folder="$work" '
        /^```sh terminal-/ { file = folder "/block-" ++n; sub(/.*terminal-/, ""); print; next }
        /^```/ { file = "" }
        file { print > file }' docs/exercise.md >"$work/terminals"
    mapfile -t terminals <"$work/terminals"
    sed -i "s/7717/$cloud/g; s/7718/$proxy/g" "$work"/block-*
}

run_block() { # N: to its end
    bash -e "$work/block-$1" >"$work/$1.said" 2>&1 </dev/null || fail "block $1 of the exercise"
}

start_block() { # N: its last command stays
    set -m
    PYTHONUNBUFFERED=1 bash -e "$work/block-$1" >"$work/$1.said" 2>&1 </dev/null &
    set +m
    groups+=($!)
    names+=("$1")
}

cloud=$(free_port)
proxy=$(free_port)
extract_blocks
[ "${terminals[*]}" = "1 2 3 4 5 5 2 4 4" ] || fail "the blocks are not those that this test knows"

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
timeout 240 bash -e "$work/block-8" >"$work/8.said" 2>&1 || fail "no forgery in time"
grep -q "^deceived after" "$work/8.said" || fail "alice was not deceived"
grep -q 'Pay mallory 1000\.' "$work/3.said" || fail "bob does not show the forged message"
echo "ok - $(grep '^deceived' "$work/8.said")"
before=$(grep -c 'Pay mallory' "$work/3.said")
run_block 9
grep -q . "$work/9.said" || fail "no word of auth"
! grep -q receipted "$work/9.said" || fail "a forgery against auth was delivered"
[ "$(grep -c 'Pay mallory' "$work/3.said")" -eq "$before" ] || fail "auth was forged"
echo "ok - none of a hundred against auth"
