"""The cases of insider.py about sets: what a member can do to the others, and who was one."""
from bed import DOWN, UP, Failure, Receiver, decode, frame, settle
from slices import state_of

FORGED = "pay mallory 1000"
ROLLING = 64  # steps of a chain that are tried from each key


def shared(b, to):
    """What the cloud sent to a member last."""
    return b.proxy.frames("PACKAGE_SHARED", to, DOWN)[-1]


def mallorys_state(b):
    """Her key state after the last message that she got."""
    session = decode("SET_MEMBER", shared(b, "mallory")["member"])["session"]
    return state_of(b.path("mallory"), session)


def part_of(upload, to):
    """A member's part in what the sender uploads."""
    table, at = upload["members"], 0
    while at < len(table):
        size = int.from_bytes(table[at:at + 4], "big")
        part = decode("SET_MEMBER", table[at + 4:at + 4 + size])
        if part["to"] == to:
            return part
        at += 4 + size
    raise Failure(f"{to} is not in the upload")


def in_his_name(b):
    """A rule: bob gets nothing, and behind mallory's receipt comes hers in his name."""
    def rule(link, way, f):
        if f.name == "PACKAGE_SHARED" and link.who == "bob":
            return []
        if f.name == "RECEIPT" and way == DOWN and decode(f.name, f.body)["peer"] == "mallory":
            his = part_of(b.proxy.frames("SET_PACKAGE", "alice", UP)[-1], "bob")
            lie = {**decode(f.name, f.body), "peer": "bob", "session": his["session"],
                   "index": his["index"]}
            return [f, frame("RECEIPT", lie)]
        return None
    return rule


def as_a_member(b, helper, profile):
    """Mallory is a member and on the way: bob's copy of a message never arrives. She says that he
    has it, and sends him another text under the secret that all members have."""
    bob, mallory = Receiver(b, "bob"), Receiver(b, "mallory")
    b.say("alice", "mallory,bob", "control", profile)
    state = mallorys_state(b)
    b.rule = in_his_name(b)
    said = b.say("alice", "mallory,bob", "genuine", profile, "--timeout", "1")
    b.rule = None
    hers, his = shared(b, "mallory"), shared(b, "bob")
    body = frame("PACKAGE_SHARED", hers).body
    if helper.ask("share", state, body, 0)[0] != "ok":
        raise Failure("mallory's state does not open what she got")
    made = helper.ask("reshare", state, body, his["member"], FORGED.encode())
    common, box = (bytes.fromhex(word) for word in made[1:])
    forgeries = [{"member": part, "common": c} for part, c in (
        (his["member"], common), (box, common), (hers["member"], common), (box, his["common"]))]
    link = b.proxy.link_of("bob", "receive")
    for values in forgeries:
        link.send(DOWN, frame("PACKAGE_SHARED", values))
    settle()
    won = bob.texts().count(FORGED) + (said["status"] == "receipted")
    link.send(DOWN, frame("PACKAGE_SHARED", his))
    settle()
    if not won and (said["to"] != "bob" or bob.texts()[-1] != "genuine" or
                    mallory.texts()[-1] != "genuine"):
        raise Failure("the genuine message did not pass")
    return len(forgeries) + 1, won, (f"{bob.texts().count(FORGED)} of {len(forgeries)} shown as "
                                     f"alice's; her receipt in his name: {said['status']}")


def as_one_that_was_removed(b, helper, profile):
    """Mallory was a member of the first message; the second goes to bob and carol, and she gets all
    that the cloud has of it."""
    b.enrol("carol", "synth1b.pgm")
    others = [Receiver(b, name) for name in ("bob", "carol")]
    mallory = Receiver(b, "mallory")
    b.say("alice", "bob,carol,mallory", "control", profile)
    state = mallorys_state(b)
    b.say("alice", "bob,carol", "not for mallory", profile)
    link = b.proxy.link_of("mallory", "receive")
    opened = 0
    for name in ("bob", "carol"):
        values = shared(b, name)
        body = frame("PACKAGE_SHARED", values).body
        opened += helper.ask("share", state, body, ROLLING)[0] == "ok"
        link.send(DOWN, frame("PACKAGE_SHARED", values))
    settle()
    if any(o.texts()[-1] != "not for mallory" for o in others):
        raise Failure("the members did not get it")
    won = opened + mallory.texts().count("not for mallory")
    return 2 * (ROLLING + 2), won, f"{opened} of 2 parts opened with her keys"


CASES = (("a member of a set, to the other members", as_a_member, "membership, the network"),
         ("one that was removed from a set", as_one_that_was_removed, "membership, the network"))
