#!/usr/bin/env python3
"""power_cuts.py - power cuts of the devices at random instants, and what must hold after them.

    power_cuts.py [--rounds N] [--seed S]

anna sends lines to bert without pause. In every round one of the two loses its power: its program
is killed, and of its state.db and log only what was synced last is left (preload/keep_synced.c
keeps that). Or the cloud is away for a while, so that lines wait in the outbox. In the end: no
message is in the inbox twice, all are in order, no (session, index) was reported for two messages,
and whatever was reported accepted or receipted is there; what bert had when he lost his power and
had said so, he still has.
"""
import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import threading
import time

from testbed import Failure, Testbed, wait_until

FILES = ("state.db", "state.db-wal")
AHEAD = 200  # lines that are fed and not receipted yet


class Device:
    """A home, one program, and what of its state is on the disk."""

    def __init__(self, bed, name, on_line):
        self.bed, self.name, self.on_line = bed, name, on_line
        self.kept = bed.path(f"synced-{name}")
        self.program = None
        os.mkdir(self.kept)

    def start(self, *argv, stdin=False):
        for file in FILES:
            self.move(self.bed.path(self.name), self.kept, file)
        self.program = self.bed.start(*argv, on_line=self.on_line, stdin=stdin)

    def move(self, source, target, file):
        """Make target's copy of the file what source's is, or none."""
        if os.path.exists(os.path.join(source, file)):
            shutil.copy(os.path.join(source, file), os.path.join(target, file))
        elif os.path.exists(os.path.join(target, file)):
            os.unlink(os.path.join(target, file))

    def lose_power(self):
        self.program.kill()
        for file in FILES:
            self.move(self.kept, self.bed.path(self.name), file)
        shm = self.bed.path(self.name, "state.db-shm")
        if os.path.exists(shm):
            os.unlink(shm)


class Stream:
    def __init__(self, bed, rng):
        self.bed, self.rng = bed, rng
        self.lock = threading.Lock()
        self.fed = self.receipts = 0
        self.seqs = {}  # (session, index) -> seq, as reported
        self.accepted, self.receipted = set(), set()
        self.count = dict.fromkeys(("anna", "bert", "cloud"), 0)
        self.wrong = []
        self.anna = Device(bed, "anna", self.on_status)
        self.bert = Device(bed, "bert", lambda line: None)

    def start_anna(self):
        self.anna.start("sds", "run", "--home", self.bed.path("anna"), "--to", "bert", "--covers",
                        self.bed.covers, "--json", stdin=True)
        self.receipts = self.fed  # what was under way may be lost: count from here

    def start_bert(self):
        self.bert.start("sdr", "run", "--home", self.bed.path("bert"), "--json")

    def on_status(self, line):
        status = json.loads(line)
        package = (status["session"], status["index"])
        with self.lock:
            if self.seqs.setdefault(package, status["seq"]) != status["seq"]:
                self.wrong.append(f"{package} is two messages")
            if status["status"] == "accepted":
                self.accepted.add(package)
            elif status["status"] == "receipted":
                self.receipts += package not in self.receipted
                self.receipted.add(package)
            else:
                self.wrong.append(f"status {line.strip()}")

    def feed(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            n = min(self.rng.choice((1, 1, 2, 30)), AHEAD - (self.fed - self.receipts))
            data = "".join(f"line {self.fed + i}\n" for i in range(max(n, 0)))
            self.anna.program.process.stdin.write(data.encode())
            self.fed += max(n, 0)
            time.sleep(self.rng.uniform(0, 0.02))

    def inbox(self):
        return self.bed.ask("bert", "SELECT lower(hex(session)), idx, message, seq, late FROM inbox"
                            " ORDER BY id")

    def cut_bert(self):
        self.bert.lose_power()
        with self.lock:
            there = {row[:2] for row in self.inbox()}
            if not there.issuperset(self.receipted):
                self.wrong.append("a power cut took what was receipted")
        self.start_bert()

    def one(self):
        what = self.rng.choice(("anna", "anna", "bert", "cloud"))
        self.count[what] += 1
        self.feed(self.rng.uniform(0.02, 0.4))
        if what == "bert":
            self.cut_bert()
        elif what == "anna":
            self.anna.lose_power()
            self.start_anna()
        else:
            self.bed.cloud.stop()
            self.feed(self.rng.uniform(0, 0.2))
            if self.rng.random() < 0.5:
                self.anna.lose_power()
                self.start_anna()
            self.bed.start_cloud()
        if self.wrong:
            raise Failure("; ".join(self.wrong[:3]))

    def rest(self):
        wait_until("the outbox is empty",
                   lambda: self.bed.ask("anna", "SELECT count(*) FROM outbox")[0][0] == 0)
        wait_until("all that was accepted is in the inbox", lambda: {
            row[:2] for row in self.inbox()}.issuperset(self.accepted | self.receipted))

    def check(self):
        rows = self.inbox()
        numbers = [int(row[2].split()[1]) for row in rows]
        if numbers != sorted(set(numbers)):
            raise Failure("a message is in the inbox twice, or out of order")
        seqs = [row[3] for row in rows]
        if seqs != sorted(set(seqs)) or any(row[4] for row in rows):
            raise Failure("sequence numbers are not in order")
        if any(self.seqs.get(row[:2], row[3]) != row[3] for row in rows):
            raise Failure("a message is another one than was reported")
        return len(rows)

    def run(self, rounds):
        self.bed.start_cloud()
        for name, scan in (("anna", "synth1a.pgm"), ("bert", "synth2a.pgm")):
            self.bed.enrol(name, scan)
        self.bed.environment = lambda owner: None if owner == "cloud" else {
            "LD_PRELOAD": self.bed.path("keep_synced.so"),
            "KEEP_SYNCED": self.bed.path(f"synced-{owner}")}
        self.start_bert()
        self.start_anna()
        for _ in range(rounds):
            self.one()
        self.rest()
        there = self.check()
        self.anna.program.process.stdin.close()
        if self.anna.program.wait() != 0 or self.bert.program.stop() != 0:
            raise Failure("a program did not end with 0")
        return there


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    p.add_argument("--rounds", type=int, default=15)
    p.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    args = p.parse_args()
    print(f"power_cuts: --seed {args.seed}", flush=True)
    folder = tempfile.mkdtemp(prefix="power-cuts-")
    bed = Testbed(folder)
    bed.build_preload("keep_synced")
    stream = Stream(bed, random.Random(args.seed))
    try:
        there = stream.run(args.rounds)
        print(f"power_cuts: {args.rounds} rounds; cuts: anna {stream.count['anna']}, bert "
              f"{stream.count['bert']}; cloud away {stream.count['cloud']}; lines fed {stream.fed}, "
              f"in the inbox {there}, accepted {len(stream.accepted)}, receipted "
              f"{len(stream.receipted)}; twice 0, out of order 0, accepted and lost 0")
    except Failure as e:
        print(f"power_cuts: not ok: {e}")
        bed.show_errors()
        print(f"power_cuts: the homes are kept in {folder}")
        return 1
    finally:
        bed.close()
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
