#!/usr/bin/env python3
"""visual: can the change be seen, without the cover, with it, or beside a second image made of it?

    visual.py [--seed N] [--short] [--json] [--results FOLDER]

Measures PSNR and MSE and where pixels changed, for the naive parity, `light` and `stealth`, with
64 and 192 bits. With --results it leaves a row of pictures for each: cover, stego image, its lowest
bits, the difference from the cover, the difference of two stego images of that cover.
"""
import numpy as np
from PIL import Image

import hide
import pictures
import result

SEEN = 40           # dB: below this a change may be seen; and no pixel may change by more than 1
SHOWN = "camera-128"
SCHEMES = ("naive", "light", "stealth")


def stego_of(core, profile, scheme, cover, rng):
    """A stego image as the profile's sender makes it, or as a naive one would."""
    if scheme == "naive":
        return hide.naive(cover, rng.bytes(hide.HIDDEN_BYTES[profile]))
    return core.protect(profile, scheme, cover, hide.message_key(profile, rng), b"The kettle is on.")


def smoother_half(cover):
    """Where the 5x5 pixels around spread less than they do at the image's median pixel."""
    padded = np.pad(cover.astype(float), 2, mode="symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (5, 5))
    spread = windows.std(axis=(2, 3))
    order = spread.ravel().argsort(kind="stable")
    half = np.zeros(cover.size, bool)
    half[order[:cover.size // 2]] = True
    return half.reshape(cover.shape)


def compare(cover, stego, smooth):
    difference = stego.astype(int) - cover
    changed = difference != 0
    mse = float(np.mean(difference ** 2))
    return {"mse": mse, "psnr": float(10 * np.log10(255 ** 2 / mse)) if mse else np.inf,
            "changed": int(changed.sum()), "largest": int(np.abs(difference).max()),
            "smooth": float(smooth[changed].mean()) if changed.any() else 0.5}


def picture(ctx, name, cover, one, two):
    path = ctx.picture(f"visual-{name}.png")
    if path is None:
        return
    panels = [cover, one, (one & 1) * 255, (one != cover) * 255, (one != two) * 255]
    Image.fromarray(np.hstack(panels).astype(np.uint8)).save(path)


def measure(ctx, core, profile, scheme, side):
    """Means over the covers of one size and over keys."""
    rng = np.random.default_rng([ctx.seed, side, *f"{profile} {scheme}".encode()])
    rows, twice = [], []
    for name, cover in pictures.covers().items():
        if cover.shape != (side, side):
            continue
        smooth = smoother_half(cover)
        for _ in range(4 if ctx.short else 32):
            one, two = (stego_of(core, profile, scheme, cover, rng) for _ in range(2))
            rows.append(compare(cover, one, smooth))
            twice.append(int(np.sum(one != two)))
        if name == SHOWN:
            picture(ctx, f"{scheme}-{8 * hide.HIDDEN_BYTES[profile]}", cover, one, two)
    mean = {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
    mean["largest"] = max(row["largest"] for row in rows)
    return mean | {"images": len(rows), "between_two": float(np.mean(twice)),
                   "alike": sum(n == 0 for n in twice)}


def outcomes(profile, scheme, side, m):
    case = f"{scheme}, {8 * hide.HIDDEN_BYTES[profile]} bits, {side}x{side}"
    profile = "paper" if scheme == "naive" else profile
    yield result.result(
        "visual", profile, f"{case}, the image alone", m["psnr"] < SEEN or m["largest"] > 1,
        tries=m["images"], cost="one look",
        note=f"PSNR {m['psnr']:.2f} dB, MSE {m['mse']:.5f}, {m['changed']:.1f} pixels by 1, "
             f"{100 * m['smooth']:.0f} % of them in the smoother half", numbers=m)
    yield result.result(
        "visual", profile, f"{case}, beside its cover", m["changed"] > 0, tries=1,
        cost="the cover", note=f"the difference shows all {m['changed']:.1f} places",
        numbers={"changed": m["changed"]})
    yield result.result(
        "visual", profile, f"{case}, beside a second of that cover", m["alike"] < m["images"] / 2,
        tries=1, cost="a cover used twice",
        note=f"the two differ in {m['between_two']:.1f} pixels; alike {m['alike']} of "
             f"{m['images']} times", numbers={"between_two": m["between_two"]})


def run(ctx):
    with hide.Core(ctx) as core:
        for side in (128, 256):
            for profile in hide.HIDDEN_BYTES:
                for scheme in SCHEMES:
                    m = measure(ctx, core, profile, scheme, side)
                    yield from outcomes(profile, scheme, side, m)


if __name__ == "__main__":
    result.main(run)
