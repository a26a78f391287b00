#!/usr/bin/env python3
"""backward: a device is stolen after some messages. Does what it holds open the earlier ones?

    backward.py [--seed N] [--short] [--json]

The attacker has captured everything and now has the receiver's state.db, copied while the session
goes on. Success is a key with which the receiver's own check accepts an earlier package: she could
have made it, so nobody can rely on it afterwards. In `paper` Sk turns by R^T, which every picture
gives away, so she turns it back. In `auth` every 32 bytes of the stolen file are tried, as a chain
key and as a message key. As a control the stolen state must open the message after the theft.
"""
import os
import shutil
import sqlite3

from bed import Failure, Helper, Receiver, bed, frame
from result import main, result
from slices import state_of, turned_back

BEFORE = 5
LOOK_AHEAD = 8  # steps of a chain from each candidate


def blobs(path):
    """Every distinct small blob in a database."""
    db = sqlite3.connect(path)
    found = set()
    for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        for row in db.execute(f"SELECT * FROM {table}").fetchall():
            found |= {bytes(v) for v in row if isinstance(v, bytes) and 32 <= len(v) <= 512}
    db.close()
    return found


def steal(b, bob):
    """The receiver's home, at rest."""
    bob.stop()
    home = b.path("stolen")
    shutil.copytree(b.path("bob"), home)
    bob.start()
    return home


def paper(helper, home, packages):
    """Turned back from the stolen state, package by package; how many open."""
    state, opened = state_of(home, packages[-1]["session"]), 0
    for values in reversed(packages[:BEFORE]):
        body = frame("PACKAGE", values).body
        state = turned_back(state, bytes.fromhex(helper.ask("hidden", body)[1]))
        opened += helper.ask("open", state, body, 0)[0] == "ok"
    return opened, BEFORE


def hardened(helper, home, packages):
    opened = tries = 0
    hay = blobs(os.path.join(home, "state.db"))
    for values in packages[:BEFORE]:
        body = frame("PACKAGE", values).body
        for blob in hay:
            verdict, tried = helper.ask("scan", blob, body, LOOK_AHEAD)
            tries += int(tried)
            if verdict == "ok":
                opened += 1
                break
    return opened, tries


def run(ctx):
    with Helper(ctx) as helper:
        for profile in ctx.profiles:
            with bed("alice", "bob") as b:
                bob = Receiver(b, "bob")
                for i in range(BEFORE):
                    b.say("alice", "bob", f"before {i}", profile)
                home = steal(b, bob)
                b.say("alice", "bob", "after", profile)
                packages = b.packages("bob")
                body = frame("PACKAGE", packages[BEFORE]).body
                state = state_of(home, packages[BEFORE]["session"])
                if helper.ask("open", state, body, 0)[0] != "ok":
                    raise Failure("the stolen state does not open the next message")
                attack = paper if profile == "paper" else hardened
                opened, tries = attack(helper, home, packages)
                yield result("backward", profile, "the receiver's state is stolen", opened > 0,
                             tries=tries, cost="a copy of state.db, captured packages",
                             note=f"keys of {opened} of {BEFORE} earlier messages; the next "
                                  "message's key is there in every profile",
                             numbers={"opened": opened, "tries": tries, "before": BEFORE})


if __name__ == "__main__":
    main(run)
