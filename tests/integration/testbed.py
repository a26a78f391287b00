"""testbed.py - a cloud and its devices as child processes, for the drivers in this folder.

Programs are started with their output read by a thread each: every line of stdout goes to a
function of the test, stderr is appended to a file of the scratch folder.
"""
import contextlib
import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
import time

BUILD = os.environ.get("BUILD", "build")
SIGNATURES = "tests/data/signatures"
COVERS = "tests/data/covers"


class Failure(Exception):
    """What a test found wrong."""


def free_port():
    """Below the ports that the system gives out by itself: no connection takes it until, or while,
    a cloud that is started and killed has it."""
    while True:
        port = random.SystemRandom().randrange(20000, 32000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


def wait_until(what, condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Failure(f"waited {seconds} s in vain until {what}")
        time.sleep(0.002)


def forget_clock(pid):
    """What libfaketime (see Clocks in faults.py) leaves of a program that was killed, or that may
    not remove it."""
    for name in (f"faketime_shm_{pid}", f"sem.faketime_sem_{pid}"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"/dev/shm/{name}")


class Program:
    """One running program."""

    def __init__(self, argv, stderr, on_line, stdin=False, env=None):
        self.argv = argv
        self.on_line = on_line
        with open(stderr, "ab") as err:
            self.process = subprocess.Popen(
                argv, stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=err, bufsize=0,
                env=None if env is None else {**os.environ, **env},
                start_new_session=True)  # Ctrl-C is for the test alone
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        with os.fdopen(os.dup(self.process.stdout.fileno()), "rb") as out:
            for line in out:
                if line.endswith(b"\n"):
                    self.on_line(line.decode())

    def kill(self):
        """SIGKILL; on return all that it printed has been read."""
        if self.process.poll() is not None:
            raise Failure(f"{self.argv[:2]} had ended by itself, exit {self.process.returncode}")
        self.process.kill()
        self._gone()

    def hears(self):
        """Is SIGTERM ours by now? Before main() has come so far it kills."""
        if self.process.poll() is not None:
            return True
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            caught = next(line.split()[1] for line in status if line.startswith("SigCgt:"))
        return int(caught, 16) >> (signal.SIGTERM - 1) & 1 == 1

    def stop(self, seconds=30):
        """SIGTERM; returns the exit code."""
        wait_until(f"{self.argv[:2]} hears signals", self.hears, seconds)
        self.process.send_signal(signal.SIGTERM)
        return self.wait(seconds)

    def wait(self, seconds=30):
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.argv[:2]} did not end within {seconds} s") from None
        self._gone()
        return self.process.returncode

    def _gone(self):
        self.process.wait()
        forget_clock(self.process.pid)
        self.reader.join()
        self.process.stdout.close()
        if self.process.stdin is not None:
            self.process.stdin.close()


def stopped(_signal, _frame):
    """SIGTERM: as Ctrl-C, so that close() is called and no program stays behind."""
    raise SystemExit("stopped")


class Testbed:
    """A scratch folder with a cloud that keeps its port, and homes of devices."""

    def __init__(self, folder, profile="auth"):
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, stopped)
        self.folder = folder
        self.profile = profile
        self.research = () if profile in ("auth", "sealed") else ("--allow-research",)
        self.cloud = None
        self.programs = []
        self.port = self.cloud_port = free_port()  # another port: a proxy's
        self.cloud_options = ()
        self.environment = lambda owner: None  # of a program, by the name of its home
        self.covers = self.path("covers")
        os.mkdir(self.covers)
        for name in sorted(os.listdir(COVERS)):
            if name.endswith("-128.png"):
                shutil.copy(os.path.join(COVERS, name), self.covers)
        out = self.run("cloudd", "init", "--home", self.path("cloud"))
        self.cloud_key = out.split("cloud-key ")[1].split()[0]

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def build_preload(self, name):
        """A library of the folder preload/; returns its path."""
        library = self.path(f"{name}.so")
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-D_GNU_SOURCE", "-o", library,
                        f"tests/integration/preload/{name}.c"], check=True)
        return library

    def run(self, program, *args, codes=(0,)):
        """Run to its end; returns stdout."""
        done = subprocess.run([os.path.join(BUILD, program), *args], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60, check=False)
        with open(self.path(f"{program}.err"), "a", encoding="utf-8") as err:
            err.write(done.stderr)
        if done.returncode not in codes:
            raise Failure(f"{program} {' '.join(args)}: exit {done.returncode}: {done.stderr}")
        return done.stdout

    def start(self, program, *args, on_line=lambda line: None, stdin=False):
        owner = os.path.basename(args[args.index("--home") + 1])
        p = Program([os.path.join(BUILD, program), *args], self.path(f"{program}.err"), on_line,
                    stdin, self.environment(owner))
        self.programs.append(p)
        return p

    def start_cloud(self):
        listening = threading.Event()
        self.cloud = self.start("cloudd", "run", "--home", self.path("cloud"), "--listen",
                                f"127.0.0.1:{self.cloud_port}", *self.cloud_options, *self.research,
                                on_line=lambda line: listening.set())
        if not listening.wait(20):
            raise Failure("cloudd does not listen")

    def enrol(self, device, scan):
        token = self.run("cloudd", "invite", "--home", self.path("cloud"), device).split()[1]
        self.run("sds", "enroll", "--home", self.path(device), "--id", device, "--cloud",
                 f"127.0.0.1:{self.port}", "--cloud-key", self.cloud_key, "--token", token,
                 "--signature", os.path.join(SIGNATURES, scan))

    def send(self, sender, receiver, text, *options, codes=(0,)):
        """`sds send`; returns the last status that it printed."""
        out = self.run("sds", "send", "--home", self.path(sender), "--to", receiver, "--cover",
                       os.path.join(COVERS, "camera-128.png"), "--json", *options, text,
                       codes=codes)
        return json.loads(out.splitlines()[-1])

    def ask(self, device, text, *values):
        """Rows of a query to a device's state.db, or a change to it."""
        db = sqlite3.connect(self.path(device, "state.db"), timeout=20)
        try:
            with db:
                return db.execute(text, values).fetchall()
        finally:
            db.close()

    def ask_cloud(self, text):
        """Rows of a query to the store of a cloud that is dead: to a copy, so that its own recovery
        stays to be done by cloudd."""
        copy = self.path("copy")
        os.mkdir(copy)
        for name in ("cloud.db", "cloud.db-wal"):
            if os.path.exists(self.path("cloud", name)):
                shutil.copy(self.path("cloud", name), copy)
        db = sqlite3.connect(os.path.join(copy, "cloud.db"))
        try:
            return db.execute(text).fetchall()
        finally:
            db.close()
            shutil.rmtree(copy)

    def close(self):
        for p in self.programs:
            if p.process.poll() is None:
                p.process.kill()
                p.process.wait()
                forget_clock(p.process.pid)

    def show_errors(self, lines=15):
        for name in sorted(os.listdir(self.folder)):
            if name.endswith(".err"):
                with open(self.path(name), encoding="utf-8", errors="replace") as f:
                    tail = f.readlines()[-lines:]
                print(f"---- {name}\n{''.join(tail)}", end="")
