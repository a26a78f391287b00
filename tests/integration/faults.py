"""faults.py - the faults of kill_rounds.py other than kill -9: the network, full disks, programs
that stand still, and clocks that are put forward or back.

Each is one call, drawn from the one random generator of the test; they end by themselves.
"""
import collections
import glob
import os
import shutil
import signal
import subprocess
import threading
import time

KINDS = ("kill", "cut", "slow", "disk", "clock", "stop")
STORE_MAX = 2 << 20        # of a cloud whose disk is full now and then
DISK_BYTES = 64 << 20      # of its file system, where one may be mounted
MINUTE, DAY = 60, 24 * 60 * 60
# Nothing that waits becomes 30 days old, whichever two of these follow one another.
CLOCK_STEPS = (-12 * DAY, -2 * DAY, -10 * MINUTE, -3, 0, 3, 10 * MINUTE, DAY, 9 * DAY, 14 * DAY)


def faketime_library():
    found = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
    return found[0] if found else None


class Clocks:
    """One for the cloud and one for each device, as files that libfaketime reads."""

    def __init__(self, folder, owners):
        self.library = faketime_library()
        self.folder, self.owners = folder, owners

    def environment(self, owner):
        """For a program of this owner; None when its clock is the system's."""
        if self.library is None or not os.path.isdir(os.path.join(self.folder, owner)):
            return None
        name = os.path.join(self.folder, owner, "clock")
        if not os.path.exists(name):
            self.set(owner, 0)
        return {"LD_PRELOAD": self.library, "FAKETIME_TIMESTAMP_FILE": name,
                "FAKETIME_CACHE_DURATION": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}

    def set(self, owner, seconds):
        name = os.path.join(self.folder, owner, "clock")
        fd = os.open(name, os.O_WRONLY | os.O_CREAT, 0o644)
        os.pwrite(fd, f"{seconds:+010d}\n".encode(), 0)  # always as long: the disk may be full
        os.close(fd)

    def step(self, rng):
        owner, seconds = rng.choice(self.owners), rng.choice(CLOCK_STEPS)
        self.set(owner, seconds)


class Disk:
    """The cloud's: a small file system where it may be mounted, and a store that may not grow."""

    def __init__(self, folder):
        self.home = os.path.join(folder, "cloud")
        self.mounted = False
        self.fills = 0

    def mount(self):
        if os.geteuid() != 0 or shutil.which("mount") is None:
            return
        os.mkdir(self.home, 0o700)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=0700",
                               "inkpost-test", self.home], capture_output=True, check=False)
        self.mounted = done.returncode == 0
        if not self.mounted:
            os.rmdir(self.home)

    def unmount(self):
        if self.mounted:
            subprocess.run(["umount", "-l", self.home], check=False)
            self.mounted = False

    def options(self):
        return ("--max-store", str(STORE_MAX))

    def fill(self, seconds):
        """Nothing more fits for so long."""
        self.fills += 1
        name = os.path.join(self.home, f"ballast-{self.fills}")
        try:
            with open(name, "wb", buffering=0) as f:
                while f.write(bytes(1 << 20)) > 0:
                    pass
        except OSError:
            pass
        finally:
            threading.Timer(seconds, os.unlink, (name,)).start()


class Faults:
    def __init__(self, rng, proxy, clocks, volume, programs):
        """programs(): the running ones, as (name, Program)."""
        self.rng, self.proxy, self.clocks, self.volume = rng, proxy, clocks, volume
        self.programs = programs
        self.count = collections.Counter()
        self.wrong = None

    def one(self, kind):
        self.count[kind] += 1
        getattr(self, kind)()

    def cut(self):
        draw = self.rng.random()
        if draw < 0.35:
            self.proxy.cut(self.rng)
        elif draw < 0.7:
            self.proxy.cut_in_frame(self.rng)
        elif draw < 0.85:
            self.proxy.late(self.rng)
        else:
            self.wrong = self.proxy.replay(self.rng) or self.wrong

    def slow(self):
        if self.rng.random() < 0.5:
            self.proxy.delay(self.rng)
        else:
            self.proxy.silence(self.rng)

    def clock(self):
        self.clocks.step(self.rng)

    def hold(self, program, seconds):
        """SIGSTOP, and SIGCONT later; it may be killed meanwhile."""
        program.process.send_signal(signal.SIGSTOP)
        threading.Timer(seconds, program.process.send_signal, (signal.SIGCONT,)).start()

    def stop(self):
        """Receivers more often than others."""
        chosen, seconds = self.rng.random(), self.rng.uniform(0.05, 1.5)
        programs = [p for name, p in self.programs() if name == "sdr" or chosen < 0.3]
        self.hold(programs[int(self.rng.random() * len(programs))], seconds)

    def fill(self):
        """Receivers stand still until the store is full, which it then is until receipts come."""
        for name, p in self.programs():
            if name == "sdr":
                self.hold(p, 1.0)
        time.sleep(0.5)

    def disk_full(self):
        self.volume.fill(self.rng.uniform(0.05, 0.8))

    def disk(self):
        (self.disk_full if self.volume.mounted and self.rng.random() < 0.5 else self.fill)()
