#!/usr/bin/env python3
"""restored_state.py - what a stream survives besides crashes.

SIGTERM of cloudd in the middle of a stream; a sender's folder put back to an older copy; a
receiver's folder put back, or lost. Whatever is shown was sent; what is not delivered is reported;
and what is sent afterwards arrives.
"""
import json
import os
import shutil
import sys
import tempfile
import threading
import time

from testbed import Failure, Testbed, wait_until


def expect(what, condition):
    if not condition:
        raise Failure(what)


class Receiver:
    """An sdr, and what it has shown."""

    def __init__(self, bed, device):
        self.bed, self.device = bed, device
        self.shown, self.refused, self.late = [], [], 0
        self.lock = threading.Lock()
        self.program = None

    def start(self):
        self.program = self.bed.start("sdr", "run", "--home", self.bed.path(self.device), "--json",
                                      on_line=self.on_line)

    def stop(self):
        got = self.program.stop()
        expect(f"sdr ended with {got} after SIGTERM", got == 0)

    def on_line(self, line):
        shown = json.loads(line)
        with self.lock:
            if shown["verified"]:
                self.shown.append(shown["text"])
                self.late += "late" in shown
            else:
                self.refused.append(shown["reason"])

    def wait_for(self, text):
        wait_until(f"{self.device} shows {text!r}", lambda: text in self.shown, 20)


def keep(bed, device):
    shutil.rmtree(bed.path("kept"), ignore_errors=True)
    shutil.copytree(bed.path(device), bed.path("kept"))


def put_back(bed, device):
    shutil.rmtree(bed.path(device))
    shutil.copytree(bed.path("kept"), bed.path(device))


def forget(bed, device):
    for name in os.listdir(bed.path(device)):
        if name.startswith("state.db"):
            os.unlink(bed.path(device, name))


def stopped_cloud(bed, bert):
    """SIGTERM of cloudd, five times during a stream: it ends with 0 each time, nothing is lost."""
    statuses = []
    sds = bed.start("sds", "run", "--home", bed.path("anna"), "--to", "bert", "--covers",
                    bed.covers, "--json", on_line=lambda line: statuses.append(json.loads(line)),
                    stdin=True)
    texts = [f"stream {i}" for i in range(300)]
    for part in range(6):
        lines = texts[part * 50:part * 50 + 50]
        os.write(sds.process.stdin.fileno(), "".join(t + "\n" for t in lines).encode())
        wait_until("messages move", lambda p=part: len(statuses) > p * 40, 20)
        if part < 5:
            expect("cloudd did not end with 0", bed.cloud.stop() == 0)
            bed.start_cloud()
    sds.process.stdin.close()
    expect("sds did not end with 0", sds.wait() == 0)
    bert.wait_for(texts[-1])
    expect("not every message came once and in order", bert.shown == texts)


def restored_sender(bed, bert):
    """A sender's copy that is older than what the cloud has seen: a new session, all arrives."""
    before = bed.send("anna", "bert", "before the copy")
    keep(bed, "anna")
    for text in ("after the copy 1", "after the copy 2"):
        bed.send("anna", "bert", text)
    put_back(bed, "anna")
    after = bed.send("anna", "bert", "from the copy")
    expect("the copy's session went on", after["session"] != before["session"])
    expect("not receipted", after["status"] == "receipted")
    bed.send("anna", "bert", "and on")
    bert.wait_for("and on")
    expect(f"shown: {bert.shown}",
           bert.shown == ["before the copy", "after the copy 1", "after the copy 2",
                          "from the copy", "and on"])
    expect("something was refused or counted as late", not bert.refused and not bert.late)


def restored_sender_with_queue(bed, bert):
    """The copy holds messages that were delivered since: each may be shown again, in a session of
    its own; none is lost, and neither is what is queued later."""
    bert.stop()
    bed.send("anna", "bert", "waiting 1", "--no-wait")
    bed.send("anna", "bert", "waiting 2", "--no-wait")
    keep(bed, "anna")
    bert.start()
    bert.wait_for("waiting 2")
    bed.send("anna", "bert", "in between")
    put_back(bed, "anna")
    expect("not receipted", bed.send("anna", "bert", "later")["status"] == "receipted")
    bert.wait_for("later")
    expect(f"shown: {bert.shown}",
           set(bert.shown) == {"waiting 1", "waiting 2", "in between", "later"})
    expect("something was refused", not bert.refused)


def restored_receiver(bed, bert):
    """A receiver's copy from before the session: its packages cannot be verified, which the sender
    is told; the next message makes a new session."""
    bert.stop()
    keep(bed, "bert")
    bert.start()
    bed.ask("anna", "UPDATE send_session SET created = 1 WHERE current = 1")
    first = bed.send("anna", "bert", "a new session")
    bert.wait_for("a new session")
    bert.stop()
    put_back(bed, "bert")
    bert.start()
    refused = bed.send("anna", "bert", "nobody can read this", codes=(3,))
    expect(f"status {refused}", refused["status"] == "rejected" and
           refused["session"] == first["session"])
    after = bed.send("anna", "bert", "and another session")
    expect("the lost session went on", after["session"] != first["session"])
    bert.wait_for("and another session")
    expect(f"shown: {bert.shown}", bert.shown == ["a new session", "and another session"])
    expect(f"refused: {bert.refused}", len(bert.refused) == 1)


def lost_receiver(bed, bert):
    """The receiver's state is gone, its key is not."""
    bed.send("anna", "bert", "old state")
    bert.stop()
    forget(bed, "bert")
    bert.start()
    refused = bed.send("anna", "bert", "to no state", codes=(3,))
    expect(f"status {refused}", refused["status"] == "rejected")
    bed.send("anna", "bert", "new state")
    bert.wait_for("new state")
    expect(f"shown: {bert.shown}", bert.shown == ["old state", "new state"])


def restored_receiver_same_session(bed, bert):
    """A copy from the middle of a session: its chain is behind, and catches up."""
    bed.send("anna", "bert", "one")
    bert.stop()
    keep(bed, "bert")
    bert.start()
    for text in ("two", "three"):
        bed.send("anna", "bert", text)
    bert.wait_for("three")
    bert.stop()
    put_back(bed, "bert")
    bert.start()
    expect("not receipted", bed.send("anna", "bert", "four")["status"] == "receipted")
    bert.wait_for("four")
    expect(f"shown: {bert.shown}", bert.shown == ["one", "two", "three", "four"])
    expect("something was refused", not bert.refused)


def lost_receiver_in_stream(bed, bert):
    """The state goes while packages are under way: what it made unreadable is reported, everything
    else arrives, over one new session."""
    statuses = []
    bert.stop()
    sds = bed.start("sds", "run", "--home", bed.path("anna"), "--to", "bert", "--covers",
                    bed.covers, "--json", on_line=lambda line: statuses.append(json.loads(line)),
                    stdin=True)
    texts = [f"stream {i}" for i in range(100)]
    os.write(sds.process.stdin.fileno(), "".join(t + "\n" for t in texts).encode())
    wait_until("all is accepted", lambda: len(statuses) >= 100, 20)
    forget(bed, "bert")
    bert.start()
    # The new session comes into being while the rest of the old one is still refused.
    deadline, more = time.monotonic() + 20, 20
    while more > 0 and time.monotonic() < deadline:
        texts.append(f"stream {len(texts)}")
        os.write(sds.process.stdin.fileno(), f"{texts[-1]}\n".encode())
        more -= any(s["status"] == "receipted" for s in statuses)
        time.sleep(0.002)
    sds.process.stdin.close()
    expect("sds did not end with 3", sds.wait() == 3)
    last = {s["seq"]: s for s in statuses}
    good = [s for s in last.values() if s["status"] == "receipted"]
    expect(f"{len(good)} of {len(last)} receipted", len(last) == len(texts) and len(good) > 0)
    bert.wait_for(texts[-1])
    expect(f"shown: {bert.shown}", bert.shown == texts[-len(good):])
    expect("more sessions than needed", len({s["session"] for s in good}) == 1)


CASES = (stopped_cloud, restored_sender, restored_sender_with_queue,
         restored_receiver_same_session, restored_receiver, lost_receiver,
         lost_receiver_in_stream)


def run_case(case):
    folder = tempfile.mkdtemp(prefix="restored-")
    bed = Testbed(folder)
    try:
        bed.start_cloud()
        bed.enrol("anna", "synth1a.pgm")
        bed.enrol("bert", "synth2a.pgm")
        bert = Receiver(bed, "bert")
        bert.start()
        bed.send("anna", "bert", "hello")
        bert.wait_for("hello")
        bert.shown.clear()
        case(bed, bert)
        bert.stop()
        print(f"ok - {case.__name__}", flush=True)
        return 0
    except Failure as e:
        print(f"not ok - {case.__name__}: {e}")
        bed.show_errors()
        return 1
    finally:
        bed.close()
        shutil.rmtree(folder)


def main():
    return 1 if sum(run_case(case) for case in CASES) else 0


if __name__ == "__main__":
    sys.exit(main())
