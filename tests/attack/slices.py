"""What the attacks on the keys share: a captured session, the search among slices of Rv, and the
secrets that some of the attackers hold."""
import os
import sqlite3

from bed import Receiver, frame
from testbed import SIGNATURES

SLICE_MIN, SLICE_MAX, RV_BYTES = 14, 64, 3060
SLICES = sum(RV_BYTES - n + 1 for n in range(SLICE_MIN, SLICE_MAX + 1))
CAPTURED = 4  # packages of the session that is attacked: 9 bits each tell right keys from wrong


def capture(b, profile):
    """Bob's sdr, and a session's first packages, as bodies."""
    bob = Receiver(b, "bob")
    for i in range(CAPTURED):
        b.say("alice", "bob", f"captured {i}", profile)
    return bob, [frame("PACKAGE", values).body for values in b.packages("bob")]


def rv_of(b, one, other):
    """The feature vector of two scans, by `sds lab fx1`."""
    out = b.path("rv")
    scans = [name if os.path.exists(name) else os.path.join(SIGNATURES, name)
             for name in (one, other)]
    b.run("sds", "lab", "fx1", *scans, "--out", out)
    with open(out, "rb") as f:
        return f.read()


def parts(state):
    """Shk, Sk and salt of a state of `paper`."""
    n = int.from_bytes(state[:4], "big")
    shk, rest = state[4:4 + n], state[4 + n:]
    n = int.from_bytes(rest[:4], "big")
    return shk, rest[4:4 + n], rest[4 + n:]


def join(shk, sk, salt):
    return b"".join(len(p).to_bytes(4, "big") + p for p in (shk, sk)) + salt


def state_of(home, session):
    """A receiver's state of a session, from its state.db; the first that there is when None."""
    db = sqlite3.connect(os.path.join(home, "state.db"))
    try:
        rows = db.execute("SELECT session, chain FROM recv_session").fetchall()
    finally:
        db.close()
    found = [bytes(chain) for name, chain in rows if session in (None, bytes(name))]
    return found[0] if found else None


def turned_back(state, payload):
    """The state before a message of `paper`: Sk = (Sk <<< R^T) XOR salt, undone with what the
    picture gives to everybody."""
    shk, sk, salt = parts(state)
    bits, by = 8 * len(sk), int.from_bytes(payload[4:8], "big")
    by %= bits
    number = int.from_bytes(sk, "big")
    number = ((number << by) | (number >> (bits - by))) & ((1 << bits) - 1)
    back = bytes(x ^ salt[i % len(salt)] for i, x in enumerate(number.to_bytes(len(sk), "big")))
    return join(shk, back, salt)
