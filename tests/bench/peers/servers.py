"""servers.py - cloudd and mosquitto as children of the comparison, each with a fresh folder, own
configuration and a port of its own on 127.0.0.1; started and ended by process id."""
import os
import pathlib
import shutil
import socket
import subprocess
import time

PATIENCE = 60  # seconds for a server to listen or to end
PSK = "bench:" + "5a" * 32 + "\n"

# Each setting of mosquitto that is measured, in words and as configuration.
SETTINGS = {
    "default": ("nothing is written", "persistence false\n"),
    "debian": ("written every 30 minutes", "persistence true\n"),
    "durable": ("written after every change",
                "persistence true\nautosave_on_changes true\nautosave_interval 1\n"),
}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def cpu_us(pid):
    """CPU time of a process, all threads that live, in us."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total / 1e3


class Server:
    """One running server and its folder."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(mode=0o700)
        self.process = None

    def launch(self, argv, stdout):
        with open(self.folder.with_suffix(".err"), "ab") as err:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=stdout,
                                            stderr=err)

    @property
    def pid(self):
        return self.process.pid

    def said(self):
        return self.folder.with_suffix(".err").read_text(errors="replace")

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.gone()

    def gone(self):
        """It was killed, or has ended: reap it."""
        if self.process is not None:
            self.process.wait(PATIENCE)
            if self.process.stdout is not None:
                self.process.stdout.close()
        self.process = None

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder)


class Cloud(Server):
    """cloudd with `devices` that were enrolled by cloud_crowd."""

    name = "inkpost"

    def __init__(self, folder, objects, devices=2):
        super().__init__(folder)
        self.program = str(objects / "cloudd" / "cloudd")
        home = str(self.folder / "home")
        self.key = subprocess.run([self.program, "init", "--home", home], check=True,
                                  capture_output=True, text=True).stdout.split()[1]
        subprocess.run([str(objects / "drivers" / "cloud_crowd"), "fill", home + "/cloud.db",
                        self.key, str(devices)], check=True)

    def start(self):
        self.launch([self.program, "run", "--home", str(self.folder / "home"), "--listen",
                     "127.0.0.1:0", "--mailbox-packages", "1000000", "--stranger-rate", "1000000"],
                    subprocess.PIPE)
        line = self.process.stdout.readline().decode()
        if not line.startswith("listening "):
            raise SystemExit(f"bench-peers: cloudd does not listen:\n{self.said()}")
        self.address = line.split()[1]

    def peer(self):
        """What its client wants to know first."""
        return [self.address, self.key]


class Mosquitto(Server):
    """mosquitto in one of SETTINGS, with a plain listener and one for TLS-PSK."""

    name = "mosquitto"

    def __init__(self, folder, setting):
        super().__init__(folder)
        self.setting = setting

    def configure(self):
        self.ports = {"plain": free_port(), "psk": free_port()}
        (self.folder / "psk").write_text(PSK)
        (self.folder / "psk").chmod(0o600)
        user = "user root\n" if os.getuid() == 0 else ""
        (self.folder / "conf").write_text(
            f"{user}log_type error\nset_tcp_nodelay true\nallow_anonymous true\n"
            "max_queued_messages 0\nmax_connections -1\n"
            f"persistence_location {self.folder}/\n{SETTINGS[self.setting][1]}"
            f"listener {self.ports['plain']} 127.0.0.1\n"
            f"listener {self.ports['psk']} 127.0.0.1\n"
            f"psk_hint bench\npsk_file {self.folder}/psk\n")

    def start(self):
        self.configure()
        self.launch([mosquitto_path(), "-c", str(self.folder / "conf")], subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE
        while not all(listens(port) for port in self.ports.values()):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"bench-peers: mosquitto does not listen:\n{self.said()}")
            time.sleep(0.02)


def mosquitto_path():
    return shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin")


def listens(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0
