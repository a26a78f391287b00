# lib.sh - what the scripts that run cloudd, sds and sdr share. Sourced, not run.
#
# $work is a fresh folder, removed at the end; every program started through here is ended by its
# process id. Devices live in $work/NAME, the cloud in $work/cloud; ports are picked by the system.
# shellcheck shell=bash
# shellcheck disable=SC2034

build=${BUILD:-build}
cloudd=$build/cloudd
sds=$build/sds
sdr=$build/sdr
shared=${INKPOST_SHARED:-../shared}
here=tests/integration
covers=tests/data/covers
cover=$covers/camera-256.png
script=$(basename "$0" .sh)

skip() {
    echo "skip - $script: $*"
    exit 77
}

for tool in jq python3; do
    command -v $tool >/dev/null || skip "$tool is not installed"
done

work=$(mktemp -d)
started=()
mounts=()
cloud=
at=

clean_up() {
    local pid folder

    for pid in "${started[@]}"; do
        kill -9 "$pid" 2>/dev/null || true
    done
    wait 2>/dev/null || true
    for folder in "${mounts[@]}"; do
        umount "$folder" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' INT TERM HUP

ok() {
    echo "ok - $*"
}

fail() {
    local file

    echo "not ok - $*"
    for file in "$work"/*.out "$work"/*.err "$work/said"; do
        if [ -s "$file" ]; then
            echo "    $(basename "$file"):"
            tail -n 12 "$file" | cut -c 1-300 | sed 's/^/        /'
        fi
    done
    exit 1
}

# wait_for WHAT COMMAND...: until the command succeeds, 20 s at most.
wait_for() {
    local what=$1

    shift
    for _ in $(seq 400); do
        ! "$@" >/dev/null 2>&1 || return 0
        sleep 0.05
    done
    fail "in vain waited for: $what"
}

# runs NAME COMMAND...: in the background, stdout to NAME.out and stderr to NAME.err; its id in $pid.
runs() {
    local name=$1

    shift
    # What one before it of this name said must not count, not even until the shell has forked.
    : >"$work/$name.out"
    : >"$work/$name.err"
    "$@" <&0 >"$work/$name.out" 2>"$work/$name.err" &
    pid=$!
    started+=("$pid")
}

forget() {
    local pid kept=()

    for pid in "${started[@]}"; do
        [ "$pid" = "$1" ] || kept+=("$pid")
    done
    started=("${kept[@]}")
}

# ends PID [CODE]: wait for its end, which must be with this code (0).
ends() {
    local code=0

    wait "$1" || code=$?
    forget "$1"
    [ "$code" -eq "${2:-0}" ] || fail "a program ended with $code, not ${2:-0}"
}

# stop PID: SIGTERM, to which every program answers with exit 0.
stop() {
    kill -TERM "$1"
    ends "$1"
}

# crash PID: SIGKILL.
crash() {
    kill -KILL "$1"
    wait "$1" 2>/dev/null || true
    forget "$1"
}

# exits CODE TEXT COMMAND...: the exit code, and the text in what it says on stderr.
exits() {
    local want=$1 text=$2 code=0

    shift 2
    "$@" >"$work/said.stdout" 2>"$work/said" </dev/null || code=$?
    [ "$code" -eq "$want" ] || fail "exit $code, not $want: ${*:1:12}"
    [ -z "$text" ] || grep -qF -- "$text" "$work/said" ||
        fail "\"$text\" is not in what it says: ${*:1:12}"
}

# start_cloud OPTION...: makes $work/cloud when there is none; at the same port when started again.
start_cloud() {
    if [ ! -d "$work/cloud" ]; then
        key=$("$cloudd" init --home "$work/cloud" | sed -n 's/^cloud-key //p')
    fi
    runs cloud "$cloudd" run --home "$work/cloud" --listen "${at:-127.0.0.1:0}" "$@"
    cloud=$pid
    wait_for "the cloud's port" grep -q '^listening ' "$work/cloud.out"
    at=$(sed -n 's/^listening //p' "$work/cloud.out")
}

stop_cloud() {
    stop "$cloud"
}

# signature NUMBER: a scan of signer 1, 2 or 3; a real one when the shared data are there.
signature() {
    local real=$shared/data/signatures/signer0$1-01.png

    if [ -f "$real" ]; then
        echo "$real"
    else
        echo "tests/data/signatures/synth$1a.pgm"
    fi
}

token() {
    "$cloudd" invite --home "$work/cloud" "$@" | sed -n 's/^token //p'
}

# enrol_args NAME SCAN [TOKEN]: the options of enroll, in the array args.
enrol_args() {
    args=(enroll --home "$work/$1" --id "$1" --cloud "$at" --cloud-key "$key"
        --token "${3:-$(token "$1")}" --signature "$2")
}

# enrol NAME NUMBER
enrol() {
    enrol_args "$1" "$(signature "$2")"
    "$sds" "${args[@]}" >"$work/enrol-$1.out" 2>"$work/enrol-$1.err" || fail "enrol $1"
}

# device_key NAME: its public key.
device_key() {
    "$sds" peers --home "$work/$1" --json | jq -r 'select(.self).key'
}

# receive NAME OPTION...: sdr run in the background; its id in $pid, its output in NAME.out.
receive() {
    local name=$1

    shift
    runs "$name" "$sdr" run --home "$work/$name" --json "$@"
}

# send FROM TO OPTION...: sds send --json in the foreground: its code; output in send.out, send.err.
send() {
    local from=$1 to=$2

    shift 2
    "$sds" send --home "$work/$from" --to "$to" --json --cover "$cover" "$@" \
        >"$work/send.out" 2>"$work/send.err" </dev/null
}

# is FILTER: the jq filter is true of the last line of $work/send.out.
is() {
    [ "$(tail -n 1 "$work/send.out" | jq "$1" 2>/dev/null)" = true ] || fail "not so: $1"
}

# has NAME COUNT: NAME.out has that many lines.
has() {
    [ "$(wc -l <"$work/$1.out")" -ge "$2" ]
}

# received NAME COUNT: wait until so many lines are in NAME.out.
received() {
    wait_for "$2 lines from $1" has "$1" "$2"
}

# packages_of NAME: how many packages wait for it at the cloud.
packages_of() {
    "$cloudd" mailbox --home "$work/cloud" --json | jq -r "select(.id == \"$1\").packages" |
        grep . || echo 0
}

# is_attached NAME ROLE: as the cloud's log has it, and the last that it has.
is_attached() {
    grep ": $1 $2" "$work/cloud.err" | tail -n 1 | grep -q attached
}

mailbox_has() {
    [ "$(packages_of "$1")" -eq "$2" ]
}

# image WHAT FILE WIDTH HEIGHT [SEED]: see images.py
image() {
    python3 "$here/images.py" "$@"
}
