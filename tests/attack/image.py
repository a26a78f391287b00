#!/usr/bin/env python3
"""image: what does usual processing of the stego image do to the message?

    image.py [--seed N] [--short] [--json]

Two measures. Destroying: the share of images after which the message is not delivered any more;
that succeeds when it is more than half. Forging: an image, however processed, that passes with
another message than the sender's. Both verdicts are the receiver's own check. The bit error rate of
the payload says how thoroughly an image was destroyed; 0.5 is chance.
"""
import io

import numpy as np
from PIL import Image

import hide
import pictures
import result

MESSAGE, OTHER = b"The kettle is on.", b"The kettle is off"
CODES = ("light", "stealth")


def jpeg(quality):
    def process(pixels, _):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=quality)
        return np.asarray(Image.open(file))
    return process


def noise(sigma):
    def process(pixels, rng):
        return np.clip(np.rint(pixels + rng.normal(0, sigma, pixels.shape)), 0, 255)
    return process


def scale(factor):
    """To another size and back, so that the header's size stays right."""
    def process(pixels, _):
        image = Image.fromarray(pixels)
        other = [round(side * factor) for side in image.size]
        return np.asarray(image.resize(other, Image.BICUBIC).resize(image.size, Image.BICUBIC))
    return process


def crop(pixels, _):
    """Without its first row and column; the last ones are repeated to keep the size."""
    return np.pad(pixels[1:, 1:], ((0, 1), (0, 1)), mode="edge")


def rotate(degrees):
    def process(pixels, _):
        return np.asarray(Image.fromarray(pixels).rotate(degrees, Image.BICUBIC))
    return process


def quarter_turn(pixels, _):
    return np.rot90(pixels)


def one_pixel(step):
    def process(pixels, rng):
        changed = pixels.astype(int)
        place = tuple(rng.integers(0, side) for side in pixels.shape)
        changed[place] += step if changed[place] + step <= 255 else -step
        return changed
    return process


PROCESSES = {
    "JPEG, quality 95": jpeg(95), "JPEG, quality 90": jpeg(90), "JPEG, quality 75": jpeg(75),
    "JPEG, quality 50": jpeg(50), "noise, sigma 0.5": noise(0.5), "noise, sigma 2": noise(2),
    "half the size and back": scale(0.5), "twice the size and back": scale(2),
    "one row and column cut off": crop, "turned by 1 degree": rotate(1),
    "turned by 90 degrees": quarter_turn, "one pixel by 1": one_pixel(1),
    "one pixel by 2": one_pixel(2),
}


class Count:
    """What became of the images of one process."""

    def __init__(self):
        self.errors, self.destroyed, self.forged = [], 0, 0

    def images(self):
        return len(self.errors)


def attack_one(core, profile, code, cover, process, rng, count):
    """One package's image: is it still the sender's, is it anybody else's, what is left of it?"""
    key = hide.message_key(profile, rng)
    before = core.protect(profile, code, cover, key, MESSAGE)
    after = np.ascontiguousarray(process(before, rng), dtype=np.uint8)
    sent, got = (core.extract(code, image, core.places(profile, key), hide.HIDDEN_BYTES[profile])
                 for image in (before, after))
    count.errors.append(float(np.mean(hide.bits_of(sent) != hide.bits_of(got))))
    count.destroyed += not core.verify(profile, code, after, key, MESSAGE)
    count.forged += core.verify(profile, code, after, key, OTHER)


def try_all(core, profile, process, rounds, rng):
    count = Count()
    for cover in pictures.covers().values():
        for code in CODES:
            for _ in range(rounds):
                attack_one(core, profile, code, cover, process, rng, count)
    return count


def run(ctx):
    rounds = 1 if ctx.short else 8
    with hide.Core(ctx) as core:
        for profile in hide.HIDDEN_BYTES:
            forged = tried = 0
            for number, (name, process) in enumerate(PROCESSES.items()):
                rng = np.random.default_rng([ctx.seed, number, *profile.encode()])
                count = try_all(core, profile, process, rounds, rng)
                n, rate = count.images(), float(np.mean(count.errors))
                forged, tried = forged + count.forged, tried + n
                yield result.result(
                    "image", profile, f"destroy: {name}", count.destroyed > n / 2, tries=n,
                    cost="the image is processed once",
                    note=f"{count.destroyed} of {n} rejected, bit error rate {rate:.3f}",
                    numbers={"destroyed": count.destroyed, "images": n, "bit_error_rate": rate})
            yield result.result(
                "image", profile, "forge: another message", forged > 0, tries=tried,
                cost="every process above", note=f"{forged} of {tried} accepted",
                numbers={"forged": forged, "images": tried})


if __name__ == "__main__":
    result.main(run)
