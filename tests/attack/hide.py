"""Ways to hide a payload: the real core's, the printed rule's, and two loud ones as a control."""
import subprocess

import numpy as np

HIDDEN_BYTES = {"paper": 8, "auth": 24}


def message_key(profile, rng):
    """A fresh key of one message: for `paper` Shk, Sk and the salt, as its state holds them."""
    if profile != "paper":
        return rng.bytes(32)
    slices = [rng.bytes(int(rng.integers(14, 65))) for _ in range(2)]
    return b"".join(len(s).to_bytes(4, "big") + s for s in slices) + rng.bytes(32)


class Core:
    """The core (common/stego.h, common/package.h) behind a pipe to embed_many."""

    def __init__(self, ctx):
        program = ctx.objects / "attack/embed_many"
        if not program.exists():
            raise SystemExit(f"attack: {program} is missing; run make attacks")
        self.process = subprocess.Popen([program, str(ctx.seed)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def ask(self, verb, code, pixels, *words):
        """Whether the core agrees, and its bytes."""
        height, width = pixels.shape
        line = " ".join([verb, code, str(width), str(height), *map(str, words)])
        self.process.stdin.write(line.encode() + b"\n" + pixels.tobytes())
        self.process.stdin.flush()
        verdict, size = self.process.stdout.readline().split()
        return verdict == b"ok", self.process.stdout.read(int(size))

    def image(self, verb, code, pixels, *words):
        agreed, answer = self.ask(verb, code, pixels, *words)
        if not agreed:
            raise ValueError(f"{verb} {code}: the cover has no room")
        return np.frombuffer(answer, np.uint8).reshape(pixels.shape)

    def embed(self, code, pixels, keys, payload):
        return self.image("embed", code, pixels, keys[0].hex(), keys[1].hex(), 8 * len(payload),
                          payload.hex())

    def extract(self, code, pixels, keys, size):
        agreed, payload = self.ask("extract", code, pixels, keys[0].hex(), keys[1].hex(), 8 * size,
                                   "-")
        return payload if agreed else None

    def protect(self, profile, code, pixels, key, message, index=0):
        return self.image("protect", code, pixels, key.hex(), profile, index, message.hex())

    def verify(self, profile, code, pixels, key, message, index=0):
        return self.ask("verify", code, pixels, key.hex(), profile, index, message.hex())[0]

    def places(self, profile, key):
        """K1 and K2 of a message."""
        _, both = self.ask("places", "light", np.zeros((0, 0), np.uint8), key.hex(), profile, "-",
                           "-")
        return both[:32], both[32:]


def bits_of(payload):
    return np.unpackbits(np.frombuffer(payload, np.uint8), bitorder="little")


def naive(pixels, payload):
    """The printed rule at a step that 8 bits can store: one 2x2 block a bit, in reading order,
    the parity of its sum set by the lowest bit of its first pixel. No key, no code."""
    stego = pixels.copy()
    height, width = (side // 2 * 2 for side in pixels.shape)
    sums = pixels[:height, :width].reshape(height // 2, 2, width // 2, 2).sum(axis=(1, 3))
    wrong = (sums.ravel()[:8 * len(payload)] & 1) ^ bits_of(payload)
    row, column = np.divmod(np.flatnonzero(wrong), width // 2)
    stego[2 * row, 2 * column] ^= 1
    return stego


def replace_lowest_bits(pixels, share, rng):
    """Control: a random bit in the lowest bit of this share of the pixels."""
    chosen = rng.random(pixels.shape) < share
    bits = rng.integers(0, 2, pixels.shape, dtype=np.uint8)
    return np.where(chosen, (pixels & 0xFE) | bits, pixels).astype(np.uint8)


def match_lowest_bits(pixels, share, rng):
    """Control: the same, but a wrong bit is put right by adding or taking 1 at random."""
    wrong = (rng.random(pixels.shape) < share) & (rng.integers(0, 2, pixels.shape) == 1)
    step = rng.choice(np.array([-1, 1]), pixels.shape)
    step = np.where(pixels == 0, 1, np.where(pixels == 255, -1, step))
    return (pixels.astype(int) + wrong * step).astype(np.uint8)
