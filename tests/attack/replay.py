#!/usr/bin/env python3
"""replay: is a message that was delivered shown a second time, or in another session?

    replay.py [--seed N] [--short] [--json]

The proxy keeps the packages that pass and puts them in again: in the same session, as they are and
with the next free number; in a later session, as they are and under its name; after sdr and cloudd
were started anew; and at the cloud's door, in the sender's connection.
"""
from bed import DOWN, UP, Failure, Receiver, Stream, bed, decode, frame, settle, wait_until
from result import main, result


def shown_wrongly(bob, sent):
    """Texts shown more than once, or under another session than the one they were sent in."""
    seen, wrong = set(), 0
    for m in bob.shown:
        wrong += m.get("text") in seen or sent.get(m.get("text")) != m["session"]
        seen.add(m.get("text"))
    return wrong


class Case:
    """One bed with a delivered stream; each case counts what is shown wrongly through it."""

    def __init__(self, b, profile):
        self.b, self.profile = b, profile
        self.bob = Receiver(b, "bob")
        self.sent = {}
        self.control()
        for i in range(3):
            self.send(f"message {i}")
        self.old = b.packages("bob")

    def control(self):
        """What is put in must be able to arrive: a package that the cloud's copy of did not."""
        held = []

        def hold(_, way, f):
            if f.name == "PACKAGE" and way == DOWN:
                held.append(decode(f.name, f.body))
                return []
            return None

        self.b.rule = hold
        said = self.b.say("alice", "bob", "control", self.profile, "--timeout", "1")
        self.b.rule = None
        self.b.inject("bob", held[0])
        wait_until("the control is shown", lambda: self.bob.shown, 5)
        if self.bob.texts() != ["control"]:
            raise Failure("what is put in does not arrive")
        self.sent["control"] = said["session"]
        self.bob.stop()  # its receipt was kept from the cloud: it gets the package once more
        self.bob.start()

    def send(self, text):
        said = self.b.say("alice", "bob", text, self.profile)
        if said["status"] == "receipted":
            self.sent[text] = said["session"]
        return said

    def as_they_are(self):
        for values in self.old:
            self.b.inject("bob", values)
        return len(self.old)

    def relabelled(self, session, index):
        """Each under this session's name and the number that is expected next. In `paper` the first
        that fails ends the session, and the honest devices make a new one."""
        for n, values in enumerate(self.old):
            self.b.inject("bob", {**values, "session": session, "index": index, "seq": 100 + n})
        return len(self.old)

    def same_session(self):
        return self.as_they_are()

    def renumbered(self):
        return self.relabelled(self.old[-1]["session"], self.old[-1]["index"] + 1)

    def later_session(self):
        self.b.new_session("alice")
        self.send("in a later session")
        latest = self.b.packages("bob")[-1]
        return self.as_they_are() + self.relabelled(latest["session"], latest["index"] + 1)

    def after_restart(self):
        self.bob.stop()
        self.b.restart_cloud()
        self.bob.start()
        return self.as_they_are()

    def at_the_cloud(self):
        """The packages once more in the sender's own connection, and all of it after a resume."""
        stream = Stream(self.b, "alice", "bob", self.profile)
        stream.send("over a stream")
        wait_until("the stream's message is done", lambda: stream.done(1))
        self.sent["over a stream"] = self.b.packages("bob")[-1]["session"].hex()
        link = self.b.proxy.link_of("alice", "send")
        for values in self.old:
            link.send(UP, frame("PACKAGE", values))
        settle()
        stream.end()
        return len(self.old)


CASES = (("same session, as it was", Case.same_session),
         ("same session, with the next number", Case.renumbered),
         ("later session", Case.later_session),
         ("after a restart of sdr and cloudd", Case.after_restart),
         ("to the cloud, as the sender", Case.at_the_cloud))


def run(ctx):
    for profile in ctx.profiles:
        for name, attack in CASES:
            with bed("alice", "bob") as b:
                case = Case(b, profile)
                tries = attack(case)
                settle()
                wrong = shown_wrongly(case.bob, case.sent)
                yield result("replay", profile, name, wrong > 0, tries=tries,
                             cost="a captured package",
                             note=f"{wrong} of {tries} replays shown; {len(case.bob.refused)} "
                                  "reported as refused",
                             numbers={"shown": wrong, "replays": tries,
                                      "refused": len(case.bob.refused)})


if __name__ == "__main__":
    main(run)
