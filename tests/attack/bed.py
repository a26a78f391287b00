"""A cloud and devices for the attacks: the real programs, over an open hop, with the attacker's
proxy between them.

The paper's adversary owns the network and meets no hop protection, so neither does ours: what stops
an attack here is the profile. `--hop sealed`, the default, would stop all of them one layer lower.
"""
import contextlib
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/integration"))

from testbed import COVERS, Failure, Testbed, wait_until  # noqa: E402
from wire import DOWN, UP, Frame, Proxy, decode, encode, frame  # noqa: E402,F401

COVER = f"{COVERS}/camera-128.png"
SCANS = {"alice": "synth1a.pgm", "bob": "synth2a.pgm", "mallory": "synth3a.pgm"}
OPEN = ("--hop", "open", "--allow-research")
SEALED = ("--hop", "sealed", "--allow-research")  # the default
SETTLE = 0.4  # seconds in which nothing more comes of what was sent


class Receiver:
    """An sdr on the bed: what it showed and what it refused."""

    def __init__(self, bed, device, *options):
        self.bed, self.device, self.options = bed, device, options
        self.shown, self.refused = [], []
        self.start()

    def start(self):
        before = self.bed.attached(self.device, "receive")
        self.program = self.bed.start("sdr", "run", "--home", self.bed.path(self.device), "--json",
                                      *self.bed.hop, *self.options, on_line=self.on_line)
        self.bed.wait_attached(self.device, "receive", before)

    def on_line(self, line):
        said = json.loads(line)
        (self.shown if said["verified"] else self.refused).append(said)

    def texts(self):
        return [m.get("text") for m in self.shown]

    def stop(self):
        self.program.stop()

    def heard(self):
        return len(self.shown) + len(self.refused)


class Stream:
    """An `sds run` that is fed line by line."""

    def __init__(self, bed, device, to, profile, *options):
        self.said = []
        self.program = bed.start("sds", "run", "--home", bed.path(device), "--to", to, "--covers",
                                 bed.covers, "--profile", profile, "--json", *bed.hop, *options,
                                 on_line=lambda line: self.said.append(json.loads(line)),
                                 stdin=True)

    def send(self, text):
        self.program.process.stdin.write(text.encode() + b"\n")

    def last(self):
        """Of each message the last status, by its number."""
        return {s["seq"]: s["status"] for s in list(self.said)}

    def done(self, n):
        ended = ("receipted", "rejected", "expired")
        return sum(s in ended for s in self.last().values()) >= n

    def end(self, seconds=30):
        self.program.process.stdin.close()
        return self.program.wait(seconds)


class Bed(Testbed):
    """`hop` are the options of devices about their hop; with `tapped` the proxy is in between."""

    def __init__(self, folder, hop=OPEN):
        super().__init__(folder)
        self.hop = hop
        self.cloud_options = ("--hop", "any", "--allow-research")
        self.began = time.monotonic()
        self.proxy = Proxy(self.cloud_port, lambda: time.monotonic() - self.began)
        self.port = self.proxy.port
        self.rule = None  # of the experiment: rule(link, way, frame), as the proxy's
        self.swallowed = None
        self.proxy.rule = self._rule

    def _rule(self, link, way, f):
        if self.swallowed is not None and way == UP and f.name == "RECEIPT":
            self.swallowed.append(decode(f.name, f.body))
            return []
        return self.rule(link, way, f) if self.rule is not None else None

    def inject(self, device, values, seconds=2):
        """A PACKAGE for a receiving device that the cloud never sent; the device's word on it, which
        the cloud does not hear, or None."""
        self.swallowed = []
        self.proxy.link_of(device, "receive").send(DOWN, frame("PACKAGE", values))
        try:
            wait_until("it answers", lambda: self.swallowed, seconds)
        except Failure:
            pass
        said, self.swallowed = self.swallowed, None
        return said[0] if said else None

    def packages(self, to):
        """What the cloud sent to a device, oldest first."""
        return self.proxy.frames("PACKAGE", to, DOWN)

    def new_session(self, sender):
        """The sender's next message makes a new session."""
        self.ask(sender, "UPDATE send_session SET created = 1 WHERE current = 1")

    def devices(self, *names):
        for name in names:
            self.enrol(name, SCANS[name])

    def attached(self, device, role):
        """How often the cloud has let it in."""
        with open(self.path("cloudd.err"), encoding="utf-8") as log:
            return log.read().count(f"attached: {device} {role}\n")

    def wait_attached(self, device, role, before, seconds=20):
        wait_until(f"{device} is attached", lambda: self.attached(device, role) > before, seconds)
        if self.hop[1] == "open":
            wait_until(f"{device} is attached", lambda: self.proxy.link_of(device, role), seconds)
            link = self.proxy.link_of(device, role)
            wait_until(f"{device} is let in",
                       lambda: any(x is link and f.name == "ATTACHED"
                                   for x, _, f in list(self.proxy.seen)), seconds)

    def say(self, sender, receiver, text, profile, *options, codes=(0, 1, 3)):
        """`sds send`: its last status, None when it printed none."""
        out = self.run("sds", "send", "--home", self.path(sender), "--to", receiver, "--cover",
                       COVER, "--json", *(("--profile", profile) if profile else ()), *self.hop,
                       *options, text, codes=codes)
        return json.loads(out.splitlines()[-1]) if out else None

    def restart_cloud(self):
        self.cloud.stop()
        self.start_cloud()

    def close(self):
        self.proxy.close()
        super().close()


@contextlib.contextmanager
def bed(*names, hop=OPEN):
    """A running cloud with these devices enrolled."""
    folder = tempfile.mkdtemp(prefix="attack-")
    b = Bed(folder, hop)
    try:
        b.start_cloud()
        b.devices(*names)
        yield b
    except Failure:
        with contextlib.redirect_stdout(sys.stderr):  # results are alone on stdout
            b.show_errors()
        raise
    finally:
        b.close()
        shutil.rmtree(folder, ignore_errors=True)


def settle(seconds=SETTLE):
    time.sleep(seconds)


class Helper:
    """The core's cryptography behind a pipe: tests/attack/attacker.c, and of the profile sga
    sga_attacker.c, say what can be asked."""

    def __init__(self, ctx, name="attacker"):
        program = ctx.objects / "attack" / name
        if not program.exists():
            raise SystemExit(f"attack: {program} is missing; run make attacks")
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        self.lock = threading.Lock()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def ask(self, *words):
        """The words of the answer; bytes go in as hex, and come out as hex."""
        line = " ".join(w.hex() or "-" if isinstance(w, (bytes, bytearray)) else str(w)
                        for w in words)
        with self.lock:
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline().decode().split()
        if not answer or answer[0] == "error":
            raise Failure(f"attacker: {words[0]}: {' '.join(answer)}")
        return answer


def key_of(bed_, device):
    """A device's public key, from its own list of peers."""
    out = bed_.run("sds", "peers", "--home", bed_.path(device), "--json")
    for line in out.splitlines():
        if json.loads(line).get("self"):
            return bytes.fromhex(re.sub("[^0-9a-f]", "", json.loads(line)["key"]))
    raise Failure(f"{device} says no key")
