#!/usr/bin/env python3
"""downgrade: the attacker on the way edits the lists of what the devices offer. Can she choose?

    downgrade.py [--seed N] [--short] [--json]

Lists travel in ATTACH, OPEN and SALT. She edits them one by one, and all of them such that each
device still sees its own list unchanged and only the other's shortened. Success is a message that
goes through with another profile or stego code than the devices would have agreed on. Both devices
run with --allow-research, so that `paper` is there to be chosen.
"""
from bed import DOWN, UP, Receiver, bed, decode, frame
from result import main, result

AUTH, PAPER, STEALTH, CHACHA20 = 1, 3, 2, 3  # numbers on the wire
CHACHA20_NAME = "chacha20-poly1305"


class Edit:
    """A rule that replaces one list, `field`, by `only`. It keeps what it replaced."""

    def __init__(self, field, only):
        self.field, self.only, self.was = field, only, []

    def shortened(self, f):
        values = decode(f.name, f.body)
        self.was = values[self.field]
        return [frame(f.name, {**values, self.field: self.only})]

    def salt(self, f, **lists):
        return [frame(f.name, {**decode(f.name, f.body), **lists})]


class Own(Edit):
    """The initiator's list in OPEN."""

    def __call__(self, link, way, f):
        return self.shortened(f) if f.name == "OPEN" and way == UP else None


class Hidden(Own):
    """The same, and SALT shows her the list as it was."""

    def __call__(self, link, way, f):
        if f.name == "SALT" and way == DOWN and link.who == "alice":
            return self.salt(f, **{f"i_{self.field}": self.was})
        return super().__call__(link, way, f)


class Both(Own):
    """The same, and SALT shows her the responder's as the short one: each sees its own list, and a
    choice that follows from the two."""

    def __call__(self, link, way, f):
        if f.name == "SALT" and way == DOWN and link.who == "alice":
            return self.salt(f, **{f"i_{self.field}": self.was, f"r_{self.field}": self.only})
        return super().__call__(link, way, f)


class Choice(Edit):
    """The choice itself, in SALT to both."""

    def __call__(self, link, way, f):
        if f.name == "SALT" and way == DOWN:
            return self.salt(f, **{self.field[:-1]: self.only[0]})
        return None


class Others(Edit):
    """The responder's list in ATTACH; SALT shows it to the responder as it was, and the initiator's
    as the short one. Each sees its own list, and a choice that follows from the two."""

    def __call__(self, link, way, f):
        if f.name == "ATTACH" and way == UP and link.role == "receive":
            return self.shortened(f)
        if f.name == "SALT" and way == DOWN and link.who == "bob":
            return self.salt(f, **{f"r_{self.field}": self.was, f"i_{self.field}": self.only})
        return None


EDITS = (Own, Hidden, Both, Choice, Others)


def took_effect(b, said, field, wanted):
    """Did the message go by what she wanted? The header does not name the suite, the sender does."""
    if field == "suites":
        return said.get("suite") == CHACHA20_NAME
    return any(v[field[:-1]] == wanted for v in b.packages("bob"))


def attempt(profile, field, only):
    """Each edit on a fresh pair of devices: how many messages went through otherwise than meant."""
    won, verdicts = 0, []
    for edit in EDITS:
        with bed("alice", "bob") as b:
            b.rule = edit(field, only)
            bob = Receiver(b, "bob")
            said = b.say("alice", "bob", "as it should be", profile, "--timeout", "1")
            b.rule = None
            won += bool(bob.shown) and took_effect(b, said, field, only[0])
            verdicts.append(said["status"] if said else "nothing")
    return won, verdicts


CASES = (("auth", "the profile, research allowed on both sides", None, "profiles", [PAPER]),
         ("auth", "the stego code", "auth", "codecs", [STEALTH]),
         ("sealed", "the profile, research allowed on both sides", "sealed", "profiles", [AUTH]),
         ("sealed", "the stego code", "sealed", "codecs", [STEALTH]),
         ("sealed", "the cipher suite", "sealed", "suites", [CHACHA20]),
         ("sga", "the cipher suite", "sga", "suites", [CHACHA20]),
         ("paper", "the stego code", "paper", "codecs", [STEALTH]))


def run(ctx):
    for profile, name, chosen, field, only in CASES:
        if profile in ctx.profiles:
            won, verdicts = attempt(chosen, field, only)
            yield result("downgrade", profile, name, won > 0, tries=len(EDITS),
                         cost="edited lists",
                         note=f"{won} of {len(EDITS)} edits took effect; the sender was told "
                              + ", ".join(verdicts), numbers={"won": won, "tries": len(EDITS)})


if __name__ == "__main__":
    main(run)
