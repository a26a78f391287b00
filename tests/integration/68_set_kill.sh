#!/usr/bin/env bash
# 68_set_kill.sh - messages to sets, when programs are killed (-9) or the sender loses its power; then
# a set of 256.
#
#     68_set_kill.sh [ROUNDS [SEED]]
set -eu
cd "$(dirname "$0")/../.."

if ! command -v python3 >/dev/null; then
    echo "skip - 68_set_kill: python3 is not installed"
    exit 77
fi
python3 -B tests/integration/set_rounds.py --rounds "${1:-20}" ${2:+--seed "$2"}
python3 -B tests/integration/set_rounds.py --rounds "${1:-20}" ${2:+--seed "$2"} --power
python3 -B tests/integration/set_rounds.py --rounds 2 --members 256
