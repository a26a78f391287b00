#!/usr/bin/env python3
"""statistical: can somebody who sees images only tell which of them hide something?

    statistical.py [--seed N] [--short] [--json]

Five fixed detectors and a learned one are tried on images of the schemes, one at a time and pooled
over 10 and 100 images of a sender, and within each source; first come loud payloads, as a control
that they find any. Against `paper` there is one way more: nothing keys its places, so whoever
suspects it reads the payload.
"""
import collections

import numpy as np

import hide
import measure
import pictures
import result
import spam
from detectors import FIXED

POOLS = (1, 10, 100)
FOLDS = 5
FOUND = 0.6     # an AUC of at least this, its interval above 0.5, counts as detection
EASY = 0.75     # and this within one source, of which there are at least LEAST images
LEAST = 10
LEARNED = "SPAM"
MESSAGE = b"The kettle is on."

# make(core, pixels, rng) gives the stego image; profile is None for a control.
Case = collections.namedtuple("Case", "name profile make")


def sent(profile, code):
    return lambda core, pixels, rng: core.protect(profile, code, pixels,
                                                  hide.message_key(profile, rng), MESSAGE)


def naive(size):
    return lambda core, pixels, rng: hide.naive(pixels, rng.bytes(size))


def loud(how, share):
    return lambda core, pixels, rng: how(pixels, share, rng)


def full(core, pixels, rng):
    """`light` with as many bits as the image has carriers."""
    keys = rng.bytes(32), rng.bytes(32)
    return core.embed("light", pixels, keys, rng.bytes(pixels.size // 64))


CONTROLS = (
    Case("lowest bits replaced, 0.5 a pixel", None, loud(hide.replace_lowest_bits, 0.5)),
    Case("lowest bits replaced, 0.2 a pixel", None, loud(hide.replace_lowest_bits, 0.2)),
    Case("plus or minus 1, 0.5 bits a pixel", None, loud(hide.match_lowest_bits, 0.5)),
    Case("plus or minus 1, 0.2 bits a pixel", None, loud(hide.match_lowest_bits, 0.2)),
    Case("light, as many bits as fit", None, full),
)
SCHEMES = (
    Case("naive parity, 64 bits", "paper", naive(8)),
    Case("naive parity, 192 bits", "paper", naive(24)),
    Case("light, 64 bits", "paper", sent("paper", "light")),
    Case("stealth, 64 bits", "paper", sent("paper", "stealth")),
    Case("light, 192 bits", "auth", sent("auth", "light")),
    Case("stealth, 192 bits", "auth", sent("auth", "stealth")),
)


class Material:
    """Cover crops of one size with every detector's numbers for them, so that each case only adds
    its stego images."""

    def __init__(self, ctx, core, side, most):
        self.ctx, self.core, self.side = ctx, core, side
        crops = pictures.crops(side, most, np.random.default_rng(ctx.seed))
        self.covers = [crop.pixels for crop in crops]
        self.groups = np.array([crop.source for crop in crops])
        self.size = f"{side}x{side}"
        self.amount = f"{len(crops)} crops of {len(set(self.groups))} sources"
        self.fixed, self.features = self.look(self.covers)

    def look(self, images):
        fixed = {name: np.array([float(detect(image)) for image in images])
                 for name, detect in FIXED.items()}
        return fixed, np.array([spam.features(image) for image in images])

    def scores(self, case):
        """For every detector the scores of covers and of stego images."""
        rng = np.random.default_rng([self.ctx.seed, self.side, *case.name.encode()])
        stego = [case.make(self.core, cover, rng) for cover in self.covers]
        fixed, features = self.look(stego)
        scores = {name: (self.fixed[name], fixed[name]) for name in FIXED}
        scores[LEARNED] = spam.cross_scores(self.features, features, self.groups, FOLDS, rng)
        changed = np.mean([np.sum(a != b) for a, b in zip(stego, self.covers)])
        return scores, float(changed)


def images(pool):
    return "1 image" if pool == 1 else f"{pool} images"


def found(figures):
    return figures["auc"] >= FOUND and figures["low"] > 0.5


def tabulate(ctx, material, case, scores, pools):
    """Per pool size and detector the figures."""
    rng = np.random.default_rng([ctx.seed, material.side])
    rounds = 100 if ctx.short else 400
    table = {}
    for pool in pools:
        table[pool] = {name: measure.apart(*pair, material.groups, pool, rounds, rng)
                       for name, pair in scores.items()}
        ctx.say(f"  {case.name}, {images(pool)}: " + ", ".join(
            f"{name} {f['auc']:.2f} [{f['low']:.2f}, {f['high']:.2f}]"
            for name, f in table[pool].items()))
    return table


def control(ctx, material):
    """Loud payloads, one image at a time: a detector that misses these says nothing about less."""
    heard = {}
    for case in CONTROLS:
        scores, _ = material.scores(case)
        table = tabulate(ctx, material, case, scores, (1,))
        heard[case.name] = [name for name, f in table[1].items() if found(f)]
    return result.result(
        "statistical", "control", f"loud payloads, {material.size}",
        set().union(*heard.values()) == {*FIXED, LEARNED}, tries=len(CONTROLS),
        cost=material.amount, note="; ".join(f"{case}: {', '.join(names) or 'nobody'}"
                                             for case, names in heard.items()), numbers=heard)


def judge(ctx, material, case):
    """The scheme, by pool size, and by source."""
    scores, changed = material.scores(case)
    for pool, figures in tabulate(ctx, material, case, scores, POOLS).items():
        best = max(figures, key=lambda name: (found(figures[name]), figures[name]["auc"]))
        f = figures[best]
        unsure = "" if found(f) or f["auc"] < FOUND else ", not counted: it hangs on few sources"
        yield result.result(
            "statistical", case.profile, f"{case.name}, {material.size}, {images(pool)}", found(f),
            tries=len(material.covers), cost=f"{images(pool)} of one sender",
            note=f"best is {best}: AUC {f['auc']:.2f} [{f['low']:.2f}, {f['high']:.2f}], "
                 f"P_E {f['p_e']:.2f}{unsure}; {material.amount}",
            numbers={"changed_pixels": changed, "detectors": figures})
    yield easiest(material, case, scores)


def easiest(material, case, scores):
    """What is lost in the mean: sources of which one image is enough."""
    areas = {(source, name): area for name, pair in scores.items()
             for source, area in measure.by_source(*pair, material.groups, LEAST).items()}
    source, name = best = max(areas, key=areas.get)
    easy = sorted({key[0] for key in areas if areas[key] >= EASY})
    looked = len({key[0] for key in areas})
    return result.result(
        "statistical", case.profile, f"{case.name}, {material.size}, easiest source", bool(easy),
        tries=looked, cost="1 image of that source",
        note=f"{name} in {source}: AUC {areas[best]:.2f}; {EASY} is reached in {len(easy)} of "
             f"{looked} sources" + (f" ({', '.join(easy)})" if easy else ""),
        numbers={"easy": easy, "best": {"source": source, "detector": name, "auc": areas[best]}})


def is_macless(payload):
    """The sum of 40 hex digits in ASCII: random bits look so once in two million."""
    return payload[:4].isdigit() and 1920 <= int(payload[:4]) <= 4080


def reading(ctx, core, material, profile):
    """Extract from every image where `paper` hides, which takes no key to know."""
    rng = np.random.default_rng([ctx.seed, material.side])
    keys = core.places("paper", bytes(32))
    stego = [sent(profile, "light")(core, cover, rng) for cover in material.covers]
    hits = [sum(is_macless(core.extract("light", image, keys, hide.HIDDEN_BYTES["paper"]))
                for image in group) for group in (stego, material.covers)]
    n = len(material.covers)
    return result.result(
        "statistical", profile, f"reading without a key, {material.size}",
        hits[0] > n / 2 and hits[1] < n / 10, tries=n, cost="one extraction an image",
        note=f"a tag found in {hits[0]} of {n} stego images and in {hits[1]} of {n} covers",
        numbers={"stego_hits": hits[0], "cover_hits": hits[1], "images": n})


def run(ctx):
    sizes = [(128, 16)] if ctx.short else [(128, 48), (256, 24)]
    with hide.Core(ctx) as core:
        for side, most in sizes:
            material = Material(ctx, core, side, most)
            ctx.say(f"statistical: AUC of each detector, {measure.LEVEL} % intervals; "
                    f"{material.size}, {material.amount}")
            yield control(ctx, material)
            for case in SCHEMES:
                yield from judge(ctx, material, case)
            for profile in hide.HIDDEN_BYTES:
                yield reading(ctx, core, material, profile)


if __name__ == "__main__":
    result.main(run)
