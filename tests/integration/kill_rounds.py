#!/usr/bin/env python3
"""kill_rounds.py - kill -9 of the three programs and other faults at random instants, and what must
hold after them.

    kill_rounds.py [--rounds N] [--seed S] [--faults KIND,...] [--kill PROGRAM,...] [--profile P]
                   [--retain DAYS]

A cloud and two devices that send to each other without pause. In every round one of the programs
is killed and started again, or a fault of another kind happens (faults.py): cut (connections are
cut, also within a frame, come late as a whole, or twice), slow (delays, and peers that read
nothing), disk (full until receipts come, or for a while), clock (steps of seconds to days), stop
(programs stand still). A model knows which text became which sequence number: when an sds is
killed, its state says how many of the lines it had taken; those it had not taken are fed no more.
At every kill, what was promised by then is looked for on the disk. Now and then all is let come to
rest, and the receivers' inboxes are compared with the model: every message taken is there exactly
once, in order, with its text; stdout showed each of them, and nothing else. With --retain the cloud
keeps what was verified, and sdr history must show the same messages, once and in order; its disk is
slow, and one sender has little under way, so that packages are receipted before they are written.
Interrupt it to end early.
"""
import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time

from fault_proxy import FaultProxy
from faults import KINDS, Clocks, Disk, Faults
from testbed import Failure, Testbed, wait_until

UNDER_WAY = 300   # messages of one sender that are not receipted yet
LITTLE = 2        # the same of one that waits for its receipts
SETTLE_EACH = 25  # rounds
KILL_WITHIN = 0.150


class Direction:
    """Messages from one device to another: the two programs, and the model."""

    def __init__(self, bed, sender, receiver, rng):
        self.bed = bed
        self.sender, self.receiver = sender, receiver
        self.inbox = bed.path(f"inbox-{receiver}")
        self.rng = random.Random(rng.random())
        self.lock = threading.RLock()
        self.under_way = UNDER_WAY
        self.texts = {}      # seq -> text, of what was fed and is not settled
        self.next_seq = 1
        self.packages = {}   # seq -> (session, index)
        self.accepted, self.receipted = set(), set()
        self.lines = {}      # (session, index) -> (seq, text, kills of sdr when it was printed)
        self.old_lines = {}  # the same, of what was settled last
        self.settled = 0     # up to this seq all is checked
        self.last_row = 0    # of the inbox table
        self.ended = {}      # seq -> kills of sds when it was reported receipted
        self.sds_kills = self.sdr_kills = 0
        self.count = dict.fromkeys(("fed", "taken", "accepted", "receipted", "lost", "duplicated",
                                    "disordered", "late", "repeated", "renewed",
                                    "kept"), 0)
        self.wrong = []
        self.sds = self.sdr = None

    def start_sds(self):
        self.sds = self.bed.start("sds", "run", "--home", self.bed.path(self.sender), "--to",
                                  self.receiver, "--covers", self.bed.covers, "--json",
                                  "--profile", self.bed.profile, *self.bed.research,
                                  on_line=self.on_status, stdin=True)
        os.set_blocking(self.sds.process.stdin.fileno(), False)

    def start_sdr(self):
        self.sdr = self.bed.start("sdr", "run", "--home", self.bed.path(self.receiver), "--json",
                                  "--inbox", self.inbox, *self.bed.research,
                                  on_line=self.on_shown)

    def on_status(self, line):
        status = json.loads(line)
        seq, what = status["seq"], status["status"]
        package = (status.get("session"), status.get("index"))
        with self.lock:
            if what not in ("accepted", "receipted"):
                self.wrong.append(f"status {line.strip()}")
            elif self.ended.get(seq) == self.sds_kills:
                self.wrong.append(f"a status after the last one: {line.strip()}")
            elif seq <= self.settled:
                self.count["repeated"] += 1
            elif self.packages.setdefault(seq, package) != package:
                self.wrong.append(f"seq {seq} became two packages")
            elif what == "accepted":
                self.accepted.add(seq)
            else:
                self.receipted.add(seq)
                self.ended[seq] = self.sds_kills

    def on_shown(self, line):
        shown = json.loads(line)
        key = (shown["session"], shown["index"])
        with self.lock:
            before = self.lines.get(key) or self.old_lines.get(key)
            if before is not None:
                self.count["repeated"] += 1
                if before[:2] != (shown["seq"], shown.get("text")) or before[2] == self.sdr_kills:
                    self.wrong.append(f"shown twice without a crash: {line.strip()}")
                return
            if not shown["verified"] or self.texts.get(shown["seq"]) != shown.get("text"):
                self.wrong.append(f"shown, but never sent: {line.strip()}")
                return
            self.lines[key] = (shown["seq"], shown.get("text"), self.sdr_kills)

    def feed(self):
        """A few more lines, when not too many are under way. Nothing that could block: all that is
        under way fits into the pipe."""
        with self.lock:
            room = self.under_way - (len(self.texts) - len(self.receipted))
            if room <= 0 or self.sds is None:
                return
            data = b""
            for _ in range(self.rng.randint(1, min(room, 16))):
                letters = self.rng.choices("abc\u00e4\u20ac \\\"", k=self.rng.randint(0, 90))
                filler = "".join(letters)
                text = f"{self.sender} {self.count['fed']} {filler}"
                self.count["fed"] += 1
                self.texts[self.next_seq] = text
                self.next_seq += 1
                data += text.encode() + b"\n"
            if self.sds.process.stdin.write(data) != len(data):
                raise Failure("sds does not read its input")

    def kill_sds(self):
        with self.lock:
            sds, self.sds = self.sds, None
        sds.kill()
        with self.lock:
            self.sds_kills += 1
            rows = self.bed.ask(self.sender, "SELECT last, reserved FROM send_seq WHERE peer = ?",
                                self.receiver)
            taken, reserved = rows[0] if rows else (0, 0)
            if any(seq > taken for seq in self.packages):
                self.wrong.append(f"reported, but not in the state (up to {taken})")
            self.texts = {s: t for s, t in self.texts.items() if s <= taken}
            self.next_seq = max(taken, reserved) + 1
            if self.rng.random() < 0.5:
                # A session that is too old: the next message needs a new one.
                self.bed.ask(self.sender, "UPDATE send_session SET created = 1 WHERE current = 1")
                self.count["renewed"] += 1
            self.start_sds()

    def check_promises(self, in_cloud):
        """With a program dead: what was reported receipted is in the inbox, and what was reported
        accepted is there or in the cloud's file (in_cloud: names of packages; None: do not ask)."""
        with self.lock:
            receipted = [self.packages[seq] for seq in self.receipted]
            accepted = [self.packages[seq] for seq in self.accepted - self.receipted]
        rows = self.bed.ask(self.receiver, "SELECT lower(hex(session)), idx FROM inbox"
                            " WHERE id > ?", self.last_row)
        inbox = set(rows)
        if not inbox.issuperset(receipted):
            self.wrong.append("receipted, but not in the inbox when it was killed")
        if in_cloud is not None and not (inbox | in_cloud).issuperset(accepted):
            self.wrong.append("accepted, but not on the cloud's disk when it was killed")

    def kill_sdr(self):
        self.sdr.kill()
        self.check_promises(None)
        with self.lock:
            self.sdr_kills += 1
            self.start_sdr()

    def is_quiet(self):
        with self.lock:
            return len(self.receipted) == len(self.texts) or bool(self.wrong)

    def check_rows(self):
        """The inbox table: each message once, in order, with its text. Returns {name: text}."""
        files, last_seq = {}, self.settled
        rows = self.bed.ask(self.receiver,
                            "SELECT id, peer, seq, hex(session), idx, message, late FROM inbox"
                            " WHERE id > ? ORDER BY id", self.last_row)
        seen = set()
        for row, peer, seq, session, index, message, late in rows:
            self.last_row = row
            session = session.lower()
            self.count["late"] += late
            if seq in seen or seq <= self.settled:
                self.count["duplicated"] += 1
            elif seq < last_seq:
                self.count["disordered"] += 1
            elif peer != self.sender or message.decode() != self.texts.get(seq):
                self.wrong.append(f"inbox: seq {seq} has another text")
            elif self.packages.get(seq) != (session, index):
                self.wrong.append(f"inbox: seq {seq} is another package than reported")
            elif self.lines.get((session, index), (0,))[0] != seq:
                self.wrong.append(f"inbox: seq {seq} was never shown")
            seen.add(seq)
            last_seq = max(last_seq, seq)
            files[f"from-{peer}-{seq:010}-{session[:8]}-{index:010}.msg"] = self.texts.get(seq)
        self.count["lost"] += len(set(self.texts) - seen)
        if len(self.lines) != len(seen):
            self.wrong.append(f"{len(self.lines)} messages shown, {len(seen)} in the inbox")
        return files

    def check_files(self, files):
        there = {n for n in os.listdir(self.inbox) if not n.startswith(".")}
        wanted = set(files) | {n[:-4] + ".pgm" for n in files}
        for name in sorted(there ^ wanted)[:3]:
            self.wrong.append(f"file {name} is {'missing' if name in wanted else 'too much'}")
        for name in there & wanted:
            path = os.path.join(self.inbox, name)
            with open(path, "rb") as f:
                content = f.read()
            if name.endswith(".msg") and content.decode() != files[name]:
                self.wrong.append(f"file {name} has another text")
            if name.endswith(".pgm") and len(content) != len(b"P5\n128 128\n255\n") + 128 * 128:
                self.wrong.append(f"file {name} is not whole")
            os.unlink(path)

    def read_history(self):
        out = self.bed.run("sdr", "history", "--home", self.bed.path(self.receiver), "--from",
                           self.sender, "--since", str(self.settled), "--json")
        shown = [json.loads(line) for line in out.splitlines()]
        return [(s["seq"], s["session"], s["index"], s.get("text")) for s in shown]

    def check_history(self):
        """What the cloud kept is what was received, once and in order. The last receipts may still
        be on their way to its disk."""
        wanted = sorted((seq, *name, text) for name, (seq, text, _) in self.lines.items())
        kept = []

        def is_whole():
            kept[:] = self.read_history()
            return len(kept) >= len(wanted)

        try:
            wait_until("the cloud keeps all", is_whole, 10)
        except Failure:
            missing = sorted(set(wanted) - set(kept))
            self.wrong.append(f"history: {len(missing)} missing of {len(wanted)}, the first: "
                              f"{missing[:1]}")
            return
        if kept != wanted:
            odd = [k for k, w in zip(kept, wanted) if k != w] + kept[len(wanted):]
            self.wrong.append(f"history: {odd[:1]} is too much, or not in its place")
        self.count["kept"] += len(kept)

    def settle(self, retains):
        """At rest: compare with the model, and begin a new one."""
        with self.lock:
            self.check_files(self.check_rows())
            if retains:
                self.check_history()
            for what, n in (("taken", self.texts), ("accepted", self.accepted),
                            ("receipted", self.receipted)):
                self.count[what] += len(n)
            self.settled = self.next_seq - 1
            self.old_lines = dict(self.lines)
            self.ended = {s: k for s, k in self.ended.items() if s in self.texts}
            for model in (self.texts, self.packages, self.accepted, self.receipted, self.lines):
                model.clear()


class Rounds:
    def __init__(self, bed, rng, programs, kinds):
        self.bed, self.rng, self.programs, self.kinds = bed, rng, programs, kinds
        self.faults = None
        self.directions = [Direction(bed, "anna", "bert", rng), Direction(bed, "bert", "anna", rng)]
        self.kills = dict.fromkeys(("cloudd", "sds", "sdr"), 0)
        self.done = 0
        self.feeding = True
        self.error = None
        self.interrupted = self.retains = False
        self.feeder = threading.Thread(target=self.feed, daemon=True)

    def prepare(self, disk, retain):
        """Between the programs and what they stand on: what the faults need."""
        proxy = FaultProxy(self.bed.cloud_port)
        clocks = Clocks(self.bed.folder, ("cloud", "anna", "bert"))
        if "clock" in self.kinds:
            if clocks.library is None:
                print("kill_rounds: no clock steps: faketime is not installed")
                self.kinds.remove("clock")
            self.bed.environment = clocks.environment
        if self.kinds != ["kill"]:
            self.bed.port = proxy.port
        if "disk" in self.kinds:
            self.bed.cloud_options = disk.options()
        if retain is not None:
            self.bed.cloud_options = ("--retain", str(retain))
            self.retains = True
            self.directions[1].under_way = LITTLE
            library = self.bed.build_preload("slow_disk")
            self.bed.environment = lambda owner: (
                {"LD_PRELOAD": library} if owner == "cloud" else None)
        self.faults = Faults(self.rng, proxy, clocks, disk, self.running)

    def start(self):
        self.bed.start_cloud()
        self.bed.enrol("anna", "synth1a.pgm")
        self.bed.enrol("bert", "synth2a.pgm")
        for d in self.directions:
            d.start_sdr()
        wait_until(f"the receivers offer {self.bed.profile}", self.profile_is_offered, 20)
        for d in self.directions:
            d.start_sds()
        self.feeder.start()

    def profile_is_offered(self):
        """A device takes part in research from the first time on that its receiver says so."""
        lines = self.bed.run("cloudd", "devices", "--home", self.bed.path("cloud"), "--json")
        return all(self.bed.profile in json.loads(l)["profiles"] for l in lines.splitlines())

    def feed(self):
        try:
            while self.feeding is not None:
                for d in self.directions:
                    if self.feeding:
                        d.feed()
                time.sleep(0.004)
        except (Failure, OSError) as e:
            self.error = e

    def running(self):
        return [(name, p) for d in self.directions for name, p in (("sdr", d.sdr), ("sds", d.sds))
                ] + [("cloudd", self.bed.cloud)]

    def progress(self):
        return sum(len(d.packages) + len(d.receipted) for d in self.directions)

    def check(self):
        if self.error is not None:
            raise Failure(self.error)
        if self.faults.wrong is not None:
            raise Failure(self.faults.wrong)
        for name, p in self.running():
            if p.process.poll() is not None:
                raise Failure(f"{name} ended by itself, exit {p.process.returncode}")
        for d in self.directions:
            if d.wrong:
                raise Failure(f"{d.sender} to {d.receiver}: {'; '.join(d.wrong[:5])}")
            bad = {k: d.count[k] for k in ("lost", "duplicated", "disordered", "late")}
            if any(bad.values()):
                raise Failure(f"{d.sender} to {d.receiver}: {bad}")

    def kill(self, program):
        self.kills[program] += 1
        if program == "cloudd":
            self.bed.cloud.kill()
            time.sleep(0.01)  # sds reads what still came
            in_cloud = set(self.bed.ask_cloud("SELECT lower(hex(session)), idx FROM packages"))
            for d in self.directions:
                d.check_promises(in_cloud)
            self.bed.start_cloud()
        elif program == "sds":
            self.rng.choice(self.directions).kill_sds()
        else:
            self.rng.choice(self.directions).kill_sdr()

    def hurt(self):
        kind = self.rng.choice(self.kinds)
        self.faults.count[kind] += kind == "kill"
        if kind == "kill":
            self.kill(self.rng.choice(self.programs))
        else:
            self.faults.one(kind)

    def one(self):
        before = self.progress()
        if self.rng.random() < 0.75:
            wait_until("messages move", lambda: self.progress() > before or self.error, 30)
        time.sleep(self.rng.uniform(0, KILL_WITHIN))
        self.hurt()
        if len(set(self.programs)) > 1 and self.rng.random() < 0.15:
            self.hurt()
        self.done += 1
        self.check()

    def settle(self):
        self.feeding = False
        time.sleep(0.02)  # the feeder may be at it
        wait_until("all is receipted", lambda: all(d.is_quiet() for d in self.directions))
        self.check()
        # The receipt goes out before the line is printed.
        wait_until("all is shown", lambda: all(len(d.lines) >= len(d.texts)
                                               for d in self.directions), 10)
        for d in self.directions:
            d.settle(self.retains)
        self.check()
        self.feeding = True

    def run(self, rounds):
        while self.done < rounds and not self.interrupted:
            self.one()
            if self.done % SETTLE_EACH == 0:
                self.settle()
                print(self.summary(), flush=True)
        self.settle()

    def interrupt(self, _signal, _frame):
        self.interrupted = True

    def end(self):
        """The orderly way: end of input, then SIGTERM; every program exits 0."""
        self.feeding = None
        self.feeder.join()
        for d in self.directions:
            d.sds.process.stdin.close()
        codes = [d.sds.wait() for d in self.directions]
        codes += [d.sdr.stop() for d in self.directions]
        codes.append(self.bed.cloud.stop())
        if any(codes):
            raise Failure(f"exit codes of two sds, two sdr and cloudd: {codes}")

    def summary(self):
        total = {k: sum(d.count[k] for d in self.directions) for k in self.directions[0].count}
        faults = ", ".join(f"{k} {self.faults.count[k]}" for k in self.kinds)
        network = ", ".join(f"{k} {n}" for k, n in sorted(self.faults.proxy.count.items()))
        return (f"kill_rounds: {self.done} rounds; faults: {faults}"
                f"{' (network: ' + network + ')' if network else ''}; "
                f"kills: cloudd {self.kills['cloudd']}, sds "
                f"{self.kills['sds']}, sdr {self.kills['sdr']}; messages: fed {total['fed']}, "
                f"taken {total['taken']}, accepted {total['accepted']}, receipted "
                f"{total['receipted']}, lost {total['lost']}, duplicated {total['duplicated']}, "
                f"out of order {total['disordered']}, late {total['late']}; lines repeated after "
                f"a crash {total['repeated']}, sessions made to expire {total['renewed']}"
                f"{', kept by the cloud ' + str(total['kept']) if self.retains else ''}")


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    p.add_argument("--rounds", type=int, default=15)
    p.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    p.add_argument("--kill", default="cloudd,cloudd,cloudd,sds,sdr",
                   help="programs, each as often as it is named")
    p.add_argument("--faults", default="kill", help=f"kinds, of {','.join(KINDS)}, or all")
    p.add_argument("--profile", default="auth", help="of the messages")
    p.add_argument("--retain", type=int, metavar="DAYS", help="the cloud keeps what was verified")
    args = p.parse_args()
    kinds = list(KINDS) if args.faults == "all" else args.faults.split(",")
    if not set(kinds) <= set(KINDS):
        p.error(f"--faults takes some of {','.join(KINDS)}")
    if args.retain is not None and {"disk", "clock"} & set(kinds):
        p.error("with a full disk, and when days pass, a cloud need not keep packages")
    print(f"kill_rounds: --faults {','.join(kinds)} --seed {args.seed}"
          f"{'' if args.retain is None else f' --retain {args.retain}'}", flush=True)
    folder = tempfile.mkdtemp(prefix="kill-rounds-")
    os.chmod(folder, 0o755)
    disk = Disk(folder)
    if "disk" in kinds:
        disk.mount()
    bed = Testbed(folder, args.profile)
    rounds = Rounds(bed, random.Random(args.seed), args.kill.split(","), kinds)
    signal.signal(signal.SIGINT, rounds.interrupt)
    try:
        rounds.prepare(disk, args.retain)
        rounds.start()
        rounds.run(args.rounds)
        rounds.end()
        print(rounds.summary())
    except Failure as e:
        print(rounds.summary())
        print(f"kill_rounds: not ok: {e}")
        bed.show_errors()
        print(f"kill_rounds: the homes are kept in {folder}")
        return 1
    finally:
        rounds.feeding = None
        bed.close()
        disk.unmount()
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
