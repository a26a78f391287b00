#!/usr/bin/env python3
"""offline-guess: an eavesdropper has a session's frames and nothing else. Can guesses of its keys be
tested, and are there few enough?

    offline_guess.py [--seed N] [--short] [--json]

In `paper` every package is a test: R^T and the tag lie at public places, so a guess of Shk, Sk and
salt can be tried without asking anybody. The guesses here are what a well-informed attacker would
try: slices of a feature vector of other hands as Shk and Sk, and salts of her own drawing. Success
is a guess that the captured packages confirm. What keeps it from succeeding is the salt alone, a
random group element of 252 bits that travels sealed; see brute-force for what is left without it.
"""
import random

from bed import Helper, bed, decode
from result import main, result
from slices import SLICES, capture, rv_of


def run(ctx):
    rng = random.Random(ctx.seed)
    with Helper(ctx) as helper:
        for profile in ctx.profiles_but("sga"):
            tries = (2_000 if ctx.short else 20_000) * (20 if profile == "paper" else 1)
            rounds = 10
            with bed("alice", "bob") as b:
                _, packages = capture(b, profile)
                rv = rv_of(b, "synth3a.pgm", "synth3b.pgm")
                won = done = 0
                seconds = 0.0
                for _ in range(rounds):
                    start = rng.randrange(len(rv) - 64)
                    shk = rv[start:start + rng.randint(14, 64)] or rv[:14]
                    answer = helper.ask("slices", profile, rv, rng.randbytes(32), shk,
                                        tries // rounds, *packages)
                    won += answer[0] == "ok"
                    done += int(answer[1])
                    seconds += float(answer[2])
                tag = "public places" if profile == "paper" else "secret places"
                first = decode("PACKAGE", packages[0])
                yield result("offline-guess", profile, "from captured frames alone", won > 0,
                             tries=done, cost=f"{1e6 * seconds / done:.1f} us a guess",
                             note=f"{won} of {done} guesses confirmed by {len(packages)} packages "
                                  f"({tag}, image {first['width']}x{first['height']}); there are "
                                  f"{SLICES} slices, but 2^252 salts",
                             numbers={"won": won, "tries": done, "seconds": seconds})


if __name__ == "__main__":
    main(run)
