#!/usr/bin/env python3
"""traffic: what does an eavesdropper learn who can read nothing, only see frames pass?

    traffic.py [--seed N] [--short] [--json]

The hop is sealed, the default. Two questions. How long is a message? Messages of sixteen lengths are
sent in random order, and told by the size of the sealed frame alone, which the attacker knows from
messages of her own; success is that more than half are told rightly, where guessing tells one in
sixteen. Who talks to whom? Two senders and two receivers
are at work; for each frame that goes up, the receiver is told by size and time of the next frame of
that size that comes down; success is more than three in four, where guessing tells half. No profile
hides either. It is out of scope, and stays in the matrix as what it is.
"""
import random

from bed import DOWN, SEALED, UP, Receiver, bed, settle
from result import main, result

LENGTHS = tuple(range(10, 330, 20))
LEAST = 2000  # bytes of a frame that holds an image


def lengths(ctx, profile):
    rng = random.Random(ctx.seed)
    with bed("alice", "bob", hop=SEALED) as b:
        Receiver(b, "bob")
        seen = []
        b.proxy.rule = lambda link, way, f: seen.append(5 + len(f.body)) if way == UP else None
        truth = list(LENGTHS) + rng.choices(LENGTHS, k=20 if ctx.short else 100)
        sizes = []
        for length in truth:
            seen.clear()
            b.say("alice", "bob", "x" * length, profile)
            large = [n for n in seen if n > LEAST]
            sizes.append(large[-1] if large else 0)
        known = {}  # size to the lengths that it may be; the first of them is the guess
        for size, length in zip(sizes[:len(LENGTHS)], LENGTHS):
            known.setdefault(size, []).append(length)
        sizes, truth = sizes[len(LENGTHS):], truth[len(LENGTHS):]
        told = sum(known.get(size, [0])[0] == length for size, length in zip(sizes, truth))
        return result("traffic", profile, "the length of a message", told > len(truth) / 2,
                      tries=len(truth), cost="listening",
                      note=f"{told} of {len(truth)} lengths told by the size of the frame; "
                           f"{len(known)} sizes for {len(LENGTHS)} lengths",
                      numbers={"told": told, "of": len(truth)})


def partners(ctx, profile):
    """Connections are told apart by their ports; who a connection is does not matter here."""
    rng = random.Random(ctx.seed)
    with bed("alice", "bob", "mallory", hop=SEALED) as b:
        passed = []  # (when, way, link, size)
        b.proxy.rule = lambda link, way, f: passed.append((b.proxy.clock(), way, link,
                                                           5 + len(f.body)))
        receivers = {}
        for name in ("bob", "mallory"):
            Receiver(b, name)
            settle(0.2)
            receivers[name] = b.proxy.links[-1]
        truth = []
        for i in range(20 if ctx.short else 60):
            truth.append(rng.choice(("bob", "mallory")))
            b.say("alice", truth[-1], f"message {i:04}", profile)
        ups = [x for x in passed if x[1] == UP and x[3] > LEAST]
        right = 0
        for (when, _, _, size), to in zip(ups, truth):
            after = [x for x in passed if x[1] == DOWN and x[0] >= when and x[3] == size]
            right += bool(after) and after[0][2] is receivers[to]
        return result("traffic", profile, "who talks to whom", right > 3 * len(truth) / 4,
                      tries=len(truth), cost="listening",
                      note=f"{right} of {len(truth)} receivers told by size and time",
                      numbers={"told": right, "of": len(truth)})


def run(ctx):
    for profile in ctx.profiles_but("sga"):
        yield lengths(ctx, profile)
        yield partners(ctx, profile)


if __name__ == "__main__":
    main(run)
