#!/usr/bin/env bash
# 85_reproduce.sh - `scripts/reproduce --short`: six tables, whose figures are checked against what
# follows from one another and from the programs, and plots.
set -eu
# shellcheck source=tests/integration/lib.sh
. tests/integration/lib.sh

# scripts/reproduce installs what is missing; a test does not.
dpkg-query -W gnuplot-nox python3-numpy python3-skimage >/dev/null 2>&1 ||
    skip "what scripts/setup --reproduce installs is missing"

image texture "$work/mine.pgm" 300 200 || fail "a cover of one's own"
cat >"$work/attacks.jsonl" <<'LINES'
{"attack":"replay","profile":"paper","case":"one","result":"prevented","tries":7,"cost":"1 s","note":"a"}
{"attack":"forgery","profile":"paper","case":"one","result":"prevented","tries":1,"cost":"2 s","note":"b"}
{"attack":"forgery","profile":"paper","case":"two","result":"succeeded","tries":311,"cost":"3 s","note":"c"}
{"attack":"forgery","profile":"auth","case":"one","result":"prevented","tries":311,"cost":"4 s","note":"d"}
{"attack":"desync","profile":"paper","case":"one","result":"succeeded","tries":1,"cost":"5 s","note":"e"}
LINES

scripts/reproduce --short --signatures tests/data/signatures --cover "$work/mine.pgm" \
    --attacks "$work/attacks.jsonl" --out "$work/out" >"$work/report.out" 2>"$work/report.err" ||
    fail "reproduce --short"
[ "$(cat "$work/report.out")" = "$work/out/report.md" ] || fail "stdout names the report"
for n in 1 3 4 6; do
    grep -q "^table $n: " "$work/report.err" || fail "progress of table $n"
done
ok "reproduce --short writes a report and shows how far it is"

python3 -B $here/check_tables.py "$work/out" "$sds" tests/data/signatures >"$work/check.out" 2>&1 ||
    fail "the figures"
cat "$work/check.out"

exits 1 "is there already" scripts/reproduce --short --out "$work/out"
exits 1 "no such file" scripts/reproduce --short --out "$work/other" --cover "$work/none.png"
exits 1 "wants a value" scripts/reproduce --cover
exits 2 "scripts/reproduce [--cover" scripts/reproduce --fast
[ ! -e "$work/other" ] || fail "wrong usage leaves nothing behind"
ok "wrong usage is refused"
