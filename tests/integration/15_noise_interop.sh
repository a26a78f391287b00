#!/bin/sh
# 15_noise_interop.sh - our Noise against an independent implementation, dissononce: each pattern,
# with our side once as the initiator and once as the responder.
set -u
here=$(dirname "$0")
driver=${DRIVERS:-build/plain/drivers}/noise_peer
python=/usr/bin/python3

if ! "$python" -c 'import dissononce' 2>/dev/null; then
    echo "skip - python3-dissononce is not installed"
    exit 77
fi
if ! [ -x "$driver" ]; then
    echo "not ok - $driver is not built: make drivers"
    exit 1
fi

failed=0
for pattern in ik kkpsk2; do
    for role in initiator responder; do
        what="$pattern with inkpost as $role: hash, payloads and transport agree with dissononce"
        if timeout 20 "$python" "$here/noise_peer.py" "$driver" "$pattern" "$role"; then
            echo "ok - $what"
        else
            echo "not ok - $what"
            failed=1
        fi
    done
done
exit $failed
