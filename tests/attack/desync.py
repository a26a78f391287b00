#!/usr/bin/env python3
"""desync: one package is dropped on the way to the receiver. How many of the following messages are
lost to the user?

    desync.py [--seed N] [--short] [--json]

Success is that a message besides the dropped one does not reach the receiver in the session it was
sent in: the two ends no longer agree about the session.
"""
from bed import DOWN, Receiver, Stream, bed, settle, wait_until
from result import main, result

BEFORE, AFTER = 2, 6


class Drop:
    """A rule: the package of this number, whenever it comes, does not."""

    def __init__(self, index):
        self.index, self.session, self.dropped = index, None, 0

    def __call__(self, link, way, f):
        if f.name != "PACKAGE" or way != DOWN:
            return None
        at = 1 + 1 + 32 + 1  # profile, codec, session, direction
        session, index = f.body[2:34], int.from_bytes(f.body[at:at + 8], "big")
        self.session = self.session or session
        if session != self.session or index != self.index:
            return None
        self.dropped += 1
        return []


def run(ctx):
    for profile in ctx.profiles:
        with bed("alice", "bob") as b:
            b.rule = drop = Drop(BEFORE)
            bob = Receiver(b, "bob")
            stream = Stream(b, "alice", "bob", profile)
            for i in range(BEFORE + 1 + AFTER):
                stream.send(f"message {i}")
                if i == BEFORE:
                    wait_until("the package is dropped", lambda: drop.dropped)
            wait_until("the others have ended", lambda: stream.done(BEFORE + AFTER))
            first = drop.session.hex()
            in_time = [m for m in bob.shown if m["session"] == first]
            lost = BEFORE + AFTER - len(in_time)
            rejected = sum(s == "rejected" for s in stream.last().values())
            b.rule = None
            bob.stop()
            bob.start()
            settle(1)
            late = f"message {BEFORE}" in bob.texts()
            stream.program.stop()
            note = (f"of {AFTER} messages after the dropped one {lost} were lost, {rejected} of them "
                    f"reported as rejected; the dropped one {'came' if late else 'did not come'} "
                    "after a reconnect")
            yield result("desync", profile, "one package dropped before the receiver", lost > 0,
                         tries=1, cost="one dropped package", note=note,
                         numbers={"lost": lost, "rejected": rejected, "after": AFTER,
                                  "late": late})


if __name__ == "__main__":
    main(run)
