#!/usr/bin/env bash
# 90_confine.sh - cloudd gives up its powers and works all the same: started as root it becomes the
# owner of its home, without capabilities, behind seccomp and Landlock; devices enrol, send, receive,
# are away and are revoked, the store is full, the reserve is used, and it ends on SIGTERM.
set -eu
. tests/integration/lib.sh

# status FIELD [PID]: of /proc/PID/status
status() {
    sed -n "s/^$1:[[:space:]]*//p" "/proc/${2:-$cloud}/status"
}

# all_threads FIELD VALUE: every thread of the cloud has it.
all_threads() {
    local file

    for file in /proc/"$cloud"/task/*/status; do
        [ "$(sed -n "s/^$1:[[:space:]]*//p" "$file")" = "$2" ] ||
            fail "$1 is not $2: $(grep "^$1" "$file") in $file"
    done
}

# free_low_port: a port below 1024 that nobody uses, another one for each run of this script.
free_low_port() {
    python3 - "$$" <<'END'
import socket
import sys

for n in range(500):
    port = 500 + (int(sys.argv[1]) + n) % 500
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            continue
    print(port)
    break
END
}

instrumented() {
    grep -q 'not confined: a build with sanitizers' "$work/cloud.err"
}

# send_until_full NAME: until the cloud refuses a package for lack of room.
send_until_full() {
    for n in $(seq 40); do
        send alice "$1" --no-wait "number $n" || true
        ! grep -q DISK_FULL "$work/cloud.err" || return 0
    done
    fail "it was never full"
}

# Root may enter a home of another user; without a folder that it may pass, that user may not.
as_root=$([ "$(id -u)" -eq 0 ] && echo 1 || echo 0)
owner=$(id -un)
if [ "$as_root" -eq 1 ]; then
    owner=nobody
    chmod 755 "$work"
    exits 1 "no such user" "$cloudd" run --home "$work/none" --user no-such-user
    key=$("$cloudd" init --home "$work/cloud" | sed -n 's/^cloud-key //p')
    exits 1 "chown -R nobody" "$cloudd" run --home "$work/cloud" --user nobody
    start_cloud
    grep -q 'running as root' "$work/cloud.err" || fail "no warning of running as root"
    all_threads CapEff 0000000000000000
    stop_cloud
    at=
    chown -R nobody "$work/cloud"
    low=$(free_low_port)
    runs port "$cloudd" run --home "$work/cloud" --listen "127.0.0.1:$low"
    wait_for "a port below 1024" grep -q "^listening 127.0.0.1:$low\$" "$work/port.out"
    stop "$pid"
else
    exits 1 "only root" "$cloudd" run --home "$work/cloud" --user root
fi

start_cloud
instrumented && skip "a build with sanitizers is not confined"
all_threads CapEff 0000000000000000
all_threads CapPrm 0000000000000000
all_threads NoNewPrivs 1
all_threads Seccomp 2
[ "$(status Threads)" -ge 2 ] || fail "the store has no thread"
uid=$(id -u "$owner")
all_threads Uid "$uid	$uid	$uid	$uid"
[ "$as_root" -eq 0 ] || [ -z "$(status Groups | tr -d ' ')" ] || fail "groups: $(status Groups)"
grep -qE "confined: seccomp [0-9]+ calls, landlock (v[0-9] home only|none), no new privileges, user \
$owner\$" "$work/cloud.err" || fail "the log does not say what holds"
ok "user, capabilities, no new privileges, seccomp in every thread, the line in the log"

if command -v systemd-analyze >/dev/null; then
    sed "s|/usr/local/bin/cloudd|$(realpath "$cloudd")|; /^Documentation=/d" \
        scripts/cloudd.service >"$work/cloudd.service"
    systemd-analyze verify "$work/cloudd.service" >"$work/said" 2>&1 || fail "the unit"
    [ ! -s "$work/said" ] || fail "the unit, in the eyes of systemd-analyze"
    ok "the unit for systemd"
else
    echo "# systemd-analyze is not installed: the unit is not verified"
fi

# The whole flow. As root, the commands work on the home of the other user, and leave it theirs.
enrol alice 1
enrol bob 2
receive bob
bob=$pid
send alice bob "behind the fence" || fail "send: $?"
is '.status == "receipted"'
received bob 1
stop "$bob"
send alice bob --no-wait "bob is away" || fail "send --no-wait: $?"
mailbox_has bob 1 || fail "nothing waits for bob"
stop_cloud
start_cloud
receive bob
bob=$pid
received bob 1
[ "$(jq -r .text "$work/bob.out")" = "bob is away" ] || fail "another message"
stop "$bob"
[ -z "$(find "$work/cloud" ! -user "$owner")" ] || fail "files of others in the home"
ok "enrol, send, receive, offline, restart"

# A full store, then a lost reserve that is made again, both by the confined process.
stop_cloud
start_cloud --max-store 1048576
send_until_full bob
kill -0 "$cloud" || fail "the cloud is gone"
waiting=$(packages_of bob)
receive bob
bob=$pid
received bob "$waiting"
wait_for "an empty mailbox" mailbox_has bob 0
stop "$bob"
stop_cloud
rm "$work/cloud/cloud.db-reserve"
start_cloud
rm -f "$work/cloud/cloud.db-reserve"
send alice bob --no-wait "the reserve comes back" || fail "send: $?"
wait_for "the reserve" test -s "$work/cloud/cloud.db-reserve"
ok "a full store, and the reserve"

"$cloudd" revoke --home "$work/cloud" bob
code=0
send alice bob --timeout 5 "revoked" || code=$?
[ $code -eq 3 ] || fail "to a revoked device: $code"
stop_cloud
grep -q ' info stopped$' "$work/cloud.err" || fail "no word of the end"
ok "revoked, and SIGTERM"

# A real full disk: the reserve is given up for receipts.
if [ "$as_root" -eq 1 ] && mkdir "$work/disk" &&
    mount -t tmpfs -o size=24m,mode=700,uid="$uid" tmpfs "$work/disk" 2>/dev/null; then
    mounts+=("$work/disk")
    cp -a "$work/cloud/." "$work/disk/"
    mv "$work/cloud" "$work/cloud-before"
    ln -s disk "$work/cloud"
    start_cloud
    enrol carol 3
    receive carol
    carol=$pid
    send alice carol "room enough" || fail "send: $?"
    stop "$carol"
    send alice carol --no-wait "waits" || fail "send: $?"
    before=$(stat -c %i "$work/disk/cloud.db-reserve")
    head -c 30000000 /dev/zero >"$work/disk/filler" 2>/dev/null || true
    send_until_full carol
    receive carol
    carol=$pid
    received carol 1
    wait_for "an empty mailbox" mailbox_has carol 0
    rm "$work/disk/filler"
    send alice carol "room again" || fail "send after the full disk: $?"
    [ "$(stat -c %i "$work/disk/cloud.db-reserve")" -ne "$before" ] || fail "the reserve: not used"
    stop "$carol"
    stop_cloud
    ok "a full disk, and its reserve"
else
    echo "# tmpfs cannot be mounted here: the full disk is not tested"
fi

start_cloud --no-confine
all_threads Seccomp 0
all_threads NoNewPrivs 1
all_threads CapEff 0000000000000000
grep -q 'not confined: --no-confine' "$work/cloud.err" || fail "no word of --no-confine"
stop_cloud
ok "--no-confine"
