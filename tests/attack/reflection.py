#!/usr/bin/env python3
"""reflection: does a device take for the other's what it sent itself?

    reflection.py [--seed N] [--short] [--json]

Alice and bob have a session each way. What alice sends comes back to her receiving program: as it
was, with the names exchanged, with the direction turned, and under the name of bob's session. The
same with her steps of a negotiation. Success: she shows it, or takes herself for bob.
"""
from bed import DOWN, UP, Receiver, bed, decode, frame, settle
from result import main, result


def variants(mine, theirs):
    back = {**mine, "from": mine["to"], "to": mine["from"]}
    yield mine
    yield back
    yield {**back, "direction": 1}
    yield {**mine, "direction": 1}
    yield {**back, "session": theirs["session"], "index": theirs["index"] + 1}


def packages(b, profile):
    Receiver(b, "bob")
    alice = Receiver(b, "alice")
    b.say("bob", "alice", "from bob", profile)
    b.say("alice", "bob", "from alice", profile)
    mine, theirs = b.packages("bob")[-1], b.packages("alice")[-1]
    tries = 0
    for values in variants(mine, theirs):
        b.inject("alice", values)
        tries += 1
    settle()
    return tries, sum(m.get("text") == "from alice" for m in alice.shown)


def steps(b, profile):
    """What she seals to the cloud in step 2 comes to her as step 3, with PEER and SALT as a
    responder would get them; and as step 5."""
    Receiver(b, "bob")
    alice = Receiver(b, "alice")
    b.say("alice", "bob", "from alice", profile)
    asked = b.proxy.frames("NEG_REQUEST", "alice", UP)[-1]
    salt = b.proxy.frames("SALT", "alice", DOWN)[-1]
    peer = b.proxy.frames("PEER", "alice", DOWN)[-1]
    link = b.proxy.link_of("alice", "receive")
    link.send(DOWN, frame("PEER", peer), frame("SALT", salt), frame("NEG_FORWARD", asked))
    settle()
    link = b.proxy.link_of("alice", "receive")
    swapped = {**salt, "initiator": salt["responder"], "responder": salt["initiator"]}
    if link is not None:
        link.send(DOWN, frame("PEER", peer), frame("SALT", swapped), frame("NEG_FORWARD", asked))
        settle()

    def answer(link, way, f):
        """Her own step 2 as the answer to it."""
        if f.name != "NEG_REQUEST" or way != UP:
            return None
        link.send(DOWN, frame("NEG_RESULT", decode(f.name, f.body)))
        return []

    b.rule = answer
    b.new_session("alice")
    said = b.say("alice", "bob", "to myself", profile, "--timeout", "2")
    b.rule = None
    accepted = sum(a["reason"] == 0 for a in b.proxy.frames("NEG_ANSWER", "alice", UP))
    return 3, accepted + (said["status"] in ("accepted", "receipted")) + len(alice.shown)


def run(ctx):
    for profile in ctx.profiles:
        for name, attack in (("packages come back", packages), ("steps come back", steps)):
            with bed("alice", "bob") as b:
                tries, won = attack(b, profile)
                yield result("reflection", profile, name, won > 0, tries=tries,
                             cost="captured frames", note=f"{won} of {tries} taken for the peer's",
                             numbers={"won": won, "tries": tries})


if __name__ == "__main__":
    main(run)
