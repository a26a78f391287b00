#!/usr/bin/env python3
"""parallel: several sessions at once. Is anything of one taken in another?

    parallel.py [--seed N] [--short] [--json]

Alice and bob have a session each way and mallory one with bob. Success is a package shown in another
session than its own, or a session that comes into being out of repeated steps of a negotiation.
"""
from bed import DOWN, UP, Receiver, bed, frame, settle
from result import main, result


def sessions_of(b, device):
    return {bytes(row[0]) for row in b.ask(device, "SELECT session FROM recv_session")}


def spliced(b, profile):
    """Every package under the name of every other session of the same receiver, and to its sender.
    Returns how many were tried and how many were shown."""
    bob, alice = Receiver(b, "bob"), Receiver(b, "alice")
    for sender, to in (("alice", "bob"), ("mallory", "bob"), ("bob", "alice")):
        b.say(sender, to, f"{sender} to {to}", profile)
    packages = b.packages("bob") + b.packages("alice")
    before, tries = len(bob.shown) + len(alice.shown), 0
    for values in packages:
        for other in packages:
            if other["session"] == values["session"]:
                continue
            b.inject(other["to"], {**values, "session": other["session"],
                                   "index": other["index"] + 1, "seq": other["seq"] + 1,
                                   "from": other["from"], "to": other["to"]})
            tries += 1
    settle()
    return tries, len(bob.shown) + len(alice.shown) - before


def repeated_steps(b, profile):
    """Bob hears PEER, SALT and step 3 of a finished negotiation again, before and after the next
    one; the cloud hears steps 1 and 2."""
    Receiver(b, "bob")
    b.say("alice", "bob", "first", profile)
    link = b.proxy.link_of("bob", "receive")
    old = {name: b.proxy.frames(name, "bob", DOWN)[-1] for name in ("PEER", "SALT", "NEG_FORWARD")}
    steps = {name: b.proxy.frames(name, "alice", UP)[-1] for name in ("OPEN", "NEG_REQUEST")}
    tries = 0
    for text in ("second", "third"):
        b.new_session("alice")
        b.say("alice", "bob", text, profile)
        known = sessions_of(b, "bob")
        for name, values in old.items():
            link.send(DOWN, frame(name, values))
        tries += 1
        settle()
        if sessions_of(b, "bob") - known:
            return tries, 1

    def with_old_steps(_, way, f):
        """The sender's next negotiation, with the steps of the first in its place."""
        return [frame(f.name, steps[f.name])] if way == UP and f.name in steps else None

    known = sessions_of(b, "bob")
    b.rule = with_old_steps
    b.new_session("alice")
    said = b.say("alice", "bob", "fourth", profile, "--timeout", "2")
    b.rule = None
    made = sessions_of(b, "bob") - known
    return tries + 1, int(bool(made) and said["status"] == "receipted")


CASES = (("a package in another session", spliced, "shown"),
         ("steps of an old negotiation again", repeated_steps, "made a session"))


def run(ctx):
    for profile in ctx.profiles:
        for name, attack, what in CASES:
            with bed("alice", "bob", "mallory") as b:
                tries, won = attack(b, profile)
                yield result("parallel", profile, name, won > 0, tries=tries,
                             cost="captured frames", note=f"{won} of {tries} {what}",
                             numbers={"won": won, "tries": tries})


if __name__ == "__main__":
    main(run)
