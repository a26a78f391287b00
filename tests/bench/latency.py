#!/usr/bin/env python3
"""End-to-end latency and throughput on loopback: sds run -> cloudd -> sdr run and the receipt back.

    latency.py PROGRAMS DATA [--each N] [--stream N]

PROGRAMS is a folder of objects (build/plain), DATA one that holds covers/ and signatures/. All
state is in a temporary folder on the disk that TMPDIR names; nothing is left behind.
"""
import argparse
import json
import os
import pathlib
import queue
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

SIZES = (64, 1024, 16384)
PATIENCE = 60  # seconds without a word from a program
TICK = os.sysconf("SC_CLK_TCK")


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def cpu_seconds(process):
    """User and system time of a process with all its threads, in steps of 1/TICK s."""
    text = pathlib.Path(f"/proc/{process.pid}/stat").read_text()
    fields = text.rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def sync_us(folder, rounds=200):
    """The disk's own time: append 4 KiB to a file and fdatasync it."""
    times = []
    with open(folder / "probe", "wb", buffering=0) as f:
        for _ in range(rounds):
            start = time.monotonic()
            f.write(b"\x5a" * 4096)
            os.fdatasync(f.fileno())
            times.append((time.monotonic() - start) * 1e6)
    return statistics.median(times)


class Program:
    """A program of ours that runs: its lines of stdout, one at a time."""

    def __init__(self, arguments, log):
        self.log = log
        with open(log, "wb") as err:
            self.process = subprocess.Popen(arguments, bufsize=1 << 17, stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, stderr=err)
        self.lines = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def line(self):
        try:
            line = self.lines.get(timeout=PATIENCE)
        except queue.Empty:
            line = None
        if line is None:
            sys.exit(f"latency: {self.process.args[0]} has stopped talking; it said:\n"
                     + self.log.read_text()[-2000:])
        return line.decode()

    def write(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def stop(self):
        """SIGTERM, and SIGKILL if that does not do."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Lab:
    """A cloud and two enrolled devices; the receiver is online."""

    def __init__(self, work, objects, data):
        self.work, self.objects, self.data = work, objects, data
        self.running = []
        (work / "covers").mkdir()
        for cover in sorted((data / "covers").glob("*-128.png")):
            shutil.copy(cover, work / "covers")

    def path(self, program):
        return str(self.objects / program / program)

    def call(self, program, *arguments):
        done = subprocess.run([self.path(program), *arguments], capture_output=True, text=True,
                              timeout=PATIENCE)
        if done.returncode != 0:
            sys.exit(f"latency: {program} {arguments[0]} failed: {done.stderr.strip()}")
        return done.stdout

    def start(self, name, program, *arguments):
        started = Program([self.path(program), *arguments], self.work / f"{name}.err")
        self.running.append(started)
        return started

    def enrol(self, program, device, scan):
        token = self.call("cloudd", "invite", "--home", str(self.work / "cloud"), device).split()[1]
        self.call(program, "enroll", "--home", str(self.work / device), "--id", device, "--cloud",
                  self.address, "--cloud-key", self.key, "--token", token, "--signature",
                  str(self.data / "signatures" / scan))

    def open(self):
        home = str(self.work / "cloud")
        self.key = self.call("cloudd", "init", "--home", home).split()[1]
        self.cloud = self.start("cloud", "cloudd", "run", "--home", home, "--listen", "127.0.0.1:0")
        self.address = self.cloud.line().split()[1]
        self.enrol("sds", "alice", "synth1a.pgm")
        self.enrol("sdr", "bob", "synth2a.pgm")
        self.receiver = self.start("bob", "sdr", "run", "--home", str(self.work / "bob"), "--json")
        self.sender = self.start("alice", "sds", "run", "--home", str(self.work / "alice"), "--to",
                                 "bob", "--covers", str(self.work / "covers"), "--json")

    def close(self):
        for program in reversed(self.running):
            program.stop()

    def receipted(self, count):
        """The next `count` messages that the receiver has verified, as sds reports them."""
        reports = []
        while len(reports) < count:
            report = json.loads(self.sender.line())
            if report["status"] in ("rejected", "expired"):
                sys.exit(f"latency: a message came back: {report}")
            if report["status"] == "receipted":
                reports.append(report)
        return reports


def message(size, number):
    return (f"{number:08d} " + "inkpost " * (size // 8 + 1))[:size].encode() + b"\n"


def latencies(reports):
    accepted = [r["accepted_us"] for r in reports if "accepted_us" in r]
    receipted = [r["receipted_us"] for r in reports]
    embed = statistics.median(r["embed_us"] for r in reports)
    return (percentile(accepted or [0], 0.5), percentile(accepted or [0], 0.99),
            percentile(receipted, 0.5), percentile(receipted, 0.99), embed)


def one_at_a_time(lab, count):
    disk = sync_us(lab.work)
    print(f"One message at a time, {count} of each size; times in us from the line's arrival at "
          "sds.")
    print(f"The disk's own time (4 KiB appended and synced), median: {disk:.0f} us")
    print(f"{'bytes':>8} {'accepted p50':>13} {'p99':>8} {'verified p50':>13} {'p99':>8} "
          f"{'embed p50':>10} {'verified/disk':>14}")
    for size in SIZES:
        reports = []
        for number in range(count):
            lab.sender.write(message(size, number))
            reports += lab.receipted(1)
        a50, a99, r50, r99, embed = latencies(reports)
        print(f"{size:8} {a50:13.0f} {a99:8.0f} {r50:13.0f} {r99:8.0f} {embed:10.0f} "
              f"{r50 / disk:14.2f}", flush=True)


def stream(lab, count):
    programs = (lab.sender, lab.cloud, lab.receiver)
    print(f"\nA stream of {count} messages of each size, as fast as sds takes them; CPU in us a "
          "message\n(all threads, user and system)")
    print(f"{'bytes':>8} {'messages/s':>11} {'accepted p50':>13} {'p99':>8} {'verified p50':>13} "
          f"{'p99':>8} {'sds':>6} {'cloudd':>7} {'sdr':>6}")
    for size in SIZES:
        lines = b"".join(message(size, number) for number in range(count))
        before = [cpu_seconds(p.process) for p in programs]
        start = time.monotonic()
        feeder = threading.Thread(target=lab.sender.write, args=(lines,), daemon=True)
        feeder.start()
        reports = lab.receipted(count)
        rate = count / (time.monotonic() - start)
        feeder.join()
        cpu = [(cpu_seconds(p.process) - b) / count * 1e6 for p, b in zip(programs, before)]
        a50, a99, r50, r99, _ = latencies(reports)
        print(f"{size:8} {rate:11.0f} {a50:13.0f} {a99:8.0f} {r50:13.0f} {r99:8.0f} "
              f"{cpu[0]:6.0f} {cpu[1]:7.0f} {cpu[2]:6.0f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--each", type=int, default=300)
    parser.add_argument("--stream", type=int, default=2000)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("latency: stopped"))
    with tempfile.TemporaryDirectory(prefix="inkpost-bench-") as work:
        lab = Lab(pathlib.Path(work), options.programs, options.data)
        try:
            lab.open()
            lab.sender.write(message(64, 0))  # negotiates the session
            first = lab.receipted(1)[0]
            print(f"First message, its session negotiated on the way: {first['receipted_us']} us\n")
            one_at_a_time(lab, options.each)
            stream(lab, options.stream)
        finally:
            lab.close()


if __name__ == "__main__":
    main()
