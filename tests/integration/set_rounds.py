#!/usr/bin/env python3
"""set_rounds.py - messages to sets, while programs are killed at random instants.

    set_rounds.py [--members N] [--rounds N] [--seed S] [--power]

anna sends each message to some of N members, in the profile auth or sealed. Meanwhile her sds is
killed -9 (with --power, of her state only what was synced is left), or the cloud, or the program of
one member; members are away for a few rounds; sessions expire. In the end every message went to all
its members or to none, and to all when sds said so: in each inbox once, in order, with its text;
and nothing of it is left with anna or at the cloud.
"""
import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

import images
from power_cuts import Device
from testbed import COVERS, Failure, Testbed, wait_until

COVER = os.path.join(COVERS, "camera-128.png")


class Member:
    def __init__(self, bed, name):
        self.bed, self.name = bed, name
        self.program = None
        self.shown = []  # texts, in order; those that a crash repeats once more

    def on_line(self, line):
        shown = json.loads(line)
        self.shown.append(shown["text"] if shown["verified"] else f"not verified: {line}")

    def start(self):
        self.program = self.bed.start("sdr", "run", "--home", self.bed.path(self.name), "--json",
                                      on_line=self.on_line)

    def stop(self):
        code = self.program.stop()
        if code != 0:
            raise Failure(f"sdr of {self.name} ended with {code}")
        self.program = None

    def inbox(self):
        rows = self.bed.ask(self.name, "SELECT message FROM inbox ORDER BY id")
        return [row[0].decode() for row in rows]


class Rounds:
    def __init__(self, bed, rng, power):
        self.bed, self.rng, self.power = bed, rng, power
        self.anna = Device(bed, "anna", self.on_status)
        self.members = []
        self.sent = []  # (text, names of members, sds said that all have it)
        self.statuses = []
        self.is_known = False  # anna's state is there
        self.count = dict.fromkeys(("sds", "cloudd", "sdr", "away", "renewed"), 0)

    def on_status(self, line):
        self.statuses.append(json.loads(line)["status"])

    def enrol(self, name, number):
        scan = self.bed.path("scan.pgm")
        with open(scan, "wb") as f:
            ink = images.pixels("ink", 220, 90, random.Random(number))
            f.write(images.pgm(220, 90, ink))
        self.bed.enrol(name, scan)

    def start(self, n):
        self.bed.start_cloud()
        self.enrol("anna", 0)
        for i in range(n):
            member = Member(self.bed, f"m{i:03}")
            self.enrol(member.name, i + 1)
            member.start()
            self.members.append(member)
        if self.power:
            self.bed.environment = lambda owner: {
                "LD_PRELOAD": self.bed.path("keep_synced.so"),
                "KEEP_SYNCED": self.bed.path("synced-anna")} if owner == "anna" else None

    def start_send(self, members):
        text = f"message {len(self.sent)} to {len(members)}"
        names = [m.name for m in members]
        self.statuses = []
        self.sent.append([text, names, False])
        self.anna.start("sds", "send", "--home", self.bed.path("anna"), "--to", ",".join(names),
                        "--cover", COVER, "--json", "--timeout", "90", "--profile",
                        self.rng.choice(("auth", "sealed")), text)

    def is_over(self):
        return self.anna.program.process.poll() is not None

    def end_send(self, members):
        """Who is there has it then; the others have it later."""
        all_there = all(m.program is not None for m in members)
        if all_there:
            code = self.anna.program.wait(100)
            if code != 0 or self.statuses != ["receipted"] * len(members):
                raise Failure(f"sds send: exit {code}, {self.statuses}")
        else:
            wait_until("those that are there have it", lambda: self.is_over() or all(
                m.program is None or self.sent[-1][0] in m.shown for m in members))
            if not self.is_over():
                self.anna.program.stop()
        self.sent[-1][2] = self.is_known = True

    def kill_sds(self):
        if self.is_over():
            return
        self.count["sds"] += 1
        if self.power:
            self.anna.lose_power()
        else:
            self.anna.program.kill()

    def kill_cloud(self):
        self.count["cloudd"] += 1
        self.bed.cloud.kill()
        self.bed.start_cloud()

    def kill_member(self, members):
        there = [m for m in members if m.program is not None]
        if there:
            member = self.rng.choice(there)
            self.count["sdr"] += 1
            member.program.kill()
            member.start()

    def come_and_go(self):
        there = [m for m in self.members if m.program is not None]
        for member in self.members:
            if member.program is None and self.rng.random() < 0.5:
                member.start()
        if there and self.rng.random() < 0.3:
            self.count["away"] += 1
            self.rng.choice(there).stop()
        if self.is_known and self.rng.random() < 0.2:
            self.count["renewed"] += 1
            self.bed.ask("anna", "UPDATE send_session SET created = 1 WHERE current = 1")

    def one(self):
        self.come_and_go()
        members = self.rng.sample(self.members, self.rng.randint(2, len(self.members)))
        self.start_send(members)
        time.sleep(self.rng.uniform(0, 0.15))
        what = self.rng.choice(("sds", "sds", "cloudd", "both", "sdr", "none"))
        if what in ("cloudd", "both"):
            self.kill_cloud()
        if what in ("sds", "both"):
            self.kill_sds()
            return
        if what == "sdr":
            self.kill_member(members)
        self.end_send(members)

    def outbox(self):
        return self.bed.ask("anna", "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM"
                            " set_message) + count(*) FROM set_common")[0][0]

    def rest(self):
        for member in self.members:
            if member.program is None:
                member.start()
        self.start_send(self.members)
        self.end_send(self.members)
        for _ in range(10):  # what earlier ones left may be under way
            if self.outbox() == 0:
                break
            self.start_send(self.members)
            self.end_send(self.members)
        if self.outbox() != 0:
            raise Failure(f"anna still has {self.outbox()} rows of what was delivered")

    def check_member(self, member):
        inbox = member.inbox()
        numbers = [int(text.split()[1]) for text in inbox]
        if numbers != sorted(set(numbers)):
            raise Failure(f"{member.name} has a message twice, or out of order: {inbox}")
        if set(inbox) != set(member.shown):
            raise Failure(f"{member.name} was shown {member.shown}, has {inbox}")
        wrong = set(inbox) - {text for text, names, _ in self.sent if member.name in names}
        if wrong:
            raise Failure(f"{member.name} has what was not for it: {sorted(wrong)}")
        return set(inbox)

    def check(self):
        inboxes = {m.name: self.check_member(m) for m in self.members}
        lost = 0
        for text, names, promised in self.sent:
            have = [name for name in names if text in inboxes[name]]
            if have and len(have) != len(names):
                raise Failure(f"{text}: {len(have)} of {len(names)} members have it")
            if promised and not have:
                raise Failure(f"{text}: nobody has it")
            lost += not have
        return lost

    def run(self, n, rounds):
        self.start(n)
        for _ in range(rounds):
            self.one()
        self.rest()
        for member in self.members:
            member.stop()
        never_taken = self.check()
        if self.bed.cloud.stop() != 0:
            raise Failure("cloudd did not end with 0")
        left = self.bed.ask_cloud("SELECT (SELECT count(*) FROM packages) + count(*) FROM commons")
        if left[0][0] != 0:
            raise Failure(f"the cloud still has {left[0][0]} rows of what was delivered")
        return never_taken


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    p.add_argument("--members", type=int, default=5)
    p.add_argument("--rounds", type=int, default=20)
    p.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    p.add_argument("--power", action="store_true", help="sds loses what was not synced")
    args = p.parse_args()
    print(f"set_rounds: --members {args.members} --seed {args.seed}", flush=True)
    folder = tempfile.mkdtemp(prefix="set-rounds-")
    if args.power:
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-D_GNU_SOURCE", "-o",
                        os.path.join(folder, "keep_synced.so"),
                        "tests/integration/preload/keep_synced.c"], check=True)
    bed = Testbed(folder)
    rounds = Rounds(bed, random.Random(args.seed), args.power)
    try:
        never_taken = rounds.run(args.members, args.rounds)
        print(f"set_rounds: {len(rounds.sent)} messages to sets of {args.members} members; kills: "
              f"sds {rounds.count['sds']}, cloudd {rounds.count['cloudd']}, sdr "
              f"{rounds.count['sdr']}; members away {rounds.count['away']}, sessions made to expire "
              f"{rounds.count['renewed']}; killed before they were taken {never_taken}; lost 0, "
              "twice 0, out of order 0, to some members only 0")
    except Failure as e:
        print(f"set_rounds: not ok: {e}")
        bed.show_errors()
        print(f"set_rounds: the homes are kept in {folder}")
        return 1
    finally:
        bed.close()
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
