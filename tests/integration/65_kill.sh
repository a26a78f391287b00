#!/usr/bin/env bash
# 65_kill.sh - the guarantees when programs are killed (-9), also of what the cloud keeps after it was
# verified; when their folders are put back to an older copy, or devices lose their power. `make
# torture` goes on with the first for as long as one likes.
#
#     65_kill.sh [ROUNDS [SEED]]
set -eu
cd "$(dirname "$0")/../.."

if ! command -v python3 >/dev/null; then
    echo "skip - 65_kill: python3 is not installed"
    exit 77
fi
python3 -B tests/integration/kill_rounds.py --rounds "${1:-15}" ${2:+--seed "$2"}
python3 -B tests/integration/kill_rounds.py --rounds 12 --retain 7 --kill cloudd,cloudd,sds,sdr
python3 -B tests/integration/restored_state.py
python3 -B tests/integration/power_cuts.py
