#!/usr/bin/env python3
"""docs/stego.md once more, slowly and in Python, to make the vectors that the C code is held to.

    python3 tests/unit/stego_reference.py > tests/unit/stego-vectors.txt
"""
import hashlib
import math
import struct


def kdf(label, fields, key=b"", size=32):
    data = b"".join(struct.pack(">I", len(f)) + f for f in [label.encode()] + fields)
    return hashlib.blake2b(data, key=key, digest_size=size).digest()


def u64(v):
    return struct.pack(">Q", v)


def chacha_block(key, counter):
    start = list(struct.unpack("<4I", b"expand 32-byte k") + struct.unpack("<8I", key))
    start += [counter, 0, 0, 0]
    s = start[:]

    def quarter(a, b, c, d):
        for x, y, z, n in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            s[x] = (s[x] + s[y]) & 0xFFFFFFFF
            v = s[z] ^ s[x]
            s[z] = (v << n | v >> (32 - n)) & 0xFFFFFFFF

    for _ in range(10):
        for i in range(4):
            quarter(i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return struct.pack("<16I", *((a + b) & 0xFFFFFFFF for a, b in zip(s, start)))


class Stream:
    def __init__(self, key, label):
        self.key, self.block, self.left = kdf(label, [b""], key), 0, b""

    def take(self, n):
        while len(self.left) < n:
            self.left += chacha_block(self.key, self.block)
            self.block += 1
        out, self.left = self.left[:n], self.left[n:]
        return out

    def below(self, n, size):
        while True:
            x = int.from_bytes(self.take(size), "little") * n
            if x % 256**size >= 256**size % n:
                return x // 256**size

    def shuffle(self, items, count):
        size = 2 if len(items) <= 8192 else 4
        for i in range(count):
            j = i + self.below(len(items) - i, size)
            items[i], items[j] = items[j], items[i]


def pack(bits):
    out = bytearray((len(bits) + 7) // 8)
    for i, b in enumerate(bits):
        out[i // 8] |= b << (i % 8)
    return bytes(out)


def unpack(data, m):
    return [data[i // 8] >> (i % 8) & 1 for i in range(m)]


def groups(m, room):
    for k in range(1, m + 1):
        sizes = [-(-m // k)] * (m % k) + [m // k] * (k - m % k)
        if sizes[0] < 40 and sum(2**b - 1 for b in sizes) <= room:
            return sizes
    raise ValueError


def columns(w):
    out, counter = [], 0
    while len(out) < w:
        for b in kdf("inkpost stego submatrix", [u64(w), u64(counter)], size=64):
            if b | 0x81 not in out and len(out) < w:
                out.append(b | 0x81)
        counter += 1
    return out


def matrix(code, m, room):
    """One integer a carrier: bit r is row r of its column in H."""
    if code == "light":
        cols, row = [], 0
        for b in groups(m, room):
            cols += [c << row for c in range(1, 2**b)]
            row += b
        return cols
    w = min(room // m, 64)
    return [(c << i) & ((1 << m) - 1) for i in range(m) for c in columns(w)]


def fold(i, n):
    i %= 2 * n
    return i if i < n else 2 * n - 1 - i


def hill(px, w, h):
    def box(src, r):
        rows = [[sum(src[y][fold(x + d, w)] for d in range(-r, r + 1)) for x in range(w)]
                for y in range(h)]
        return [[sum(rows[fold(y + d, h)][x] for d in range(-r, r + 1)) for x in range(w)]
                for y in range(h)]

    kb = ((-1, 2, -1), (2, -4, 2), (-1, 2, -1))
    res = [[abs(sum(kb[j][i] * px[fold(y + j - 1, h)][fold(x + i - 1, w)]
                    for j in range(3) for i in range(3))) for x in range(w)] for y in range(h)]
    q = [[2**24 // s if s else 2**30 for s in row] for row in box(res, 1)]
    return [[math.isqrt(v) for v in row] for row in box(q, 7)]


def viterbi(diff, m, cost, room):
    """The cheapest flips whose syndrome is diff, over whole windows of 8 rows."""
    w = min(room // m, 64)
    cols, inf = columns(w), 1 << 60
    total, back = [0] + [inf] * 255, []
    for i in range(m):
        for j in range(w):
            c = cost[i * w + j]
            took = [total[s ^ cols[j]] + c < total[s] for s in range(256)]
            total = [min(total[s], total[s ^ cols[j]] + c) for s in range(256)]
            back.append(took)
        total = [total[2 * s + diff[i]] for s in range(128)] + [inf] * 128
    state, flips = total.index(min(total)), []
    for i in reversed(range(m)):
        state = state * 2 + diff[i]
        for j in reversed(range(w)):
            if back[i * w + j][state]:
                flips.append(i * w + j)
                state ^= cols[j]
    return flips[::-1]


def embed(code, px, w, h, k1, k2, payload, m):
    px = [row[:] for row in px]
    parity = lambda i, j: sum(px[2 * i + a][2 * j + b] for a in (0, 1) for b in (0, 1)) % 2
    blocks = [(i, j) for i in range(h // 2) for j in range(w // 2)]
    a = [b for b in blocks if sum(b) % 2 == 0]
    d = [b for b in blocks if sum(b) % 2 == 1]
    room, cols = len(a), matrix(code, m, len(a))
    Stream(k1, "inkpost stego carriers").shuffle(a, len(cols))
    Stream(k2, "inkpost stego readers").shuffle(d, len(d))
    read = pack([parity(i, j) for i, j in d])
    key = kdf("inkpost stego mask", [u64(w), u64(h), u64(m), read], k2)
    mask = unpack(Stream(key, "inkpost stego mask stream").take((m + 7) // 8), m)
    syndrome = 0
    for (i, j), c in zip(a, cols):
        syndrome ^= c * parity(i, j)
    diff = [syndrome >> r & 1 ^ mask[r] ^ unpack(payload, m)[r] for r in range(m)]
    if code == "light":
        want = sum(b << r for r, b in enumerate(diff))
        flips, row, first = [], 0, 0
        for b in groups(m, room):
            place = want >> row & (2**b - 1)
            flips += [first + place - 1] if place else []
            row, first = row + b, first + 2**b - 1
        cost = [[int(v in (0, 255)) for v in r] for r in px]
    else:
        cost = hill(px, w, h)
        cheapest = [min(cost[2 * i + y][2 * j + x] for y in (0, 1) for x in (0, 1))
                    for i, j in a[:len(cols)]]
        flips = viterbi(diff, m, cheapest, room)
    signs = Stream(kdf("inkpost stego signs", [k2], k1), "inkpost stego signs stream")
    for f in flips:
        (i, j), draw = a[f], signs.take(1)[0]
        at = [(2 * i + (k >> 1), 2 * j + (k & 1)) for k in ((draw + n) % 4 for n in range(4))]
        y, x = min(at, key=lambda p: cost[p[0]][p[1]])
        up = px[y][x] == 0 or (px[y][x] != 255 and draw & 4)
        px[y][x] += 1 if up else -1
    return px, len(flips)


def cover(kind, w, h):
    busy = lambda x, y: (3 * x * x + 5 * y * y + 7 * x * y + 11 * (x ^ y)) % 256
    step = lambda x, y: (0 if x < w // 2 else busy(x, y)) if y < h // 2 else (
        busy(x, y) if x < w // 2 else 255)
    rule = {"busy": busy, "step": step, "ramp": lambda x, y: (x + 2 * y) % 256,
            "black": lambda x, y: 0, "white": lambda x, y: 255}[kind]
    return [[rule(x, y) for x in range(w)] for y in range(h)]


def seeded(n, size):
    return bytes((n + 37 * i) % 256 for i in range(size))


def sha(data):
    return hashlib.sha256(data).hexdigest()


def main():
    print("# Made by tests/unit/stego_reference.py. Keys: byte i of the key of seed n is")
    print("# (n + 37 i) mod 256; K1 has seed n, K2 n + 1, the payload n + 2. Numbers u32 LE.")
    print("# stream SEED BYTES HEX | shuffle SEED ITEMS COUNT SHA256 | columns WIDTH HEX")
    print("# hill COVER WIDTH HEIGHT SHA256 | stego CODE COVER WIDTH HEIGHT SEED BITS CHANGED SHA256")
    for seed, n in ((1, 80), (200, 130)):
        print("stream", seed, n, Stream(seeded(seed, 32), "inkpost test").take(n).hex())
    for seed, n, count in ((3, 1, 1), (3, 2, 2), (3, 257, 257), (4, 2048, 2016), (5, 8192, 8192),
                           (5, 8193, 100), (7, 70000, 70000)):
        items = list(range(n))
        Stream(seeded(seed, 32), "inkpost test").shuffle(items, count)
        print("shuffle", seed, n, count, sha(struct.pack("<%dI" % count, *items[:count])))
    for w in (1, 2, 3, 10, 32, 42, 64):
        print("columns", w, bytes(columns(w)).hex())
    for kind, w, h in (("busy", 40, 24), ("ramp", 33, 21), ("step", 32, 32), ("black", 20, 20),
                       ("busy", 3, 5)):
        costs = [c for row in hill(cover(kind, w, h), w, h) for c in row]
        print("hill", kind, w, h, sha(struct.pack("<%dI" % len(costs), *costs)))
    sizes = (("busy", 128, 128, 64), ("step", 128, 128, 192), ("ramp", 65, 47, 64),
             ("black", 32, 32, 128), ("white", 34, 30, 1), ("busy", 16, 17, 31), ("step", 64, 64, 5),
             ("busy", 200, 180, 64))
    for code in ("light", "stealth"):
        for n, (kind, w, h, m) in enumerate(sizes):
            seed = 10 * n + 7
            px, changed = embed(code, cover(kind, w, h), w, h, seeded(seed, 32),
                                seeded(seed + 1, 32), seeded(seed + 2, (m + 7) // 8), m)
            print("stego", code, kind, w, h, seed, m, changed, sha(bytes(sum(px, []))))


if __name__ == "__main__":
    main()
