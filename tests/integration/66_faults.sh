#!/usr/bin/env bash
# 66_faults.sh - the guarantees under kill -9, a bad network, full disks, clock steps and programs
# that stand still, mixed. `make torture` goes on with it for as long as one likes.
#
#     66_faults.sh [ROUNDS [SEED]]
set -eu
cd "$(dirname "$0")/../.."

if ! command -v python3 >/dev/null; then
    echo "skip - 66_faults: python3 is not installed"
    exit 77
fi
python3 -B tests/integration/kill_rounds.py --faults all --rounds "${1:-40}" ${2:+--seed "$2"}
