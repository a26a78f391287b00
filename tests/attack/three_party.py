#!/usr/bin/env python3
"""three-party: what Chen 2016 claims in its section 5 of the key that two devices make through their
gateway, here the cloud, and what is true of it.

    three_party.py [--seed N] [--short] [--json]

The claims are mutual authentication, key guessing, undetectable guessing on line, data privacy and
relay. The attacker is on the way, and has besides what a case names: an enrolment of her own, a
device's weak k_d, the keys of everybody when all is over, or, as the cloud's operator, its folder.
Cases "as printed" are of the core alone, where the programs do it otherwise. Success is in each case
what the claim says cannot be.
"""
import os
import random
import struct
import time

from bed import DOWN, UP, Failure, Helper, Receiver, bed, decode, frame, settle, wait_until
from insider import Folder
from result import main, result
from wire import REASONS

ENCRYPT = (2, 3, 4)  # the suites that do
PIN = 4711
NO_MASK = bytes(32)
VAULT_DEVICE = 1


def split(field):
    """The bodies in a field that holds several."""
    parts, at = [], 0
    while at < len(field):
        size, = struct.unpack_from(">I", field, at)
        parts.append(field[at + 4:at + 4 + size])
        at += 4 + size
    return parts


def joined(*parts):
    return b"".join(struct.pack(">I", len(p)) + p for p in parts)


class Case:
    """A bed on which a first message has been delivered, and two helpers."""

    def __init__(self, b, core, sga):
        self.b, self.core, self.sga = b, core, sga
        self.cloud = bytes.fromhex(b.cloud_key)
        self.bob = Receiver(b, "bob")
        if self.say("control")["status"] != "receipted":
            raise Failure("an honest message does not arrive")
        self.suite = self.b.proxy.frames("SALT", "alice", DOWN)[-1]["suite"]

    def ask(self, *words):
        """Bytes of each word of the answer but numbers."""
        answer = self.sga.ask(*words)[1:]
        return [bytes.fromhex(w) if len(w) > 8 else int(w) for w in answer]

    def say(self, text, *options):
        return self.b.say("alice", "bob", text, "sga", *options)

    def sessions(self):
        return {bytes(row[0]) for row in self.b.ask("bob", "SELECT session FROM recv_session")}

    def secret(self):
        with open(self.b.path("cloud", "cloud.key"), "rb") as f:
            return f.read()[:32]

    def dev(self, device):
        with open(self.b.path(device, "device.key"), "rb") as f:
            return f.read()[32:64]

    def next(self, rule, text="next", *options):
        """The next message, in a new session, with this rule; its status, and bob's new sessions."""
        known = self.sessions()
        self.b.new_session("alice")
        self.b.rule = rule
        said = self.say(text, *(options or ("--timeout", "1")))
        self.b.rule = None
        return said["status"], self.sessions() - known

    def asked(self):
        return self.b.proxy.frames("NEG_FORWARD", "bob", DOWN)

    def refusals(self):
        return [REASONS[m["reason"]] for m in self.b.proxy.frames("NEG_REJECT", "alice", DOWN)]


def replaced(name, way, change, who=None):
    """A rule: the fields of one kind of message, changed."""
    def rule(link, w, f):
        if f.name != name or w != way or who not in (None, link.who):
            return None
        values = decode(f.name, f.body)
        return [frame(f.name, {**values, **change(values)})]
    return rule


# ---- mutual authentication ----


def own_steps(c, dev):
    """The next message of alice's, with A1 and B1 of a stranger's own in each step 2. What comes of
    them: how many there were, how many alice was told of, how many bob was asked, and whether there
    is a session."""
    tries, before, asked = [], len(c.refusals()), len(c.asked())

    def own(_):
        tries.append(1)
        return {"noise": c.ask("ask", c.cloud, dev(), "alice", "bob", c.suite)[0]}

    status, made = c.next(replaced("NEG_REQUEST", UP, own), "another's")
    noticed = c.refusals()[before:].count("CHECK_FAILED")
    return (len(tries), noticed, len(c.asked()) - asked, bool(made) or status == "receipted")


def stranger_as_initiator(c):
    tries, noticed, _, won = own_steps(c, lambda: os.urandom(32))
    return tries, won, f"{noticed} of {tries} refused"


def stranger_as_cloud(c):
    """B6 by one who has no K, once to each device."""
    def own():
        return c.ask("grant", "alice", "bob", c.cloud, os.urandom(32))[1]

    def to_alice(values):
        return {"noise": joined(split(values["noise"])[0], own())}

    _, made = c.next(replaced("NEG_GRANT", DOWN, lambda _: {"grant": own()}))
    status, _ = c.next(replaced("NEG_RESULT", DOWN, to_alice))
    return 2, bool(made) or status == "receipted", (
        f"bob made {len(made)} sessions, alice's message was {status}")


def steps_again(c):
    """A1 and B1 of the first run in alice's next: nothing fresh of bob's or the cloud's is in
    them."""
    old = c.b.proxy.frames("NEG_REQUEST", "alice", UP)[-1]["noise"]
    status, made = c.next(replaced("NEG_REQUEST", UP, lambda _: {"noise": old}))
    return 1, bool(made), (f"bob and the cloud made {len(made)} sessions with an alice who was not "
                           f"there; hers was {status}, and who repeats cannot read in it")


def peer_as_cloud(c):
    """Bob's k_d opens A2, the k_t in it opens alice's B1, and the K in that makes a B6 for her."""
    seen, read = {}, []

    def rule(link, way, f):
        if f.name == "NEG_REQUEST" and way == UP:
            values = decode(f.name, f.body)
            seen.update(T=values["negotiation"], B1=split(values["noise"])[1])
        elif f.name == "NEG_FORWARD" and way == DOWN:
            suites = c.b.proxy.frames("SALT", "bob", DOWN)[-1]["r_suites"]
            initial = [s for s in suites if s in ENCRYPT][0]
            seen["kt"] = c.ask("a2", c.dev("bob"), initial, decode(f.name, f.body)["noise"])[0]
        elif f.name == "NEG_RESULT" and way == DOWN:
            values = decode(f.name, f.body)
            if values["negotiation"] != seen.get("T"):
                return None  # the last one's again, if its end did not reach the cloud
            n, once, _ = c.ask("share", c.suite, seen["kt"], seen["B1"])
            e, grant = c.ask("grant", "alice", "bob", c.cloud, once)
            seen["key"] = c.ask("key", values["negotiation"], c.suite, e, n)
            return [frame(f.name, {**values, "noise": joined(split(values["noise"])[0], grant)})]
        elif f.name == "PACKAGE" and way == UP and "key" in seen:
            read.append(c.core.ask("read", seen["key"][1], f.body))
        return None

    c.next(rule, "to the cloud's words")
    won = ["ok", b"to the cloud's words".hex()] in read
    return 1, won, ("alice sent under a key of which the cloud knows nothing" if won
                    else "alice refused")


# ---- key guessing ----


def random_key(c):
    a2 = c.asked()[-1]["noise"]
    answers = [c.sga.ask("pins", suite, NO_MASK, a2)[0] for suite in ENCRYPT]
    return 10_000 * len(answers), "ok" in answers, "four digits opened nothing"


def weak_key(c):
    """A device whose share at enrolment was four digits, and an A2 to it off the wire."""
    home, weak = c.b.path("carol"), c.ask("pin", PIN)[0]
    c.b.port, port = 1, c.b.port  # nobody listens there: the key is made, the enrolment waits
    try:
        c.b.enrol("carol", "synth3b.pgm")
    except Failure:
        pass
    c.b.port = port
    with open(os.path.join(home, "device.key"), "r+b") as f:
        f.seek(32)
        f.write(weak)
    c.b.enrol("carol", "synth3b.pgm")
    Receiver(c.b, "carol")
    c.b.say("alice", "carol", "to a weak device", "sga")
    a2 = c.b.proxy.frames("NEG_FORWARD", "carol", DOWN)[-1]["noise"]
    suites = c.b.proxy.frames("SALT", "carol", DOWN)[-1]["r_suites"]
    began = time.monotonic()
    found = c.sga.ask("pins", [s for s in suites if s in ENCRYPT][0], NO_MASK, a2)
    return int(found[-1]) + 1 if found[0] == "ok" else 10_000, found == ["ok", str(PIN)], (
        f"{found[-1]} opens A2, after {time.monotonic() - began:.2f} s")


def weak_registration(c):
    body = c.ask("register", PIN, c.suite)[0]
    found = c.sga.ask("pins", c.suite, NO_MASK, body)
    return PIN + 1, found == ["ok", str(PIN)], f"{found[-1]} opens the id of a registration"


# ---- undetectable guessing on line ----


def guessed_shares(c):
    """Each guess is a step 2 in alice's name. Success: one that nobody notices; of the last, alice
    may hear nothing, if she has left."""
    tries, noticed, _, won = own_steps(c, lambda: c.ask("pin", random.randrange(10_000))[0])
    return tries, won or noticed < tries - 1, f"{noticed} of {tries} guesses told to alice"


def one_question(c):
    """A1 alone, with a masked value of her own, is answered; then all guesses are tried in peace."""
    mask, a4 = c.ask("question", PIN, c.suite)
    found = c.sga.ask("pins", c.suite, mask, a4)
    return 1, found == ["ok", str(PIN)], (f"one A1 that nobody can tell from an honest one, and "
                                          f"{found[-1]} opens A4")


def one_question_here(c):
    """The same at a real cloud: B1 comes with A1, and she has not the k_t that it must be under."""
    tries, noticed, answers, won = own_steps(c, lambda: os.urandom(32))
    return tries, won or answers > 0, f"{noticed} of {tries} refused, {answers} went on to bob"


# ---- data privacy ----


def all_keys_later(c):
    """All that passed, and then the cloud's key and both k_d. As a control, alice's R finds the
    key."""
    kept = []

    def look(_, way, f):
        if f.name == "NEG_RESULT" and way == DOWN:
            kept.extend(c.b.ask("alice", "SELECT handshake FROM send_negotiation"))

    c.next(look, "for bob only", "--timeout", "5")
    frames = {name: c.b.proxy.frames(name)[-1] for name in
              ("NEG_REQUEST", "NEG_ANSWER", "NEG_RESULT", "NEG_GRANT")}
    secret = c.secret()
    a1, b1 = split(frames["NEG_REQUEST"]["noise"])
    a3, b3 = split(frames["NEG_ANSWER"]["noise"])
    suite, i_kt = c.ask("a1", secret, c.dev("alice"), a1)
    shares = [c.ask("share", suite, i_kt, b1),
              c.ask("share", suite, c.ask("a3", secret, i_kt, a3)[0], b3)]
    grants = [split(frames["NEG_RESULT"]["noise"])[1], frames["NEG_GRANT"]["grant"]]
    elements = [e for s in shares for e in s[:2]] + [g[:32] for g in grants]
    scalars = [c.ask("unbox", secret, s[2])[0] for s in shares]
    package = frame("PACKAGE", c.b.packages("bob")[-1]).body
    found, tried = c.sga.ask("combine", package, suite, len(scalars), *scalars, *elements)
    scalars.append(bytes(kept[-1][0])[:32])
    if c.sga.ask("combine", package, suite, len(scalars), *scalars, *elements)[0] != "ok":
        raise Failure("not even alice's R finds the key")
    return int(tried), found == "ok", f"{tried} combinations of what opens, and none is the key"


class InTheMiddle:
    """A rule: the operator's own N in the place of N_i and N_j. He has a session with each device
    and says to bob what he likes; receipts and the confirmation he makes himself."""

    def __init__(self, c, secret, dev, text):
        self.c, self.secret, self.dev, self.text = c, secret, dev, text
        self.read, self.originals = [], {}
        self.negotiation, self.share, self.kt, self.key = None, {}, None, {}

    def __call__(self, link, way, f):
        do = getattr(self, f.name.lower() + ("_up" if way == UP else "_down"), None)
        if do is None:
            return None
        values = decode(f.name, f.body)
        if f.name == "NEG_REQUEST":
            self.negotiation = values["negotiation"]
        if values.get("negotiation", self.negotiation) != self.negotiation:
            return None  # the last one's again, if its end did not reach the cloud
        changed = do(values, f.body)
        return None if changed is None else [frame(f.name, changed)]

    def neg_request_up(self, values, _):
        a1, b1 = split(values["noise"])
        _, self.kt = self.c.ask("a1", self.secret, self.dev, a1)
        self.share["alice"] = self.c.ask("share", self.c.suite, self.kt, b1)

    def neg_answer_up(self, values, _):
        a3, b3 = split(values["noise"])
        kt = self.c.ask("a3", self.secret, self.kt, a3)[0]
        self.share["bob"] = self.c.ask("share", self.c.suite, kt, b3)

    def own_grant(self, who, negotiation):
        n, once, _ = self.share[who]
        e, grant = self.c.ask("grant", "alice", "bob", self.c.cloud, once)
        self.key[who] = self.c.ask("key", negotiation, self.c.suite, e, n)
        return grant

    def neg_grant_down(self, values, _):
        return {**values, "grant": self.own_grant("bob", values["negotiation"])}

    def neg_result_down(self, values, _):
        grant = self.own_grant("alice", values["negotiation"])
        return {**values, "noise": joined(split(values["noise"])[0], grant)}

    def neg_confirm_down(self, values, _):
        return {**values, "session": self.key["bob"][0], "mac": self.key["bob"][3]}

    def package_down(self, values, body):
        name, state = self.key["bob"][:2]
        self.read.append(bytes.fromhex(self.c.core.ask("read", self.key["alice"][1], body)[1]))
        header = frame("PACKAGE", {**values, "session": name}).body
        made = bytes.fromhex(self.c.core.ask("make", state, header, self.text)[1])
        digests = [bytes.fromhex(self.c.core.ask("digest", x)[1]) for x in (made, body)]
        self.originals[digests[0]] = digests[1]
        return decode("PACKAGE", made)

    def receipt_up(self, values, _):
        name, _, key, _ = self.key["alice"]
        values = {**values, "session": name, "digest": self.originals[values["digest"]]}
        mac = self.c.ask("receipt", key, frame("RECEIPT", values).body)[0]
        return {**values, "mac": mac}


def cloud_replaces(c):
    """The operator, with a copy of the cloud's folder, between cloudd and the devices."""
    folder = Folder(c.b, c.core)
    sealed, = folder.rows("SELECT sealed FROM records NATURAL JOIN devices WHERE id = 'alice'")
    dev = folder.unseal(VAULT_DEVICE, "alice", sealed[0])[1:33]
    rule = InTheMiddle(c, folder.key[:32], dev, b"shut the valve")
    folder.close()
    status, _ = c.next(rule, "open the valve", "--timeout", "5")
    wait_until("bob shows something", lambda: len(c.bob.shown) > 1, 5)
    shown = c.bob.shown[-1]["text"]
    won = rule.read == [b"open the valve"] and shown == "shut the valve"
    return 1, won, (f"alice sent '{rule.read[0].decode()}', which he read; bob showed '{shown}' as "
                    f"verified; alice was told {status}")


# ---- relay ----


def steps_elsewhere(c):
    """A step of the first run in the place of the next one's; and A2 for bob to another device."""
    fields = (("NEG_FORWARD", DOWN, "noise"), ("NEG_ANSWER", UP, "noise"),
              ("NEG_GRANT", DOWN, "grant"), ("NEG_RESULT", DOWN, "noise"))
    old = {name: c.b.proxy.frames(name)[-1][field] for name, _, field in fields}
    won = 0
    for name, way, field in fields:
        status, _ = c.next(replaced(name, way, lambda _, n=name, f=field: {f: old[n]}))
        won += status == "receipted"
    Receiver(c.b, "mallory")
    c.b.rule = replaced("NEG_FORWARD", DOWN, lambda _: {"noise": old["NEG_FORWARD"]}, "mallory")
    said = c.b.say("alice", "mallory", "to another", "sga", "--timeout", "1")
    c.b.rule = None
    won += said["status"] == "receipted"
    return len(fields) + 1, won > 0, f"{won} of {len(fields) + 1} sessions stood"


def passed_on(c):
    """Every frame as it is, 30 ms late, as over a longer way than the devices know of."""
    def late(*_):
        time.sleep(0.03)

    status, made = c.next(late, "passed on", "--timeout", "10")
    return 1, status == "receipted" and len(made) == 1, (
        f"the message was {status}: no body holds a place or a time")


CASES = (
    ("mutual authentication: a stranger as the initiator", stranger_as_initiator, "a guess at k_d"),
    ("mutual authentication: a stranger as the cloud", stranger_as_cloud, "changed frames"),
    ("mutual authentication: A1 and B1 again", steps_again, "captured frames"),
    ("mutual authentication: the peer as the cloud", peer_as_cloud, "the peer's k_d"),
    ("key guessing: a random k_d, from A2", random_key, "a captured frame"),
    ("key guessing: a k_d of four digits, from A2", weak_key, "a captured frame"),
    ("key guessing: a k_d of four digits, from a registration, as printed", weak_registration,
     "a captured frame"),
    ("undetectable guessing: a share for each guess", guessed_shares, "a negotiation each"),
    ("undetectable guessing: one A1, as printed", one_question, "one question"),
    ("undetectable guessing: one A1, in the programs", one_question_here, "one question"),
    ("data privacy: all long-term keys, after the session", all_keys_later, "cloud.key, both k_d"),
    ("data privacy: the cloud replaces N_i and N_j", cloud_replaces, "cloud.db, cloud.key"),
    ("relay: steps of another run, or to another device", steps_elsewhere, "captured frames"),
    ("relay: everything passed on, late", passed_on, "listening"))


def run(ctx):
    if "sga" not in ctx.profiles:
        return
    random.seed(ctx.seed)
    with Helper(ctx) as core, Helper(ctx, "sga_attacker") as sga:
        for name, attack, cost in CASES:
            with bed("alice", "bob", "mallory") as b:
                tries, won, note = attack(Case(b, core, sga))
                yield result("three-party", "sga", name, won, tries=tries, cost=cost, note=note,
                             numbers={"tries": tries, "won": int(won)})
                settle(0)


if __name__ == "__main__":
    main(run)
