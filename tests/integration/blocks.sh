# blocks.sh - for tests that do what a page of the documentation says, word for word: the blocks of
# the page that are marked `sh terminal-N` are run in their order, with HOME a fresh folder. Sourced.

work=$(mktemp -d)
export HOME=$work/home
unset MAKEFLAGS MAKELEVEL
mkdir "$HOME"
declare -A group=() # of each block that was started: its process group

# stop N: the block's programs, as Ctrl-C would
stop() {
    [ -n "${group[$1]:-}" ] || return 0
    kill -INT -- "-${group[$1]}" 2>/dev/null || true
    kill -TERM -- "-${group[$1]}" 2>/dev/null || true
    wait "${group[$1]}" 2>/dev/null || true
    unset "group[$1]"
}

# By the table of jobs: it has a block from the moment on that it runs. Again and again, since a
# shell that has just been forked may miss a signal.
clean_up() {
    local job

    for job in $(jobs -p); do
        kill -INT -- "-$job" 2>/dev/null || true
        for _ in $(seq 100); do
            kill -TERM -- "-$job" 2>/dev/null || break
            sleep 0.1
        done
    done
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' INT TERM HUP

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

# A port that was free a moment ago.
free_port() {
    /usr/bin/python3 -c 'import socket
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

# extract_blocks PAGE TERMINALS: blocks 1, 2, ... as files; TERMINALS is where the test expects them
extract_blocks() {
    local terminals

    terminals=$(awk -v folder="$work" '
        /^```sh terminal-/ { file = folder "/block-" ++n; sub(/.*terminal-/, ""); print; next }
        /^```/ { file = "" }
        file { print > file }' "$1" | paste -sd' ')
    [ "$terminals" = "$2" ] || fail "the blocks of $1 are not those that this test knows: $terminals"
}

# use_port PRINTED PORT: in all blocks
use_port() {
    sed -i "s/\<$1\>/$2/g" "$work"/block-*
}

# run_block N: to its end
run_block() {
    bash -e "$work/block-$1" >"$work/$1.said" 2>&1 </dev/null || fail "block $1"
}

# start_block N [TERMINAL]: its last command stays. TERMINAL is what it reads from.
start_block() {
    set -m
    PYTHONUNBUFFERED=1 bash -e "$work/block-$1" >"$work/$1.said" 2>&1 <"${2:-/dev/null}" &
    set +m
    group[$1]=$!
}
