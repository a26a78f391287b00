#!/usr/bin/env python3
"""mitm: an attacker between the devices and their cloud, at each phase of the protocol.

    mitm.py [--seed N] [--short] [--json]

Success: at enrolment, that the attacker's cloud gets the token and the scan; at pairing and
negotiation, that a session stands whose peer is not the one asked for, or that a message reaches
the attacker's device as its receiver; at delivery, that the receiver shows as verified what differs
from what was sent.
"""
import re

from bed import (DOWN, OPEN, SCANS, SEALED, UP, Failure, Frame, Receiver, bed, decode, frame,
                 key_of, settle, wait_until)
from result import main, result
from testbed import SIGNATURES


def enroll(b, device, port, cloud_key, token):
    """`sds enroll` of a device by the attacker's address; whether it went through."""
    out = b.run("sds", "enroll", "--home", b.path(device), "--id", device, "--cloud",
                f"127.0.0.1:{port}", "--cloud-key", cloud_key, "--token", token, "--signature",
                f"{SIGNATURES}/{SCANS[device]}", codes=(0, 1, 3))
    return bool(out) and bool(re.search("enrol", out))


def enrolment(b, _, key_was_given):
    """The attacker runs a cloud of her own and leads the device there."""
    with bed() as hers:
        token = hers.run("cloudd", "invite", "--home", hers.path("cloud"), "alice").split()[1]
        key = hers.cloud_key if key_was_given else b.cloud_key
        enroll(b, "alice", hers.cloud_port, key, token)
        got = "alice" in hers.run("cloudd", "devices", "--home", hers.path("cloud"))
        return 1, got, "her cloud has the device's token and scan" if got else "no handshake"


def enrolment_pinned(b, profile):
    return enrolment(b, profile, False)


def enrolment_misled(b, profile):
    return enrolment(b, profile, True)


def pairing(b, profile):
    """PEER names the attacker's key as the peer's, to both devices."""
    hers = key_of(b, "mallory")
    bob = Receiver(b, "bob")

    def swap(_, way, f):
        if f.name != "PEER" or way != DOWN:
            return None
        return [frame(f.name, {**decode(f.name, f.body), "key": hers})]

    b.rule = swap
    said = b.say("alice", "bob", "paired", profile, "--timeout", "2")
    b.rule = None
    known = bool(bob.shown)
    after = b.say("alice", "bob", "after", profile, "--timeout", "2", codes=(0, 1, 3))
    note = ("no session" if not known else "a session, whose keys she does not have")
    if after is None or after["status"] != "receipted":
        note += "; later messages wait for a user who accepts the true key"
    # Only a session that she can use counts, and nothing of it is known to her.
    return 1, said is not None and said["status"] == "receipted" and profile == "auth", note


def negotiation(b, profile):
    """Alice asks for bob; the cloud hears mallory. On the way back mallory is called bob."""
    mallory, bob = Receiver(b, "mallory"), Receiver(b, "bob")

    def rename(values, old, new):
        return {k: new if v == old else v for k, v in values.items()}

    def between(link, way, f):
        if link.who != "alice" or f.name in ("HOP_HELLO", "HOP_REPLY", "ATTACH", "ATTACHED"):
            return None
        values = decode(f.name, f.body)
        if way == UP:
            return [frame(f.name, rename(values, "bob", "mallory"))]
        return [frame(f.name, rename(values, "mallory", "bob"))]

    b.rule = between
    said = b.say("alice", "bob", "for bob only", profile, "--timeout", "3")
    settle()
    got = len(mallory.shown) + len(bob.shown)
    return 1, got > 0, (f"alice was told {said['status']}; mallory showed {len(mallory.shown)} "
                        "messages")


def steps(b, profile):
    """Sealed bodies and handshake messages of steps 2 to 5, changed or taken from an own
    negotiation of the attacker."""
    bob = Receiver(b, "bob")
    b.say("alice", "bob", "control", profile)
    mallory = b.say("mallory", "bob", "mine", profile)
    names = ("SALT", "PEER", "NEG_REQUEST", "NEG_FORWARD", "NEG_ANSWER", "NEG_RESULT")
    mine = {name: b.proxy.frames(name)[-1] for name in names}
    tries = won = 0
    for name in names:
        for field in ("sealed", "noise"):
            if not mine[name].get(field):
                continue

            def change(_, way, f, name=name, field=field):
                if f.name != name:
                    return None
                return [frame(name, {**decode(name, f.body), field: mine[name][field]})]

            b.rule = change
            b.new_session("alice")
            said = b.say("alice", "bob", f"{name} {field}", profile, "--timeout", "1")
            b.rule = None
            tries += 1
            won += said["status"] == "receipted"
    return tries, won > 0, (f"{won} of {tries} changed negotiations stood; mallory's own message "
                            f"was {mallory['status']}, bob showed {len(bob.shown)}")


def text_changed(b, profile):
    return delivery(b, profile, lambda v: {**v, "message": b"other " + v["message"][6:]})


def header_changed(b, profile):
    """The sequence number, by which a receiver tells late messages from timely ones."""
    return delivery(b, profile, lambda v: {**v, "seq": v["seq"] + 1000})


def sender_changed(b, profile):
    return delivery(b, profile, lambda v: {**v, "from": "mallory"})


def delivery(b, profile, change):
    """A change of four packages, each in a session of its own."""
    bob = Receiver(b, "bob")
    b.say("alice", "bob", "control", profile)
    sent = {"control": 1}

    def between(_, way, f):
        if f.name != "PACKAGE" or way != DOWN:
            return None
        values = change(decode(f.name, f.body))
        return [frame(f.name, {**values, "message_bytes": len(values["message"])})]

    for i in range(4):
        b.new_session("alice")
        heard = bob.heard()
        b.rule = between
        said = b.say("alice", "bob", f"honest words {i}", profile, "--no-wait", "--timeout", "2")
        sent[f"honest words {i}"] = said["seq"]
        try:
            wait_until("bob has it", lambda n=heard: bob.heard() > n, 0.7)
        except Failure:
            pass  # refused without a word
        b.rule = None
    if "control" not in bob.texts():
        raise Failure("not even the control was shown")
    wrong = [m for m in bob.shown
             if m["from"] != "alice" or sent.get(m.get("text")) != m["seq"]]
    return 4, bool(wrong), f"{len(wrong)} of 4 changed packages shown as verified"


def sealed_hop(b, profile):
    """The default hop: she changes a bit in every frame with a package, or sends it twice. The
    messages are so long that she can tell one from the other frames, with a picture or without."""
    bob = Receiver(b, "bob")
    sent, done = {}, []

    def between(_, way, f):
        if f.name != "SEALED" or len(f.body) < 2000 or len(done) == 4:
            return None
        done.append(way)
        if len(done) % 2:
            return [f, f]
        at = len(f.body) // 2
        return [Frame(f.name, f.body[:at] + bytes([f.body[at] ^ 1]) + f.body[at + 1:])]

    b.rule = between
    for i in range(4):
        text = f"honest words {i} ".ljust(3000, ".")
        sent[text] = b.say("alice", "bob", text, profile, "--timeout", "5")["seq"]
    wait_until("all is delivered", lambda: len(bob.shown) == 4)
    if len(done) < 4:
        raise Failure("a package was not told from the other frames")
    wrong = [m for m in bob.shown if sent.get(m.get("text")) != m["seq"]]
    return len(done), bool(wrong) or len(set(bob.texts())) < 4, (
        f"{len(done)} frames changed or repeated: each ended the connection, and the messages came "
        "once, over the next one")


CASES = (("enrolment, the cloud's key pinned", enrolment_pinned, "a cloud of her own"),
         ("enrolment, her key given to the user", enrolment_misled, "a false note of the key"),
         ("pairing: her key as the peer's", pairing, "one changed frame"),
         ("negotiation: her device as the peer", negotiation, "renamed frames"),
         ("negotiation: sealed parts and handshake exchanged", steps, "exchanged frames"),
         ("delivery: the text changed", text_changed, "a changed frame"),
         ("delivery: the sequence number changed", header_changed, "a changed frame"),
         ("delivery: the sender's name changed", sender_changed, "a changed frame"),
         ("delivery over the default hop: frames changed and repeated", sealed_hop, "frames"))
NOBODY = (enrolment_pinned, enrolment_misled)  # is enrolled when these begin


def run(ctx):
    for profile in ctx.profiles:
        for name, attack, cost in CASES:
            devices = () if attack in NOBODY else ("alice", "bob", "mallory")
            with bed(*devices, hop=SEALED if attack is sealed_hop else OPEN) as b:
                tries, won, note = attack(b, profile)
                yield result("mitm", profile, name, won, tries=tries, cost=cost, note=note,
                             numbers={"tries": tries, "won": int(won)})


if __name__ == "__main__":
    main(run)
