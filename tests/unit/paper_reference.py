#!/usr/bin/env python3
"""The formulas of the profile `paper` once more, in Python and from docs/design.md alone, to make
the vectors that the C code is held to.

    python3 tests/unit/paper_reference.py > tests/unit/paper-vectors.txt

Each line is a word and hex strings; an empty string is "-".
  turn SK SALT RT -> SK'
  mask SK SALT -> salt XOR SK
  tag MESSAGE SALT SK SHK RT -> four digits
  keys SHK SK SALT T -> session, receipt key, confirmation key
"""
import hashlib
import random
import struct


def kdf(label, fields, key=b"", size=32):
    data = b"".join(struct.pack(">I", len(f)) + f for f in [label.encode()] + fields)
    return hashlib.blake2b(data, key=key, digest_size=size).digest()


def mask(sk, salt):
    return bytes(s ^ t for s, t in zip(sk, salt * 3))


def turn(sk, salt, rt):
    bits = "".join(f"{b:08b}" for b in mask(sk, salt))
    by = int.from_bytes(rt, "big") % len(bits)
    bits = bits[len(bits) - by:] + bits[:len(bits) - by]
    return int(bits, 2).to_bytes(len(sk), "big")


def tag(message, salt, sk, shk, rt):
    return str(sum(map(ord, hashlib.sha1(message + salt + sk + shk + rt).hexdigest()))).encode()


def keys(shk, sk, salt, t):
    psk = kdf("inkpost session psk", [shk, sk, salt, t])
    return [kdf(f"inkpost paper {what}", [b""], psk)
            for what in ("session", "receipt key", "confirm key")]


def line(word, given, made):
    print(word, *[f.hex() or "-" for f in list(given) + list(made)])


def main():
    r = random.Random(2020)
    for n in (14, 15, 31, 32, 33, 63, 64):
        sk, shk = r.randbytes(n), r.randbytes(14 + r.randrange(51))
        salt, t = r.randbytes(32), r.randbytes(16)
        for rt in (0, 1, 7, 8, 9, 8 * n - 1, 8 * n, 8 * n + 3, 2**32 - 1, r.randrange(2**32)):
            rt = struct.pack(">I", rt)
            line("turn", (sk, salt, rt), [turn(sk, salt, rt)])
        line("mask", (sk, salt), [mask(sk, salt)])
        for message in (b"", b"Hello", r.randbytes(300)):
            rt = r.randbytes(4)
            line("tag", (message, salt, sk, shk, rt), [tag(message, salt, sk, shk, rt)])
        line("keys", (shk, sk, salt, t), keys(shk, sk, salt, t))


main()
