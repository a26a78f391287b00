"""The cases of insider.py about messages to sets: what a member can do to the others, who was one."""
from bed import DOWN, Failure, Receiver, decode, frame, settle
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


def as_a_member(b, helper, profile):
    """Mallory is a member and on the way to bob: his copy of a message never arrives, but hers of
    it, with another text under the secret that all members have."""
    bob, mallory = Receiver(b, "bob"), Receiver(b, "mallory")
    b.say("alice", "bob,mallory", "control", profile)
    state = mallorys_state(b)
    b.rule = lambda link, way, f: [] if f.name == "PACKAGE_SHARED" and link.who == "bob" else None
    b.say("alice", "bob,mallory", "genuine", profile, "--timeout", "1")
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
    won = bob.texts().count(FORGED)
    link.send(DOWN, frame("PACKAGE_SHARED", his))
    settle()
    if bob.texts()[-1] != "genuine" or mallory.texts()[-1] != "genuine":
        raise Failure("the genuine message did not pass")
    return len(forgeries), won, f"{won} of {len(forgeries)} shown as alice's"


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
