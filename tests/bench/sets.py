#!/usr/bin/env python3
"""What a message to a set costs: one `sds send --to` all its members, beside one `sds send` each.

    sets.py PROGRAMS DATA [--members N,...] [--rounds N] [--bytes N]

PROGRAMS is a folder of objects (build/plain), DATA one that holds covers/ and signatures/. Every
member is an sdr of its own, online and with a session when the clock runs. Uploads are the pictures
that pass on the way up, bytes up all that sds writes to its socket; bytes stored are those of
messages, pictures and parts that the cloud's file holds when the members are away. Separately, one
program after the other is run: the times are those that it reports for its message, added up, and
its start is not in them. All state is in a temporary folder.
"""
import argparse
import json
import pathlib
import random
import signal
import socket
import sqlite3
import statistics
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "integration"))

import images
from latency import PATIENCE, Lab


PICTURE = b"P5\n128 128\n255\n"


class Counter:
    """Carries bytes between sds and the cloud, and counts those that go up."""

    def __init__(self, target):
        self.host, port = target.rsplit(":", 1)
        self.port = int(port)
        self.up = self.pictures = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            device, _ = self.listener.accept()
            cloud = socket.create_connection((self.host, self.port))
            for s in (device, cloud):
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._carry, args=(device, cloud, 1), daemon=True).start()
            threading.Thread(target=self._carry, args=(cloud, device, 0), daemon=True).start()

    def _carry(self, source, target, counted):
        seen = b""
        try:
            while data := source.recv(1 << 18):
                if counted:
                    seen = seen[-len(PICTURE) + 1:] + data
                    self.up += len(data)
                    self.pictures += seen.count(PICTURE)
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass


class Sets:
    """A cloud, a sender and members."""

    def __init__(self, work, objects, data, options):
        self.lab = Lab(work, objects, data)
        self.work, self.options = work, options
        self.cover = str(data / "covers" / "camera-128.png")
        self.members, self.running = [], {}
        self.message = ("inkpost " * (options.bytes // 8 + 1))[:options.bytes]

    def enrol(self, device):
        token = self.lab.call("cloudd", "invite", "--home", str(self.work / "cloud"), device)
        scan = self.work / "scan.pgm"
        ink = images.pixels("ink", 220, 90, random.Random(device))
        scan.write_bytes(images.pgm(220, 90, ink))
        self.lab.call("sds", "enroll", "--home", str(self.work / device), "--id", device, "--cloud",
                      self.lab.address, "--cloud-key", self.lab.key, "--token", token.split()[1],
                      "--signature", str(scan))

    def open(self, n):
        lab = self.lab
        home = str(self.work / "cloud")
        lab.key = lab.call("cloudd", "init", "--home", home).split()[1]
        lab.cloud = lab.start("cloud", "cloudd", "run", "--home", home, "--listen", "127.0.0.1:0",
                              "--hop", "any")
        lab.address = lab.cloud.line().split()[1]
        self.counter = Counter(lab.address)
        self.enrol("alice")
        for i in range(n):
            self.members.append(f"m{i:03}")
            self.enrol(self.members[-1])
        self.come()

    def come(self):
        for name in self.members:
            self.running[name] = self.lab.start(name, "sdr", "run", "--home", str(self.work / name),
                                                "--json")

    def leave(self):
        for program in self.running.values():
            program.stop()
        self.running = {}

    def send(self, to, *more):
        """Run it; returns what it reports. In clear, so that pictures can be counted."""
        out = self.lab.call("sds", "send", "--home", str(self.work / "alice"), "--cloud",
                            self.counter.address, "--hop", "clear", "--to", ",".join(to), "--cover",
                            self.cover, "--json", "--timeout", str(PATIENCE), *more, self.message)
        return [json.loads(line) for line in out.splitlines()]

    def stored(self):
        """Bytes and packages that wait in the cloud's file."""
        db = sqlite3.connect(self.work / "cloud" / "cloud.db", timeout=20)
        try:
            return db.execute("SELECT (SELECT COALESCE(SUM(LENGTH(body)), 0) FROM packages) +"
                              " (SELECT COALESCE(SUM(LENGTH(body)), 0) FROM commons)").fetchone()[0]
        finally:
            db.close()

    def together(self):
        times = sorted(r["receipted_us"] for r in self.send(self.members))
        return times[0], times[-1]

    def separately(self):
        times = [self.send([name])[0]["receipted_us"] for name in self.members]
        return times[0], sum(times)

    def one(self, way):
        """Uploads, bytes up, us to the first receipt and to the last."""
        pictures, up = self.counter.pictures, self.counter.up
        first, last = way()
        return self.counter.pictures - pictures, self.counter.up - up, first, last

    def stored_by(self, sends):
        before = self.stored()
        sends()
        return self.stored() - before

    def measure(self):
        self.send(self.members)  # sessions
        rounds = [(self.one(self.together), self.one(self.separately))
                  for _ in range(self.options.rounds)]
        self.leave()
        stored = (self.stored_by(lambda: self.send(self.members, "--no-wait")),
                  self.stored_by(lambda: [self.send([n], "--no-wait") for n in self.members]))
        return [[statistics.median(r[way][i] for r in rounds) for i in range(4)] + [stored[way]]
                for way in (0, 1)]


def row(what, figures):
    uploads, up, first, last, stored = figures
    print(f"{what:<24} {uploads:8.0f} {up:12.0f} {stored:12.0f} {first / 1000:10.1f} "
          f"{last / 1000:10.1f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--members", default="1,16,256")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bytes", type=int, default=1024)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("sets: stopped"))
    print(f"{options.bytes} bytes of text, a picture of 128x128, auth; medians of "
          f"{options.rounds} rounds\n{'':<24} {'uploads':>8} {'bytes up':>12} {'stored':>12} "
          f"{'first, ms':>10} {'last, ms':>10}")
    for n in map(int, options.members.split(",")):
        with tempfile.TemporaryDirectory(prefix="inkpost-bench-") as work:
            sets = Sets(pathlib.Path(work), options.programs, options.data, options)
            try:
                sets.open(n)
                together, each = sets.measure()
            finally:
                sets.lab.close()
        members = f"{n} member{'s' if n > 1 else ''}"
        row(f"{members}, one set", together)
        row(f"{members}, separately", each)
        ratios = [b / a for a, b in zip(together, each)]
        print(f"{'  separately / set':<24} {ratios[0]:7.1f}x {ratios[1]:11.1f}x {ratios[4]:11.1f}x "
              f"{ratios[2]:9.1f}x {ratios[3]:9.1f}x", flush=True)


if __name__ == "__main__":
    main()
