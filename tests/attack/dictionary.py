#!/usr/bin/env python3
"""dictionary: signatures are no secret. What does a collection of scans give?

    dictionary.py [--seed N] [--short] [--json]

The attacker has scans of some hands, alice's and bob's among them, and the program: she computes Rv
for every pair of her collection and searches each for a slice that the captured packages confirm.
As in brute-force she also has the salt, which no collection gives, and Shk must be a slice of the
same Rv: she tries a sample of them. Success is the right pair of hands told by a key that fits. It
says who talks, too. In `auth` the same collection opens nothing.
"""
import itertools

from bed import Helper, bed
from brute_force import first_state
from result import main, result
from slices import SLICES, capture, parts, rv_of

COLLECTION = ("synth3a.pgm", "synth1b.pgm", "synth2b.pgm", "synth1a.pgm", "synth2a.pgm")


def search(ctx, helper, b, profile, packages):
    """Pairs of hands tried, guesses, and the pair that fits, or None."""
    shk, salt = b"", bytes(32)
    if profile == "paper":
        shk, _, salt = parts(first_state(helper, b, packages))
    most = SLICES if profile == "paper" else (300 if ctx.short else 3000)
    pairs, guesses = 0, 0
    for one, other in itertools.combinations(COLLECTION, 2):
        rv = rv_of(b, one, other)
        pairs += 1
        if profile == "paper" and shk not in rv:
            continue  # of this Rv that Shk is no slice
        found, tries, *_ = helper.ask("slices", profile, rv, salt, shk or rv[5:36], most, *packages)
        guesses += int(tries)
        if found == "ok":
            return pairs, guesses, (one, other)
    return pairs, guesses, None


def run(ctx):
    with Helper(ctx) as helper:
        for profile in ctx.profiles_but("sga"):
            with bed("alice", "bob") as b:
                _, packages = capture(b, profile)
                pairs, guesses, fits = search(ctx, helper, b, profile, packages)
                right = fits is not None and set(fits) == {"synth1a.pgm", "synth2a.pgm"}
                yield result("dictionary", profile, "a collection of scans, the salt and Shk", right,
                             tries=guesses, cost=f"{pairs} pairs of {len(COLLECTION)} scans",
                             note="Sk found, and whose hands they are" if right
                             else f"nothing fits in {pairs} pairs of scans",
                             numbers={"pairs": pairs, "guesses": guesses})


if __name__ == "__main__":
    main(run)
