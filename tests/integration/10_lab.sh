#!/usr/bin/env bash
# 10_lab.sh - `sds lab`: every command, its JSON, its exit codes and its words on bad input.
set -eu

sds=${BUILD:-build}/sds
covers=tests/data/covers
scans=tests/data/signatures
k1=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
k2=f0e1d2c3b4a5968778695a4b3c2d1e0ff0e1d2c3b4a5968778695a4b3c2d1e0f
payload=0123456789abcdef00112233445566778899aabbccddeeff
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP

ok() {
    printf 'ok - %s\n' "$1"
}

die() {
    printf 'not ok - %s\n' "$1"
    for f in "$dir/out" "$dir/err"; do
        sed 's/^/    /' "$f"
    done
    exit 1
}

# run CODE WHAT ARGS...: `sds lab ARGS` must exit with CODE; leaves $dir/out and $dir/err.
run() {
    local want=$1 what=$2 got=0

    shift 2
    "$sds" lab "$@" >"$dir/out" 2>"$dir/err" || got=$?
    [ "$got" -eq "$want" ] || die "$what: exit $got, not $want"
    if [ "$want" -ne 0 ]; then
        [ ! -s "$dir/out" ] || die "$what: something on stdout"
        grep -q '^sds lab' "$dir/err" || die "$what: no word on stderr"
    fi
}

# prints WHAT TEXT: stdout is exactly this line.
prints() {
    [ "$(cat "$dir/out")" = "$2" ] || die "$1"
    ok "$1"
}

# warns WHAT TEXT: stderr holds this text.
warns() {
    grep -qF -- "$2" "$dir/err" || die "$1"
    ok "$1"
}

embed() {
    local want=$1 what=$2

    shift 2
    run "$want" "$what" embed --k1 $k1 --k2 $k2 --payload $payload "$@"
}

extract() {
    run 0 "extract" extract --k1 $k1 --k2 $k2 --bits 192 "$@"
}

# pgm FILE WIDTH HEIGHT: a black image.
pgm() {
    {
        printf 'P5\n%d %d\n255\n' "$2" "$3"
        head -c $(($2 * $3)) /dev/zero
    } >"$1"
}

run 0 macless macless 54d32f22593cb0000a6f09d19e99b36fc20c383c
prints "macless gives the digits of the paper's Table 4" 2695
run 0 macless macless 54D32F22593CB0000A6F09D19E99B36FC20C383C --json
prints "macless takes upper case, and --json" '{"tag":"2695"}'
for bad in 54d3 54d32f22593cb0000a6f09d19e99b36fc20c383cc 54d32f22593cb0000a6f09d19e99b36fc20c383g; do
    run 2 "macless $bad" macless $bad
    warns "macless refuses $bad" "40 hex digits"
done

rv=7c693a08d47cf5689992f6d349a177a25fdffab339b97d15954d478a63c9a72f
both=2774bcf5413c6d2d9d4bf3a2933b4f4ba056728fba588048175ed91410b0c8a2
run 0 fx1 fx1 $scans/synth1a.pgm --out "$dir/rv"
prints "fx1 gives the reference's digest" $rv
[ "$(wc -c <"$dir/rv")" -eq 3060 ] || die "fx1 --out writes 3060 bytes"
[ "$(sha256sum <"$dir/rv" | cut -d' ' -f1)" = $rv ] || die "fx1 --out writes what it printed"
ok "fx1 --out writes the 3060 bytes"
run 0 fx1 fx1 --json $scans/synth1a.pgm $scans/synth2a.pgm
cp "$dir/out" "$dir/one"
run 0 fx1 --json fx1 $scans/synth2a.pgm $scans/synth1a.pgm
cmp -s "$dir/one" "$dir/out" || die "fx1 of two scans does not depend on their order"
prints "fx1 of two scans, in either order, with --json" "{\"sha256\":\"$both\",\"bytes\":3060}"
pgm "$dir/blank.pgm" 100 100
run 1 "fx1 of a blank scan" fx1 "$dir/blank.pgm"
warns "fx1 refuses a blank scan" "shows no signature"
pgm "$dir/tiny.pgm" 8 8
run 1 "fx1 of a tiny scan" fx1 "$dir/tiny.pgm"
warns "fx1 refuses a tiny scan" "at least 16 x 16"
run 1 "fx1 of no file" fx1 "$dir/none.png"
warns "fx1 names a file that is not there" "$dir/none.png"
run 1 "fx1 --out nowhere" fx1 $scans/synth1a.pgm --out "$dir/none/rv"
warns "fx1 names a file it cannot write" "$dir/none/rv"

for code in light stealth; do
    for end in png pgm; do
        embed 0 "embed $code" --cover $covers/camera-256.png --out "$dir/s.$end" --stego $code
        grep -q '^changed-pixels [1-9][0-9]*$' "$dir/out" || die "embed prints changed pixels"
        grep -q '^psnr-db [78][0-9]\.[0-9][0-9]$' "$dir/out" || die "embed prints PSNR"
        extract --image "$dir/s.$end" --stego $code
        prints "embed and extract, $code, .$end" $payload
    done
done
embed 0 "embed again" --cover $covers/camera-256.png --out "$dir/t.pgm" --stego stealth
cmp -s "$dir/s.pgm" "$dir/t.pgm" || die "embed gives the same image for the same keys"
ok "embed gives the same image for the same keys"
embed 0 "embed --json" --cover $covers/grass-128.png --out "$dir/j.png" --json
grep -q '^{"changed_pixels":[0-9]*,"psnr_db":[0-9.]*}$' "$dir/out" || die "embed --json"
run 0 "extract --json" extract --json --image "$dir/j.png" --k1 $k1 --k2 $k2 --bits 12
grep -q '^{"payload":"[0-9a-f]\{4\}","bits":12}$' "$dir/out" || die "extract --json"
ok "embed and extract with --json"
run 0 "extract with K1 and K2 exchanged" extract --image "$dir/s.png" --k1 $k2 --k2 $k1 --bits 192
[ "$(cat "$dir/out")" != $payload ] || die "other keys give other bits"
ok "other keys give other bits"

run 0 compare compare $covers/camera-256.png "$dir/s.png"
grep -q '^mse 0\.000[0-9]*$' "$dir/out" || die "compare prints the mean squared error"
changed=$(sed -n 's/^changed-pixels //p' "$dir/out")
[ "$changed" -gt 10 ] && [ "$changed" -lt 60 ] || die "compare counts the changed pixels"
ok "compare counts changed pixels"
run 0 compare compare "$dir/s.png" "$dir/s.pgm" --json
prints "compare of equal images" '{"changed_pixels":0,"mse":0,"psnr_db":null}'
run 1 "compare of sizes" compare $covers/camera-256.png $covers/camera-128.png
warns "compare refuses unequal sizes" "compare equal sizes"

embed 0 "embed in a flat cover" --cover "$dir/blank.pgm" --out "$dir/f.pgm"
warns "embed warns of a flat cover and goes on" "mostly flat"
extract --image "$dir/f.pgm"
prints "a flat cover still round-trips" $payload
pgm "$dir/small.pgm" 38 38
embed 1 "embed in a small cover" --cover "$dir/small.pgm" --out "$dir/x.pgm"
warns "embed names the smallest size that works" "at least 40 x 40 pixels"
pgm "$dir/enough.pgm" 40 40
embed 0 "embed in 40 x 40" --cover "$dir/enough.pgm" --out "$dir/x.pgm"
ok "and that size works"
run 1 "extract too much" extract --image "$dir/small.pgm" --k1 $k1 --k2 $k2 --bits 182
warns "extract names what an image holds" "holds 181 bits"
embed 1 "embed in a text file" --cover Makefile --out "$dir/x.pgm"
warns "embed names a file that is no image" "Makefile"
embed 2 "embed to a JPEG" --cover $covers/grass-128.png --out "$dir/x.jpg"
warns "embed refuses an ending that loses pixels" ".png nor .pgm"
embed 1 "embed nowhere" --cover $covers/grass-128.png --out "$dir/none/x.png"
warns "embed names a file it cannot write" "$dir/none/x.png"
embed 2 "embed with no such code" --cover $covers/grass-128.png --out "$dir/x.png" --stego dark
warns "embed names the codes" "light or stealth"

run 2 "short key" extract --image "$dir/s.png" --k1 00ff --k2 $k2 --bits 8
warns "a short key is refused" "--k1 is not 64 hex digits"
! grep -q 00ff "$dir/err" || die "a key is never echoed"
ok "and not echoed"
for bits in 0 -1 8x ''; do
    run 2 "--bits $bits" extract --image "$dir/s.png" --k1 $k1 --k2 $k2 --bits "$bits"
done
ok "a bad number of bits is refused"
for bad in '' abc 0g; do
    run 2 "--payload $bad" embed --cover $covers/grass-128.png --out "$dir/x.png" --k1 $k1 --k2 $k2 \
        --payload "$bad"
done
ok "a bad payload is refused"
run 2 "missing option" embed --cover $covers/grass-128.png --out "$dir/x.png" --k1 $k1 --k2 $k2
warns "a missing option is named" "--payload is missing"
run 2 "foreign option" compare --bits 8 a b
run 2 "unknown option" fx1 --colour a
run 2 "option without value" fx1 a --out
run 2 "too many words" macless a b
run 2 "too few words" compare a
run 2 "no such command" fx2
run 2 "no command"
ok "wrong usage exits 2"

run 0 help --help
for command in fx1 macless embed extract compare; do
    grep -q "^sds lab $command " "$dir/out" || die "--help tells of $command"
    "$sds" lab $command --help | grep -q "^sds lab $command " || die "$command --help"
done
ok "help for lab and for each command"
