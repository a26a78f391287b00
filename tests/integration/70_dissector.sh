#!/usr/bin/env bash
# 70_dissector.sh - the dissector over captures made by hop.c: every message of the table by name in
# both modes, however TCP cuts it; fields; and damaged frames, which must never be a Lua error.
set -u

driver=${DRIVERS:-build/plain/drivers}/dissector_frames
if ! command -v tshark >/dev/null; then
    echo "skip - 70_dissector: tshark is not installed"
    exit 77
fi
if ! tshark --version 2>/dev/null | grep -q 'with Lua'; then
    echo "skip - 70_dissector: this tshark was built without Lua"
    exit 77
fi
if ! [ -x "$driver" ]; then
    echo "not ok - $driver is not built: make drivers"
    exit 1
fi
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
failed=0

dissect() {
    tshark -X lua_script:proto/inkpost.lua -r "$dir/$1.pcap" "${@:2}" 2>>"$dir/stderr"
}

# check WHAT COMMAND...: one line of the result.
check() {
    local what=$1

    shift
    if "$@"; then
        echo "ok - $what"
    else
        echo "not ok - $what"
        failed=1
    fi
}

# Frames as `STREAM NAME` lines, those of one connection together and in order.
names() {
    dissect "$1" -Y inkpost -T fields -e tcp.stream -e inkpost.message |
        awk '{ n = split($2, name, ","); for (i = 1; i <= n; i++) print $1, name[i] }' |
        sort -s -n -k 1,1
}

same_names() {
    names good >"$dir/got"
    [ -s "$dir/want" ] && diff "$dir/want" "$dir/got"
}

no_complaint() {
    [ -z "$(dissect good -Y 'inkpost.malformed || inkpost.illegal || inkpost.cut')" ]
}

# field FILTER FIELD VALUE, in the first connection.
field_is() {
    [ "$(dissect good -Y "tcp.stream == 0 && $1" -T fields -e "$2" | sort -u)" = "$3" ]
}

info_column() {
    dissect good -Y 'tcp.stream == 0 && inkpost.open.request' -T fields -e _ws.col.Info |
        grep -qx OPEN
}

sealed_shows_nothing() {
    ! names good | grep -v -e ' HOP_' -e ' SEALED$' | grep -q -e '^4 ' -e '^5 '
}

# As many packets as there are cut frames, and the hello, which is whole.
every_cut_is_malformed() {
    [ "$cut" -gt 500 ] && [ "$(dissect cut -Y inkpost.malformed | wc -l)" -eq "$cut" ] &&
        [ "$(dissect cut -Y inkpost | wc -l)" -eq $((cut + 1)) ]
}

no_lua_error() {
    dissect "$1" -V >"$dir/all" && [ -s "$dir/all" ] && ! grep -i 'lua' "$dir/all" "$dir/stderr"
}

if ! "$driver" good "$dir/good.pcap" >"$dir/want" || ! cut=$("$driver" cut "$dir/cut.pcap") ||
    ! "$driver" flipped "$dir/flipped.pcap"; then
    echo "not ok - the captures could not be made"
    exit 1
fi
check "every message by its name, in both modes and however the stream is cut" same_names
check "nothing to complain of in a genuine hop" no_complaint
check "the Info column has the name" info_column
check "fields: an id" field_is inkpost.attach.id inkpost.attach.id dev-1
check "fields: a number of 64 bits" field_is inkpost.package.index inkpost.package.index \
    72340172838076673
check "fields: a reason" field_is inkpost.neg_reject.reason inkpost.neg_reject.reason 257
check "the members of a set" field_is inkpost.set_package.members inkpost.set_member.to dev-1,dev-1
check "the message inside of one to a set" field_is inkpost.package_shared.common inkpost.package.message 74657874
check "the message inside of what is kept" field_is inkpost.kept.number inkpost.package.message 74657874
check "the mode is learnt from the first frame" field_is inkpost.open.request inkpost.mode clear
check "an open hop is read without MACs" test "$(dissect good -Y 'tcp.stream == 6 && inkpost.mode == "open"' \
    -T fields -e inkpost.open.request -e inkpost.mac | grep -c .)" -gt 20
check "a sealed hop shows types and lengths only" sealed_shows_nothing
check "every cut or overlong frame is marked as malformed" every_cut_is_malformed
for capture in good cut flipped; do
    check "no Lua error: $capture" no_lua_error "$capture"
done
exit $failed
