#!/usr/bin/env python3
"""online-guess: guessing at the cloud's door, where each try is a question to the real server.

    online_guess.py [--seed N] [--short] [--json]

Two guesses: the one-time token of an invited device, by strangers who complete the hop; and the
secrets of a negotiation (salt XOR Sk, Shk), by an attacker on the way who sends step 2 in the
sender's name. Success is a token or a request that the cloud accepts. The cost of a try is measured,
and what the whole space would take at that rate.
"""
import os
import random
import time

from bed import SCANS, UP, Helper, Receiver, bed, decode, frame
from result import main, result
from testbed import SIGNATURES

YEAR = 365 * 86400


def tokens(b, rng, tries):
    """Wrong tokens for an id that was invited. One process each: a stranger's connection is closed
    after a wrong token."""
    b.run("cloudd", "invite", "--home", b.path("cloud"), "victim")
    won, began = 0, time.monotonic()
    for n in range(tries):
        home = b.path(f"stranger-{n}")
        b.run("sds", "enroll", "--home", home, "--id", "victim", "--cloud",
              f"127.0.0.1:{b.cloud_port}", "--cloud-key", b.cloud_key, "--token",
              rng.randbytes(16).hex(), "--signature", f"{SIGNATURES}/{SCANS['mallory']}",
              codes=(0, 1, 3))
        won += os.path.exists(os.path.join(home, "device.conf"))
    return won, time.monotonic() - began


def masks(b, helper, rng, profile, tries):
    """Step 2 is exchanged for one with guessed secrets, which the attacker seals herself: the
    cloud's key is public. In `paper` Sk and Shk are slices of Rv, which she may even have."""
    Receiver(b, "bob")
    guesses = []

    def guess(_, way, f):
        if f.name != "NEG_REQUEST" or way != UP:
            return None
        guesses.append(1)
        values = decode(f.name, f.body)
        lengths = (32, 32) if profile != "paper" else (rng.randint(14, 64), rng.randint(14, 64))
        sealed = helper.ask("request", bytes.fromhex(b.cloud_key), values["negotiation"], "alice",
                            "bob", rng.randbytes(32), *map(rng.randbytes, lengths))[1]
        return [frame(f.name, {**values, "sealed": bytes.fromhex(sealed)})]

    b.rule = guess
    began, won = time.monotonic(), 0
    for n in range(tries):
        said = b.say("alice", "bob", f"guess {n}", profile, "--no-wait", "--timeout", "1")
        won += said["status"] not in ("queued", "rejected")
    b.rule = None
    refused = len(b.proxy.frames("NEG_REJECT", "alice"))
    return won, time.monotonic() - began, len(guesses), refused


def run(ctx):
    tries = 20 if ctx.short else 200
    rng = random.Random(ctx.seed)
    for profile in ctx.profiles:
        with Helper(ctx) as helper, bed("alice", "bob") as b:
            won, seconds = tokens(b, rng, tries)
            years = 2 ** 127 * seconds / tries / YEAR
            yield result("online-guess", profile, "enrolment tokens", won > 0, tries=tries,
                         cost=f"{1000 * seconds / tries:.0f} ms a try",
                         note=f"{won} of {tries} accepted; half of all 2^128 would take "
                              f"{years:.0e} years, and a token lives a day",
                         numbers={"won": won, "tries": tries, "seconds": round(seconds, 2)})
            won, seconds, guesses, refused = masks(b, helper, rng, profile, max(tries // 20, 1))
            yield result("online-guess", profile, "the secrets of a negotiation", won > 0,
                         tries=guesses, cost=f"{1000 * seconds / max(guesses, 1):.0f} ms a try",
                         note=f"{won} of {guesses} accepted, {refused} refused; each refusal ends "
                              "the negotiation, the next has a new salt",
                         numbers={"won": won, "tries": guesses, "refused": refused})


if __name__ == "__main__":
    main(run)
