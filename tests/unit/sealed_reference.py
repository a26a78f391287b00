#!/usr/bin/env python3
"""Messages of the profile `sealed` once more, in Python and from docs/design.md alone, to make the
vectors that the C code is held to. The ciphers are OpenSSL's; XChaCha20 is made from ChaCha20 here,
as draft-irtf-cfrg-xchacha-03 says.

    /usr/bin/python3 tests/unit/sealed_reference.py > tests/unit/sealed-vectors.txt

A line is: suite number, seed, nonce, header, message (- when it is empty), field, tag; all but the
first in hex.
"""
import hashlib
import random
import struct

from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

SIZES = [64 * 4**k for k in range(8)]


def kdf(key, label, fields, size):
    data = b"".join(struct.pack(">I", len(f)) + f for f in [label.encode()] + fields)
    return hashlib.blake2b(data, key=key, digest_size=size).digest()


def hchacha20(key, nonce):
    s = list(struct.unpack("<16I", b"expand 32-byte k" + key + nonce))

    def mix(a, b, c, d):
        for x, y, z, n in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            s[x] = (s[x] + s[y]) % 2**32
            v = s[z] ^ s[x]
            s[z] = (v << n | v >> (32 - n)) % 2**32

    for _ in range(10):
        for k in range(4):
            mix(k, 4 + k, 8 + k, 12 + k)
        for k in range(4):
            mix(k, 4 + (k + 1) % 4, 8 + (k + 2) % 4, 12 + (k + 3) % 4)
    return struct.pack("<8I", *s[:4], *s[12:])


def seal(suite, once, plain, header):
    key, nonce = once[:32], once[32:]
    if suite == 2:
        cipher = ChaCha20Poly1305(hchacha20(key, nonce[:16]))
        return cipher.encrypt(bytes(4) + nonce[16:24], plain, header)
    return (ChaCha20Poly1305 if suite == 3 else AESGCM)(key).encrypt(nonce[:12], plain, header)


def text(s):
    return struct.pack("B", len(s)) + s


def main():
    r = random.Random(2016)
    for suite in (2, 3, 4):
        for length, exact in ((0, 0), (0, 1), (1, 0), (62, 0), (63, 0), (64, 0), (200, 1)):
            message, seed, nonce = r.randbytes(length), r.randbytes(32), r.randbytes(8)
            size = length + 1 if exact else min(s for s in SIZES if s > length)
            header = (b"\x02\x01" + r.randbytes(32) + b"\x00" + r.randbytes(16) + text(b"alice") +
                      text(b"bob") + struct.pack(">IHH", size, 64, 48))
            once = kdf(kdf(seed, "inkpost sealed mk", [b""], 32), "inkpost sealed key",
                       [bytes([suite]), nonce], 64)
            plain = (message + b"\x80").ljust(size, b"\0")
            made = seal(suite, once, plain, header)
            print(suite, *[f.hex() or "-" for f in
                           (seed, nonce, header, message, made[:-16], made[-16:])])


main()
