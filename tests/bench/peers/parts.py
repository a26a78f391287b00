"""parts.py - what is measured: one class method a part. Within a part inkpost and mosquitto take
turns, and the one that begins changes with every round. Figures are medians of the rounds."""
import json
import pathlib
import statistics
import subprocess
import sys
import time

import servers

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import latency as end_to_end  # noqa: E402

SIZES = (64, 1024, 16384)
WINDOW = 100
# Loads of cloudd: name, bytes of the message, sides of the image, bytes of mosquitto's message.
SHAPES = (
    ("package of 16 KiB in all", 64, "128x126", 16384),
    ("message of 256 B and cover of 16 KiB", 256, "128x128", 256),
    ("message of 16 KiB and cover of 16 KiB", 16384, "128x128", 16384),
)
# The smallest cover that can hold a tag and its nonce.
BARE = ("message of 256 B, cover of 40x40", 256, "40x40", 256)
COVERS = (40, 64, 128, 256, 512)


class Receiver(end_to_end.Program):
    """sdr with no thread between its stdout and the clock."""

    def _read(self):
        pass

    def line(self):
        return self.process.stdout.readline().decode()


class Lab(end_to_end.Lab):
    def start(self, name, program, *arguments):
        if name != "bob":
            return super().start(name, program, *arguments)
        started = Receiver([self.path(program), *arguments], self.work / f"{name}.err")
        self.running.append(started)
        return started


def words(text):
    """`name value name value ...` as a dictionary of numbers."""
    fields = text.split()
    return {name: float(value) for name, value in zip(fields[::2], fields[1::2])}


def middle(rows, name):
    return statistics.median(row[name] for row in rows)


class Parts:
    """The measurements; results gather in self.found, which ends up in results.json."""

    def __init__(self, work, objects, tools, scale):
        self.work, self.objects, self.tools, self.scale = work, objects, tools, scale
        self.found = {}
        self.serial = 0
        self.running = []
        self.turns = []
        self.part = None

    def measure(self, part):
        self.part = part
        getattr(self, part)()
        return self.found[part]

    # ---- servers and clients ----

    def folder(self, name):
        self.serial += 1
        return self.work / f"{self.serial:03d}-{name}"

    def cloud(self, devices=2):
        server = servers.Cloud(self.folder("cloud"), self.objects, devices)
        self.running.append(server)
        server.start()
        return server

    def mosquitto(self, setting="default"):
        server = servers.Mosquitto(self.folder("mosquitto"), setting)
        self.running.append(server)
        server.start()
        return server

    def end(self, server):
        server.stop()
        self.note_turns(server)
        server.remove()
        self.running.remove(server)

    def note_turns(self, server):
        """The longest turn of the loop, when cloudd says it."""
        for line in server.said().splitlines():
            if "longest turn" in line:
                self.turns.append(f"{self.part}: {line.strip()}")

    def close(self):
        for server in list(self.running):
            server.stop()

    def client(self, program, what, *arguments):
        argv = [str(self.tools[program]), what, *(str(a) for a in arguments)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            raise SystemExit(f"bench-peers: {' '.join(argv)}: {done.stderr.strip()}")
        return words(done.stdout)

    def rounds(self, *contestants):
        """Each contestant's rows, name -> list; every second round in reverse order."""
        rows = {name: [] for name, _ in contestants}
        for number in range(self.scale["rounds"]):
            order = contestants if number % 2 == 0 else contestants[::-1]
            for name, run in order:
                rows[name].append(run())
        return rows

    # ---- latency ----

    def latency_inkpost(self, lab, size):
        """us from the line's arrival at sds to sdr's line, and to the receipt at sds."""
        seen, reports = [], []
        before = servers.cpu_us(lab.cloud.process.pid)
        for number in range(self.scale["trips"]):
            line = end_to_end.message(size, number)
            start = time.monotonic()
            lab.sender.write(line)
            got = lab.receiver.line()
            seen.append((time.monotonic() - start) * 1e6)
            if not json.loads(got)["verified"]:
                raise SystemExit(f"bench-peers: not verified: {got}")
            reports += lab.receipted(1)
        cpu = (servers.cpu_us(lab.cloud.process.pid) - before) / len(seen)
        return {"p50": end_to_end.percentile(seen, 0.5), "p99": end_to_end.percentile(seen, 0.99),
                "receipt": statistics.median(r["receipted_us"] for r in reports), "cpu": cpu}

    def latency_mosquitto(self, server, security, size):
        before = servers.cpu_us(server.pid)
        row = self.client("mosq_client", "latency", server.ports[security], security, size,
                          self.scale["trips"])
        row["cpu"] = (servers.cpu_us(server.pid) - before) / row["n"]
        return row

    def latency(self):
        folder = self.folder("lab")
        folder.mkdir()
        lab = Lab(folder, self.objects, pathlib.Path("tests/data"))
        brokers = {setting: self.mosquitto(setting) for setting in ("default", "durable")}
        found = self.found["latency"] = {"sync_us": end_to_end.sync_us(lab.work)}
        try:
            lab.open()
            lab.sender.write(end_to_end.message(64, 0))
            lab.receiver.line()
            lab.receipted(1)
            for size in SIZES:
                rows = self.rounds(
                    ("inkpost", lambda s=size: self.latency_inkpost(lab, s)),
                    *((f"{security} {setting}",
                       lambda b=broker, c=security, s=size: self.latency_mosquitto(b, c, s))
                      for setting, broker in brokers.items() for security in ("plain", "psk")))
                found[str(size)] = {name: {key: middle(got, key) for key in got[0]}
                                    for name, got in rows.items()}
        finally:
            lab.close()
            for broker in brokers.values():
                self.end(broker)

    # ---- acknowledged messages a second ----

    def load_inkpost(self, message, sides):
        server = self.cloud()
        before = servers.cpu_us(server.pid)
        row = self.client("cloud_load", "load", *server.peer(), message, sides, WINDOW,
                          self.scale["load"], self.scale["seconds"])
        return self.settle(server, row, before)

    def load_mosquitto(self, setting, size):
        server = self.mosquitto(setting)
        before = servers.cpu_us(server.pid)
        row = self.client("mosq_client", "load", server.ports["plain"], "plain", size, WINDOW,
                          self.scale["load"], self.scale["seconds"])
        return self.settle(server, row, before)

    def settle(self, server, row, before):
        row["rate"] = row["acked"] / row["seconds"]
        row["cpu"] = (servers.cpu_us(server.pid) - before) / max(row["acked"], 1)
        self.end(server)
        return row

    def rate(self):
        contestants = [(name, lambda m=message, s=sides: self.load_inkpost(m, s))
                       for name, message, sides, _ in (*SHAPES, BARE)]
        contestants += [(f"{setting} {size}",
                         lambda c=setting, s=size: self.load_mosquitto(c, s))
                        for setting in ("default", "durable") for size in (256, 16384)]
        rows = self.rounds(*contestants)
        self.found["rate"] = {name: {key: middle(got, key) for key in got[0]}
                              for name, got in rows.items()}

    # ---- kill -9 ----

    def survivors(self):
        n, bounded = self.scale["kill"], self.scale["kill_seconds"]
        found = self.found["survivors"] = {}
        for name, message, sides, size in (SHAPES[1], SHAPES[2]):
            server = self.cloud()
            row = self.client("cloud_load", "load", *server.peer(), message, sides, WINDOW, n,
                              bounded, server.pid)
            server.gone()
            server.start()
            left = self.client("cloud_load", "drain", *server.peer(), message, sides,
                               int(row["acked"]))
            self.end(server)
            found[f"inkpost {size}"] = {**left, "planned": n, "seconds": row["seconds"],
                                         "what": name}
            for setting in servers.SETTINGS:
                server = self.mosquitto(setting)
                row = self.client("mosq_client", "load", server.ports["plain"], "plain", size,
                                  WINDOW, n, bounded, server.pid)
                server.gone()
                server.start()
                left = self.client("mosq_client", "drain", server.ports["plain"], "plain", size,
                                   int(row["acked"]))
                self.end(server)
                found[f"{setting} {size}"] = {**left, "planned": n, "seconds": row["seconds"]}

    # ---- connections ----

    def memory(self):
        found = self.found["memory"] = {}
        for n in self.scale["crowds"]:
            server = self.cloud(n)
            row = self.client("cloud_crowd", "hold", *server.peer(), n, server.pid)
            self.end(server)
            found[f"inkpost {n}"] = row
            for security in ("plain", "psk"):
                server = self.mosquitto()
                found[f"{security} {n}"] = self.client("mosq_client", "hold",
                                                       server.ports[security], security, n,
                                                       server.pid)
                self.end(server)

    def setup(self):
        cloud, broker, n = self.cloud(), self.mosquitto(), self.scale["setups"]
        ports = broker.ports

        def of_mosquitto(security):
            before = servers.cpu_us(broker.pid)
            row = self.client("mosq_client", "setup", ports[security], security, n)
            return {**row, "cpu": (servers.cpu_us(broker.pid) - before) / n}

        def of_inkpost():
            before = servers.cpu_us(cloud.pid)
            row = self.client("cloud_load", "setup", *cloud.peer(), n)
            return {**row, "cpu": (servers.cpu_us(cloud.pid) - before) / n}

        rows = self.rounds(("inkpost", of_inkpost), ("plain", lambda: of_mosquitto("plain")),
                           ("psk", lambda: of_mosquitto("psk")))
        self.found["setup"] = {name: {key: middle(got, key) for key in got[0]}
                               for name, got in rows.items()}
        self.end(cloud)
        self.end(broker)

    def wire(self):
        found = self.found["wire"] = {}
        broker = self.mosquitto()
        for size in (64, 1024):
            for security in ("plain", "psk"):
                found[f"{security} {size}"] = self.client(
                    "mosq_client", "wire", broker.ports[security], security, size, 50)
            for side in COVERS:
                cloud = self.cloud()
                found[f"inkpost {size} {side}"] = self.client(
                    "cloud_load", "wire", *cloud.peer(), size, f"{side}x{side}", 50)
                self.end(cloud)
        self.end(broker)

    # ---- growth ----

    def growth(self):
        found = self.found["growth"] = {}
        devices, packages = self.scale["devices"], self.scale["packages"]
        pairs = [(d, 1) for d in devices] + [(devices[1], p) for p in packages[1:]]
        for d, p in pairs:
            argv = [str(self.tools["growth"]), str(self.work), str(d), str(p), "1024",
                    str(self.scale["growth_rounds"])]
            done = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=300)
            found[f"{d} {p}"] = words(done.stdout)
