#!/usr/bin/env bash
# 80_lan.sh - scripts/lan over three network namespaces and a bridge: every message arrives, the
# results are collected, and nothing is left on the hosts, also when it fails half-way.
set -eu

if ! command -v ip >/dev/null || ! command -v jq >/dev/null; then
    echo "skip - 80_lan: ip (iproute2) or jq is not installed"
    exit 77
fi

net=ink$$
work=$(mktemp -d)
names=("$net-c" "$net-s" "$net-r")
clean_up() {
    for name in "${names[@]}" "$net-b"; do
        ip netns del "$name" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' INT TERM HUP

fail() {
    echo "not ok: $*"
    tail -n 5 "$work"/results*/*.err 2>/dev/null || true
    exit 1
}

# The bridge has a namespace of its own, so that this machine's own network is not touched.
make_lan() {
    local i name

    ip netns add "$net-b" 2>/dev/null || return 1
    ip -n "$net-b" link add br0 type bridge && ip -n "$net-b" link set br0 up || return 1
    for i in 0 1 2; do
        name=${names[i]}
        ip netns add "$name" || return 1
        ip -n "$net-b" link add "p$i" type veth peer name eth0 netns "$name" || return 1
        ip -n "$net-b" link set "p$i" master br0 up || return 1
        ip -n "$name" addr add "10.77.17.$((i + 1))/24" dev eth0 || return 1
        ip -n "$name" link set eth0 up && ip -n "$name" link set lo up || return 1
    done
}

if ! make_lan >"$work/lan" 2>&1; then
    echo "skip - 80_lan: network namespaces are not permitted"
    exit 77
fi

# What ssh does, with namespaces for hosts; TMPDIR is where all of a "host" must end up.
mkdir "$work/tmp"
cat >"$work/ssh" <<END
#!/bin/sh
TMPDIR=$work/tmp exec ip netns exec "\$1" sh -c "\$2"
END
chmod +x "$work/ssh"
export SSH=$work/ssh

nothing_is_left() {
    [ -z "$(ls -A "$work/tmp")" ] || fail "files are left: $(ls "$work/tmp")"
    for name in "${names[@]}"; do
        [ -z "$(ip netns pids "$name")" ] || fail "a process is left in $name"
    done
}

scripts/lan "${names[@]}" --address 10.77.17.1 --messages 5 --out "$work/results" >"$work/said" 2>&1 ||
    fail "scripts/lan: $(cat "$work/said")"
grep -q '^sent and receipted: 5; received and verified: 5; of 5$' "$work/said" || fail "$(cat "$work/said")"
[ "$(jq -r .text "$work/results/receiver.out")" = "$(printf 'message %d\n' 1 2 3 4 5)" ] ||
    fail "the messages are not those that were sent, in order"
[ "$(find "$work/results/inbox" -name '*.pgm' | wc -l)" -eq 5 ] || fail "the inbox is not collected"
grep -q '"id":"alice"' "$work/results/cloud-state.out" || fail "the cloud's lists are not collected"
nothing_is_left
echo "ok - three hosts: all messages arrive and results are collected"

scripts/lan "${names[@]}" --address 10.77.17.1 --messages 3 --hop clear --out "$work/results2" \
    >"$work/said" 2>&1 || fail "scripts/lan --hop clear: $(cat "$work/said")"
nothing_is_left
echo "ok - the same on a hop in clear"

# The devices look for the cloud where there is none.
if scripts/lan "${names[@]}" --address 10.77.17.3 --out "$work/results3" >"$work/said" 2>&1; then
    fail "scripts/lan succeeds without reaching the cloud"
fi
grep -q 'cannot enrol alice' "$work/said" || fail "no word of what failed: $(cat "$work/said")"
nothing_is_left
echo "ok - a failure is told, and nothing is left either"

# Stopped in the middle.
scripts/lan "${names[@]}" --address 10.77.17.1 --messages 5000 --out "$work/results4" \
    >"$work/said" 2>&1 &
pid=$!
for _ in $(seq 200); do
    ! grep -qs receipted "$work/results4/sender.out" || break
    sleep 0.1
done
grep -qs receipted "$work/results4/sender.out" || fail "nothing is sent: $(cat "$work/said")"
kill -TERM "$pid"
! wait "$pid" || fail "scripts/lan succeeds although it was stopped"
nothing_is_left
echo "ok - stopped in the middle, nothing is left"
