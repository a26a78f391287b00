#!/usr/bin/env python3
"""forgery: does the receiver show, as verified, a message that the sender never sent?

    forgery.py [--seed N] [--short] [--json]

The attacker on the way changes the text of every package and writes four digits of her own into the
picture, at the places that the profile uses; R^T she leaves as it was. She cannot compute MACLESS
without the keys, so she always writes the sum that is most frequent. Each failure ends the session,
so a try costs the honest devices a new negotiation; that they make one soon, she sees to by telling
the sender that the receiver has no session. First many tries through the receiver's check
alone, then the same over real sockets. `auth` gets the same budget: its places are secret as well,
so she writes a random tag at places that she guesses. In `sga`, which has no picture, it is nonce,
ciphertext and tag.
"""
import random
import time

from bed import DOWN, UP, Frame, Helper, Receiver, bed, decode, frame
from result import main, result

OFFLINE, OFFLINE_SHORT = 1_000_000, 200_000
BUDGET, BUDGET_SHORT = 3000, 1200
FORGED = b"pay mallory 1000"
VERIFIED, UNVERIFIABLE = 1, 3
SEALED, PAPER, SGA = 2, 3, 4  # the profile's number, the first byte of a package


def digit_sums():
    """The chance of each sum of the codes of 40 random hex digits."""
    chances = {0: 1.0}
    for _ in range(40):
        following = {}
        for total, chance in chances.items():
            for digit in b"0123456789abcdef":
                following[total + digit] = following.get(total + digit, 0) + chance / 16
        chances = following
    return chances


def best_guess():
    """Its four digits, and how often it is right."""
    total, chance = max(digit_sums().items(), key=lambda item: item[1])
    return b"%d" % total, chance


class Forger:
    """A rule: every package of the sender carries our text and a guess to the cloud; a receipt that
    refuses it comes back as one that names the sender's own bytes and knows no session."""

    def __init__(self, helper, guess, rng, text=FORGED):
        self.helper, self.guess, self.rng, self.text = helper, guess, rng, text
        self.tries, self.digest = 0, None

    def __call__(self, link, way, f):
        if f.name == "PACKAGE" and way == UP:
            return self.forge(f)
        if f.name == "RECEIPT" and way == DOWN:
            said = decode(f.name, f.body)
            if said["status"] != VERIFIED and self.digest is not None:
                return [frame(f.name, {**said, "status": UNVERIFIABLE, "digest": self.digest,
                                       "mac": bytes(16)})]
        return None

    def forge(self, f):
        self.digest = bytes.fromhex(self.helper.ask("digest", f.body)[1])
        if f.body[0] == SGA:
            return [self.random_field(f)]
        if f.body[0] == PAPER:
            hidden = bytes.fromhex(self.helper.ask("hidden", f.body)[1])
            payload = self.guess + hidden[len(self.guess):]
        else:
            payload = self.rng.randbytes(24)
        self.tries += 1
        text = self.text
        if f.body[0] == SEALED:  # as long as the ciphertext was
            text = text.ljust(len(decode(f.name, f.body)["message"]))
        forged = self.helper.ask("forge", f.body, text, payload)[1]
        return [Frame(f.name, bytes.fromhex(forged))]

    def random_field(self, f):
        """Without a picture: nonce, ciphertext and tag at random."""
        values = decode(f.name, f.body)
        self.tries += 1
        return frame(f.name, {**values, "message": self.rng.randbytes(len(values["message"]))})


def offline(ctx, helper, profile, guess, chance):
    tries = OFFLINE_SHORT if ctx.short else OFFLINE
    payload = {"paper": guess, "sga": b""}.get(profile, random.Random(ctx.seed).randbytes(24))
    hits, seconds = helper.ask("guess", profile, tries, payload, ctx.seed)[1:]
    hits = int(hits)
    rate = f"1 in {tries / hits:.0f}" if hits else "never"
    theory = f"1 in {1 / chance:.0f}" if profile == "paper" else "1 in 2^128"
    return result("forgery", profile, "blind guesses through the receiver's check", hits > 0,
                  tries=round(tries / hits) if hits else tries,
                  cost="one guess each" if hits else f"{tries} guesses",
                  note=f"right {hits} times of {tries}, {rate}; in theory {theory}",
                  numbers={"hits": hits, "tries": tries, "seconds": float(seconds),
                           "theory": 1 / chance if profile == "paper" else 2 ** 128})


def online(ctx, helper, profile, guess):
    budget = BUDGET_SHORT if ctx.short else BUDGET
    if profile != "paper":
        budget = 300 if ctx.short else 1000
    with bed("alice", "bob") as b:
        b.rule = forger = Forger(helper, guess, random.Random(ctx.seed))
        bob = Receiver(b, "bob")
        began = time.monotonic()
        sent = 0
        while not bob.shown and sent < budget:
            told = b.say("alice", "bob", f"genuine {sent}", profile, "--timeout", "5")
            sent += 1
        seconds = time.monotonic() - began
        forged = [m for m in bob.shown if not m.get("text", "").startswith("genuine")]
        b.rule = None
        verdict = (f"shown as verified after {forger.tries} tries, the sender was told "
                   f"{told['status']}" if forged else f"never shown in {forger.tries} tries")
        return result("forgery", profile, "over real sockets, until the receiver is deceived",
                      bool(forged), tries=forger.tries,
                      cost=f"{seconds:.0f} s, a negotiation each" if profile == "paper"
                      else f"{seconds:.0f} s",
                      note=f"the forged text was {verdict}",
                      numbers={"tries": forger.tries, "seconds": round(seconds, 1),
                               "refused": len(bob.refused)})


def run(ctx):
    guess, chance = best_guess()
    with Helper(ctx) as helper:
        for profile in ctx.profiles:
            yield offline(ctx, helper, profile, guess, chance)
            yield online(ctx, helper, profile, guess)


if __name__ == "__main__":
    main(run)
