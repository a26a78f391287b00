#!/usr/bin/env python3
"""brute-force: somebody has Rv, the cloud's feature vector of the pair. How far are the keys?

    brute_force.py [--seed N] [--short] [--json]

The paper counts 2^3060 keys, as if a key were any 3060 bits. A key is a slice of Rv: about 150,000
starts and ends. Three attackers with Rv and four captured packages of a session. One lacks the
salt, and fails: the salt has 252 bits and is the only secret of that size in the scheme. One has the
salt of the session (from a log, or a weak generator) and Shk, which is drawn once and kept for ever:
she finds Sk and forges the next message. One has the salt and must find both: the rate is measured
and the whole search computed from it; it counts as success below a month of one core. Success is a pair of keys that all packages confirm, and a
message of hers that the receiver shows. In `auth` Shk and Sk are derived from a random secret of the
pair, and the session from a handshake besides: with the same in hand the slices open nothing.
"""
from bed import Helper, bed, decode, frame, settle
from result import main, result
from slices import CAPTURED, SLICES, capture, join, parts, rv_of, state_of, turned_back

FORGED = "pay mallory 1000"
A_MONTH = 30 * 24  # hours of one core: what an attacker has


def first_state(helper, b, packages):
    """What an attacker is lent here: the state in which the session began. Only its salt is used,
    and Shk where the case says so."""
    state = state_of(b.path("bob"), decode("PACKAGE", packages[0])["session"])
    for body in reversed(packages):
        state = turned_back(state, bytes.fromhex(helper.ask("hidden", body)[1]))
    return state


def forge(b, helper, packages, shk, sk, salt):
    """With keys that were found: the message after the captured ones. Was it shown?"""
    state = join(shk, sk, salt)
    for body in packages:
        state = turned(state, bytes.fromhex(helper.ask("hidden", body)[1]))
    last = decode("PACKAGE", packages[-1])
    template = {**last, "index": last["index"] + 1, "seq": last["seq"] + 1}
    made = helper.ask("make", state, frame("PACKAGE", template).body, FORGED.encode())[1]
    b.inject("bob", decode("PACKAGE", bytes.fromhex(made)))
    settle()


def turned(state, payload):
    """Sk = (Sk XOR salt) >>> R^T."""
    shk, sk, salt = parts(state)
    bits, by = 8 * len(sk), int.from_bytes(payload[4:8], "big")
    by %= bits
    mixed = int.from_bytes(bytes(x ^ salt[i % len(salt)] for i, x in enumerate(sk)), "big")
    mixed = ((mixed >> by) | (mixed << (bits - by))) & ((1 << bits) - 1)
    return join(shk, mixed.to_bytes(len(sk), "big"), salt)


def without_salt(helper, rv, packages, profile, tries):
    """A salt of all zeros stands for any that she might try."""
    answer = helper.ask("slices", profile, rv, bytes(32), rv[5:36], tries, *packages)
    return answer[0] == "ok", int(answer[1]), float(answer[2])


def paper(ctx, helper, bed_, packages, rv):
    b, bob = bed_
    shk, _, salt = parts(first_state(helper, b, packages))
    won, tries, seconds = without_salt(helper, rv, packages, "paper", SLICES)
    yield result("brute-force", "paper", "Rv, without the salt", won, tries=tries,
                 cost=f"{seconds:.2f} s for one salt of 2^252",
                 note=f"all {tries} slices tried for one salt: {'found' if won else 'nothing'}",
                 numbers={"tries": tries, "seconds": seconds})
    found, tries, seconds, *keys = helper.ask("slices", "paper", rv, salt, shk, SLICES, *packages)
    shown = 0
    if found == "ok":
        forge(b, helper, packages, shk, bytes.fromhex(keys[1]), salt)
        shown = sum(m["text"] == FORGED for m in bob.shown)
    yield result("brute-force", "paper", "Rv, the salt and Shk", shown > 0, tries=int(tries),
                 cost=f"{float(seconds):.2f} s",
                 note=f"Sk {'found' if found == 'ok' else 'not found'} after {tries} of {SLICES} "
                      f"slices; her next message was {'shown as verified' if shown else 'refused'}",
                 numbers={"tries": int(tries), "seconds": float(seconds), "slices": SLICES})
    most = 1_000_000 if ctx.short else 10_000_000
    found, tries, seconds, *_ = helper.ask("slices", "paper", rv, salt, "-", most, *packages)
    hours = SLICES ** 2 / 2 * float(seconds) / int(tries) / 3600
    yield result("brute-force", "paper", "Rv and the salt", hours < A_MONTH, tries=SLICES ** 2 // 2,
                 cost=f"{hours:.1f} hours of one core on average, computed",
                 note=f"{int(tries) / float(seconds):.0f} pairs a second, measured over {tries} of "
                      f"{SLICES}^2 = 2^{(SLICES ** 2).bit_length() - 1}.. pairs of slices, where the "
                      "paper counts 2^3060",
                 numbers={"tries": int(tries), "seconds": float(seconds), "hours": hours})


def hardened(ctx, helper, profile, packages, rv):
    tries = 3_000 if ctx.short else 50_000
    won, tries, seconds = without_salt(helper, rv, packages, profile, tries)
    yield result("brute-force", profile, "Rv and the salt", won, tries=tries,
                 cost=f"{1e6 * seconds / tries:.0f} us a guess",
                 note=f"{tries} slices as Sk and Shk opened nothing; both are derived from a random "
                      "secret of the pair, and the session's keys from a handshake besides",
                 numbers={"tries": tries, "seconds": seconds})


def run(ctx):
    with Helper(ctx) as helper:
        for profile in ctx.profiles_but("sga"):
            with bed("alice", "bob") as b:
                bob, packages = capture(b, profile)
                rv = rv_of(b, "synth1a.pgm", "synth2a.pgm")
                assert len(packages) == CAPTURED
                if profile == "paper":
                    yield from paper(ctx, helper, (b, bob), packages, rv)
                else:
                    yield from hardened(ctx, helper, profile, packages, rv)


if __name__ == "__main__":
    main(run)
