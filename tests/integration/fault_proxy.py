"""fault_proxy.py - a bad network between devices and their cloud, on loopback.

Devices connect to the proxy's port; each connection is one more to the cloud, and two threads carry
the bytes. What goes wrong is asked for by the test: connections are cut, between frames and within
one; nothing is read for a while; bytes come later; those of an abandoned connection come after a
newer one is up; the first bytes of a connection come a second time.
"""
import collections
import socket
import struct
import threading
import time

RECORDED = 256 << 10  # bytes of a connection that are kept for a replay
LATE_AT_MOST = 2.0    # seconds that an abandoned connection waits for a newer one
REFUSAL = ((2, 3), (2,), (4,), ())  # HOP_REPLY, SEALED (an ERROR), HOP_REFUSED
REFUSAL_MAX = 400     # bytes
UP, DOWN = 0, 1       # to the cloud, to the device


class Frames:
    """Where in a stream of frames (u32 length, then so many bytes) one is."""

    def __init__(self):
        self.head, self.left, self.count = b"", 0, 0

    def inside(self):
        return self.left > 0 or len(self.head) > 0

    def pass_by(self, data):
        at = 0
        while at < len(data):
            if self.left == 0:
                n = min(4 - len(self.head), len(data) - at)
                self.head += data[at:at + n]
                at += n
                if len(self.head) == 4:
                    self.left, self.head = struct.unpack(">I", self.head)[0], b""
            else:
                n = min(self.left, len(data) - at)
                self.left -= n
                at += n
                self.count += self.left == 0


class Connection:
    """One device's connection and ours to the cloud in its place."""

    def __init__(self, proxy, device, cloud, late_from):
        self.proxy, self.socks = proxy, (device, cloud)
        self.late_from = late_from  # hold what is sent to the cloud from this frame on
        self.born = time.monotonic()
        self.passed = [0, 0]
        self.first = bytearray()
        self.held = bytearray()
        self.delay = [0.0, 0.0]
        self.silent_until = [0.0, 0.0]
        self.cut_after = [None, None]
        self.closed = self.abandoned = False
        self.running = 2
        self.lock = threading.Lock()
        for way in (UP, DOWN):
            threading.Thread(target=self._carry, args=(way,), daemon=True).start()

    def cut(self, abruptly):
        """End both sides: with RST, or after what is under way."""
        with self.lock:
            self.closed = True
            for s in self.socks:
                try:
                    if abruptly:
                        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def _carry(self, way):
        src, dst = self.socks[way], self.socks[1 - way]
        frames = Frames()
        try:
            while not self.closed:
                if time.monotonic() < self.silent_until[way]:
                    time.sleep(0.005)
                    continue
                data = src.recv(65536)
                if not data:
                    break
                self._pass(way, frames, dst, data)
            if not self.abandoned and not self.closed:
                dst.shutdown(socket.SHUT_WR)
        except OSError:
            if not self.abandoned:
                self.cut(True)
        with self.lock:
            self.running -= 1
            if self.running == 0 and not self.abandoned:
                self._close()

    def _pass(self, way, frames, dst, data):
        time.sleep(self.delay[way])
        k = self.cut_after[way]
        cut = False
        if k is not None:
            part = data[:k]
            self.cut_after[way] = k - len(part)
            ahead = Frames()
            ahead.head, ahead.left = frames.head, frames.left
            ahead.pass_by(part)
            if k <= len(data):
                cut = True
                if not ahead.inside() and len(part) > 1:
                    part = part[:-1]  # not between two frames
                data = part
        if way == UP and self._hold(frames, data):
            return
        if way == UP and len(self.first) < RECORDED:
            self.first += data
        frames.pass_by(data)
        self.passed[way] += len(data)
        dst.sendall(data)
        if cut:
            self.proxy.count["cut in a frame"] += 1
            self.cut(False)

    def _hold(self, frames, data):
        """A device speaks only when it was answered up to the ATTACH: chunks are whole frames."""
        if self.late_from is None or frames.count < self.late_from:
            return False
        self.held += data
        return True

    def abandon(self):
        """The device's side is gone; the cloud hears what it said when a newer one is up."""
        self.abandoned = True
        device, cloud = self.socks
        try:
            device.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        until = time.monotonic() + LATE_AT_MOST
        while time.monotonic() < until and not self.proxy.is_newer_up(self.born):
            time.sleep(0.005)
        try:
            cloud.settimeout(0.2)
            cloud.sendall(self.held)
            while cloud.recv(65536):
                pass
        except OSError:
            pass
        self.closed = True
        self._close()

    def _close(self):
        for s in self.socks:
            s.close()
        self.proxy.forget(self)


class FaultProxy:
    def __init__(self, cloud_port):
        self.cloud_port = cloud_port
        self.connections = []
        self.recorded = collections.deque(maxlen=16)
        self.late_next = None
        self.lock = threading.Lock()
        self.count = collections.Counter()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

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
                late, self.late_next = self.late_next, None
                c = Connection(self, device, cloud, late)
                self.connections.append(c)
            if late is not None:
                threading.Thread(target=self._late, args=(c,), daemon=True).start()

    def _late(self, c):
        time.sleep(0.1)
        self.count["late connection"] += 1
        c.abandon()

    def forget(self, c):
        with self.lock:
            if c in self.connections:
                self.connections.remove(c)
            if c.first and not c.held:
                self.recorded.append(bytes(c.first))

    def live(self):
        with self.lock:
            return [c for c in self.connections if not c.closed and not c.abandoned]

    def is_newer_up(self, born):
        return any(c.born > born and c.passed[DOWN] > 150 for c in self.live())

    def close(self):
        self.listener.close()
        for c in self.live():
            c.cut(True)

    # ---- faults; `rng` decides, `c` is a connection or None -------------------------------------

    def some(self, rng):
        live = self.live()
        return live[int(rng.random() * len(live))] if live else None

    def cut(self, rng):
        """One connection, or all."""
        everything, abruptly = rng.random() < 0.3, rng.random() < 0.5
        c = self.some(rng)
        for one in self.live() if everything else [c] if c else []:
            self.count["cut"] += 1
            one.cut(abruptly)

    def cut_in_frame(self, rng):
        c, way, k = self.some(rng), int(rng.random() * 2), 1 + int(rng.random() * 40000)
        if c is not None:
            c.cut_after[way] = k

    def delay(self, rng):
        """Some milliseconds for each chunk of a connection, from now on."""
        c, way, seconds = self.some(rng), int(rng.random() * 2), rng.random() * 0.05
        if c is not None:
            self.count["delayed"] += 1
            c.delay[way] = seconds

    def silence(self, rng):
        """Nothing is read, in one direction or both; sometimes cut before it ends."""
        c, seconds, ways, ends = self.some(rng), rng.random() * 1.5, rng.random(), rng.random()
        if c is None:
            return
        self.count["silent"] += 1
        for way in (UP, DOWN):
            if ways < 0.4 or (ways < 0.7) == (way == UP):
                c.silent_until[way] = time.monotonic() + seconds
        if ends < 0.3:
            threading.Timer(seconds * 0.7, c.cut, (True,)).start()

    def late(self, rng):
        """The words of an old connection after a newer one is up: its packages and receipts, or all
        from its ATTACH or its first frame on."""
        c, kind = self.some(rng), rng.random()
        if c is None:
            return
        if kind < 0.5:
            self.late_next = 0 if kind < 0.25 else 1
            c.cut(True)
        else:
            c.late_from = 0
            threading.Thread(target=self._late, args=(c,), daemon=True).start()

    def replay(self, rng):
        """A whole connection once more. Returns what the cloud did wrong, or None."""
        with self.lock:
            pool = list(self.recorded) + [bytes(c.first) for c in self.connections
                                          if len(c.first) > 200 and c.late_from is None]
        draw = rng.random()
        if not pool:
            return None
        self.count["replayed"] += 1
        answer, ended = self._say(pool[int(draw * len(pool))])
        at, kinds = 0, ()
        while at + 5 <= len(answer):
            length, kind = struct.unpack_from(">IB", answer, at)
            kinds += (kind,)
            at += 4 + length
        if kinds not in REFUSAL or len(answer) > REFUSAL_MAX:
            return f"a replayed connection was answered with frames of the types {kinds}"
        return None if ended else "a replayed connection was not closed"

    def _say(self, data):
        answer = b""
        try:
            with socket.create_connection(("127.0.0.1", self.cloud_port), timeout=3) as s:
                try:
                    s.sendall(data)
                except OSError:
                    pass
                while True:
                    more = s.recv(65536)
                    if not more:
                        return answer, True
                    answer += more
        except TimeoutError:
            return answer, False
        except OSError:
            return answer, True
