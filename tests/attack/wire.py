"""The wire, as an attacker on the way sees it: messages, and a proxy that knows the protocol.

Messages are read and written by the table that proto/inkpost.lua holds. On an open hop (see
docs/protocol.md) every frame after the handshake can be read and changed; on a sealed one only the
frames as such can be dropped, repeated and damaged.
"""
import collections
import pathlib
import re
import socket
import struct
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
UP, DOWN = 0, 1  # to the cloud, to the device
ROLES = {1: "send", 2: "receive", 3: "enrol"}
MODES = {0: "sealed", 1: "clear", 2: "open"}
NUMBERS = {"u8": ">B", "u16": ">H", "u32": ">I", "u64": ">Q"}

Field = collections.namedtuple("Field", "name kind size")


def read_table():
    """Of the dissector: code to name, name to code and fields, number of a reason to its name."""
    text = (ROOT / "proto/inkpost.lua").read_text(encoding="utf-8")
    names, messages, reasons, code, last = {}, {}, {}, None, None
    for line in text.splitlines():
        if found := re.fullmatch(r"    \[(0x\w+)\] = \{", line):
            code = int(found[1], 16)
        elif found := re.fullmatch(r'        name = "(\w+)",', line):
            last = names[code] = found[1]
            messages[last] = (code, [])
        elif found := re.match(r'    \[(\d+)\] = \{ name = "(\w+)", text', line):
            reasons[int(found[1])] = found[2]
        elif found := re.match(r' +\{ name = "(\w+)", kind = "(\w+)", size = (\d+)', line):
            messages[last][1].append(Field(found[1], found[2], int(found[3])))
    return names, messages, reasons


NAMES, MESSAGES, REASONS = read_table()


def decode(name, body):
    """Fields of a body as a dict; numbers, bytes, ids as str, lists as lists."""
    values, at = {}, 0
    for field in MESSAGES[name][1]:
        if field.kind in NUMBERS:
            values[field.name], = struct.unpack_from(NUMBERS[field.kind], body, at)
            at += struct.calcsize(NUMBERS[field.kind])
            continue
        size = field.size
        if field.kind == "blob":
            size, = struct.unpack_from(">I", body, at)
            at += 4
        elif field.kind != "bytes":
            size = body[at]
            at += 1
        part = bytes(body[at:at + size])
        at += size
        values[field.name] = {"id": part.decode, "list": lambda p=part: list(p)}.get(
            field.kind, lambda p=part: p)()
    if at != len(body):
        raise ValueError(f"{name}: {len(body) - at} bytes too many")
    return values


def encode(name, values):
    body = b""
    for field in MESSAGES[name][1]:
        value = values[field.name]
        if field.kind in NUMBERS:
            body += struct.pack(NUMBERS[field.kind], value)
            continue
        part = value.encode() if field.kind == "id" else bytes(value)
        if field.kind == "blob":
            body += struct.pack(">I", len(part))
        elif field.kind != "bytes":
            body += bytes([len(part)])
        body += part
    return body


Frame = collections.namedtuple("Frame", "name body")


def frame_bytes(frame):
    code = MESSAGES[frame.name][0]
    return struct.pack(">IB", 1 + len(frame.body), code) + frame.body


def frame(name, values):
    return Frame(name, encode(name, values))


class Link:
    """One device's connection, and ours to the cloud in its place. `who` is the device's id, and
    `role` its role, when they could be read; `sizes` has when a frame came and its bytes, each way."""

    def __init__(self, proxy, device, cloud):
        self.proxy, self.socks = proxy, (device, cloud)
        self.who = self.role = self.mode = None
        self.closed, self.running = False, 2
        self.locks = (threading.Lock(), threading.Lock())
        self.sizes = ([], [])
        for way in (UP, DOWN):
            threading.Thread(target=self._carry, args=(way,), daemon=True).start()

    def send(self, way, *frames):
        """Frames of ours, in between those of the others."""
        data = b"".join(frame_bytes(f) for f in frames)
        with self.locks[way]:
            self.socks[1 - way].sendall(data)

    def cut(self):
        self.closed = True
        for s in self.socks:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _carry(self, way):
        source = self.socks[way].makefile("rb")
        try:
            while True:
                head = source.read(5)
                if len(head) < 5:
                    break
                length, code = struct.unpack(">IB", head)
                body = source.read(length - 1)
                if len(body) < length - 1:
                    break
                self._pass(way, Frame(NAMES[code], body))
            self.socks[1 - way].shutdown(socket.SHUT_WR)
        except OSError:
            self.cut()
        except Exception:
            self.cut()
            raise
        self.closed = True
        self.running -= 1
        if self.running == 0:
            self.proxy.forget(self)

    def _pass(self, way, f):
        self.sizes[way].append((self.proxy.clock(), 5 + len(f.body)))
        if f.name == "HOP_HELLO":
            hello = decode(f.name, f.body)
            self.role, self.mode = ROLES[hello["role"]], MODES[hello["mode"]]
        elif f.name == "ATTACH" and self.mode == "open":
            self.who = decode(f.name, f.body)["id"]
        frames = self.proxy.judge(self, way, f)
        with self.locks[way]:
            self.socks[1 - way].sendall(b"".join(frame_bytes(x) for x in frames))


class Proxy:
    """Between all devices and their cloud. `rule(link, way, frame)` says what becomes of a frame: a
    list of frames in its place, or None to let it pass. The rule can be changed at any time."""

    def __init__(self, cloud_port, clock, port=0):
        self.cloud_port, self.clock = cloud_port, clock
        self.rule = None
        self.links = []
        self.seen = []  # (link, way, frame) of all that came
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", port), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.accepting = threading.Thread(target=self._accept, daemon=True)
        self.accepting.start()

    def _accept(self):
        while True:
            try:
                device, _ = self.listener.accept()
            except OSError:
                return
            try:
                cloud = socket.create_connection(("127.0.0.1", self.cloud_port), timeout=5)
                cloud.settimeout(None)
            except OSError:
                device.close()
                continue
            for s in (device, cloud):
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.links.append(Link(self, device, cloud))

    def judge(self, link, way, f):
        rule = self.rule
        frames = rule(link, way, f) if rule is not None else None
        with self.lock:
            self.seen.append((link, way, f))
        return [f] if frames is None else frames

    def forget(self, link):
        with self.lock:
            if link in self.links:
                self.links.remove(link)
                for s in link.socks:
                    s.close()

    def link_of(self, who, role):
        """The newest live connection of a device in a role, or None."""
        with self.lock:
            found = [x for x in self.links if x.who == who and x.role == role and not x.closed]
        return found[-1] if found else None

    def frames(self, name, who=None, way=None):
        """Bodies of what has come, decoded."""
        with self.lock:
            seen = list(self.seen)
        return [decode(name, f.body) for link, w, f in seen
                if f.name == name and who in (None, link.who) and way in (None, w)]

    def close(self):
        self.rule = None
        # The thread is gone before its descriptor is, which the next proxy's listener may get.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.accepting.join()
        self.listener.close()
        with self.lock:
            links = list(self.links)
        for link in links:
            link.cut()
