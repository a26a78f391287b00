#!/usr/bin/env python3
"""insider: what can another enrolled device do, what the operator of the cloud?

    insider.py [--seed N] [--short] [--json]

Mallory is enrolled and her program lies: she sends in alice's name, into alice's session, takes
alice's negotiation further, asks for bob's packages and gives receipts for him. The operator has the
cloud's folder with cloud.db and cloud.key: he reads waiting packages, and he makes one that alice
never sent, with every key that his folder holds. At last the cloud itself is hostile from the first
contact (tests/integration/hostile_cloud/): it plays alice to bob with a key of its own, which bob
can only notice if he knows hers. As a member of a set (insider_set.py) mallory forges to the other
members, and when she was removed reads on. Success is a message read, shown or receipted that should
not be.
"""
import os
import shutil
import sqlite3
import subprocess

import insider_set
from bed import DOWN, UP, Failure, Helper, Receiver, bed, decode, frame, settle, wait_until
from result import main, result
from testbed import BUILD

FORGED = "pay mallory 1000"
VAULT_PAIR, VAULT_STATE = 2, 4
ROLLING = 64  # steps of a chain that are tried from each key


# ---- another device ----

def in_her_name(b, _, profile):
    """Mallory's packages to bob say that they are alice's: as they are, and under alice's session."""
    bob = Receiver(b, "bob")
    b.say("alice", "bob", "control", profile)
    alices = b.packages("bob")[-1]

    def lie(inside):
        def rule(link, way, f):
            if f.name != "PACKAGE" or way != UP or link.who != "mallory":
                return None
            return [frame(f.name, {**decode(f.name, f.body), **inside})]
        return rule

    name = {"from": "alice"}
    place = {"session": alices["session"], "index": alices["index"] + 1}
    lies = (name, {**name, **place}, place)
    for inside in lies:
        b.rule = lie(inside)
        b.say("mallory", "bob", FORGED, profile, "--timeout", "1")
    b.rule = None
    settle()
    won = sum(m["from"] == "alice" or m["session"] == alices["session"].hex()
              for m in bob.shown if m["text"] == FORGED)
    return len(lies), won, f"{won} of {len(lies)} shown as alice's"


def in_her_negotiation(b, _, profile):
    """Mallory, attached as herself, sends alice's steps 1 and 2, with alice's T, and answers bob's
    step 4; then her own step 2 under alice's T."""
    bob = Receiver(b, "bob")
    b.say("alice", "bob", "control", profile)
    asked = b.proxy.frames("NEG_REQUEST", "alice", UP)[-1]
    answered = b.proxy.frames("NEG_ANSWER", "bob", UP)[-1]
    waiting = []

    def hold(link, way, f):  # alice's next negotiation stands at step 2
        if f.name == "NEG_REQUEST" and link.who == "alice":
            waiting.append(decode(f.name, f.body))
            return []
        return None

    b.rule = hold
    b.new_session("alice")
    b.say("alice", "bob", "waits", profile, "--timeout", "1")
    b.rule = None
    mallory = Receiver(b, "mallory")
    up = b.proxy.link_of("mallory", "receive")
    up.send(UP, frame("NEG_ANSWER", {**answered, "negotiation": waiting[-1]["negotiation"]}))
    settle()

    def replace(link, way, f):
        if f.name == "NEG_REQUEST" and link.who == "mallory":
            own = decode(f.name, f.body)
            return [frame(f.name, asked), frame(f.name, waiting[-1]),
                    frame(f.name, {**own, "negotiation": waiting[-1]["negotiation"]})]
        return None

    b.rule = replace
    said = b.say("mallory", "bob", FORGED, profile, "--timeout", "1")
    b.rule = None
    won = int(said["status"] == "receipted" or FORGED in bob.texts()) + len(mallory.shown)
    return 4, won, f"mallory was told {said['status']}"


def for_the_receiver(b, _, profile):
    """A package waits for bob, who is away. Mallory asks for his mail and says that he has it."""
    bob = Receiver(b, "bob")
    b.say("alice", "bob", "control", profile)
    receipt = b.proxy.frames("RECEIPT", "bob", UP)[-1]
    bob.stop()
    b.say("alice", "bob", "for bob only", profile, "--no-wait")
    mallory = Receiver(b, "mallory")
    link = b.proxy.link_of("mallory", "receive")
    link.send(UP, frame("RECEIPT", {**receipt, "index": receipt["index"] + 1}))
    settle()
    said = b.say("alice", "bob", "later", profile, "--no-wait", "--timeout", "1")
    won = len(mallory.shown) + len(b.packages("mallory")) + int(said["status"] == "receipted")
    return 2, won, f"{len(b.packages('mallory'))} packages for bob reached her"


# ---- the operator ----

class Folder:
    """A copy of the cloud's folder, taken while it runs, and what it gives away."""

    def __init__(self, b, helper):
        self.at = b.path("stolen")
        shutil.rmtree(self.at, ignore_errors=True)
        shutil.copytree(b.path("cloud"), self.at)
        with open(os.path.join(self.at, "cloud.key"), "rb") as f:
            self.key = f.read()
        self.db = sqlite3.connect(os.path.join(self.at, "cloud.db"))
        self.helper = helper

    def rows(self, text):
        return self.db.execute(text).fetchall()

    def unseal(self, kind, name, sealed):
        answer = self.helper.ask("unseal", self.key, kind, name.encode(), bytes(sealed))
        if answer[0] != "ok":
            raise Failure(f"the vault's record {name} does not open")
        return bytes.fromhex(answer[1])

    def pair(self):
        """Rv, the pair's secret and the slice of Shk, as the vault keeps them."""
        ids = dict(self.rows("SELECT enrolment, id FROM devices"))
        a, z, sealed = self.rows("SELECT enrolment_a, enrolment_b, sealed FROM pairs")[0]
        return self.unseal(VAULT_PAIR, f"{ids[a]} {a} {ids[z]} {z}", sealed)

    def states(self):
        return [(bytes(session), self.unseal(VAULT_STATE, bytes(session).hex(), sealed))
                for session, sealed in self.rows("SELECT session, sealed FROM states")]

    def close(self):
        self.db.close()
        shutil.rmtree(self.at)


def operator_reads(b, helper, profile):
    bob = Receiver(b, "bob")
    b.say("alice", "bob", "control", profile)
    bob.stop()
    b.say("alice", "bob", "read by nobody else", profile, "--no-wait")
    folder = Folder(b, helper)
    bodies = [bytes(row[0]) for row in folder.rows("SELECT body FROM packages")]
    read = sum(b"read by nobody else" in body for body in bodies)
    folder.close()
    return 1, read, f"{read} of {len(bodies)} waiting messages read"


def operator_forges(b, helper, profile):
    """Every key in the folder is tried: the cloud's copies of sessions, and any 32 bytes of the
    pair's record, as a session's state or as the key of a message."""
    bob = Receiver(b, "bob")
    for i in range(2):
        b.say("alice", "bob", f"genuine {i}", profile)
    folder = Folder(b, helper)
    last = b.packages("bob")[-1]
    state = dict(folder.states()).get(last["session"])
    hay = folder.pair() + bytes(32)
    folder.close()
    following = {**last, "index": last["index"] + 1, "seq": last["seq"] + 1}
    keys = [state] if state else [hay[i:i + 32] for i in range(0, 64)]
    body = frame("PACKAGE", last).body
    found = helper.ask("scan", hay[:96], body, ROLLING)[0] == "ok" if not state else True
    for key in keys[:8]:
        made = helper.ask("make", key, frame("PACKAGE", following).body, FORGED.encode())
        b.inject("bob", decode("PACKAGE", bytes.fromhex(made[1])))
    settle()
    won = sum(m["text"] == FORGED for m in bob.shown)
    if found and not won:
        raise Failure("a key that opens packages made none")
    return len(keys), won, (f"his forgery was {'shown as verified' if won else 'refused'}; "
                            f"{'the state of the session' if state else 'no key of a session'} "
                            "in his folder")


# ---- a cloud that lies from the beginning, against a real sdr ----

def hostile(b, *options):
    driver = os.path.join(os.environ.get("DRIVERS", "build/plain/drivers"), "hostile_cloud")
    home = b.path("hostile-bob")
    with subprocess.Popen([driver, home, "bob"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True) as cloud:
        if cloud.stdout.readline().strip() != "ready":
            raise Failure("hostile_cloud does not start")
        try:
            out = subprocess.run([os.path.join(BUILD, "sdr"), "run", "--home", home, "--json",
                                  "--count", "9", *options], capture_output=True, timeout=5,
                                 check=False).stdout
        except subprocess.TimeoutExpired as e:
            out = e.stdout or b""
        cloud.kill()
    return sum(b'"verified":true' in line for line in out.splitlines())


def first_contact(b, _, profile):
    won = hostile(b)
    return 1, won, f"{won} message of the cloud shown as alice's; the fingerprints would differ"


def first_contact_pinned(b, _, profile):
    """Bob has been told alice's key: any other is refused."""
    won = hostile(b, "--peer-key", "alice=" + bytes([9] + 31 * [0]).hex())
    return 1, won, f"{won} message of the cloud shown as alice's"


CASES = (("another device, in the sender's name", in_her_name, "an enrolment"),
         ("another device, in the sender's negotiation", in_her_negotiation, "an enrolment"),
         ("another device, in the receiver's place", for_the_receiver, "an enrolment"),
         ("the operator reads", operator_reads, "cloud.db"),
         ("the operator forges", operator_forges, "cloud.db, cloud.key"))
HOSTILE = (("a hostile cloud at first contact, keys not compared", first_contact),
           ("a hostile cloud at first contact, keys pinned", first_contact_pinned))


def run(ctx):
    with Helper(ctx) as helper:
        for profile in ctx.profiles:
            has_sets = profile in ("auth", "sealed")
            for name, attack, cost in CASES + (insider_set.CASES if has_sets else ()):
                with bed("alice", "bob", "mallory") as b:
                    tries, won, note = attack(b, helper, profile)
                    yield result("insider", profile, name, won > 0, tries=tries, cost=cost,
                                 note=note, numbers={"tries": tries, "won": won})
        if "auth" in ctx.profiles:
            for name, attack in HOSTILE:
                with bed() as b:
                    tries, won, note = attack(b, helper, "auth")
                    yield result("insider", "auth", name, won > 0, tries=tries,
                                 cost="a cloud that lies", note=note,
                                 numbers={"tries": tries, "won": won})


if __name__ == "__main__":
    main(run)
