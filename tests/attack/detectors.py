"""Detectors of hidden bits that learn nothing. Each takes grey pixels and gives one number, larger
when it believes more in a payload. The first four look for replaced lowest bits: a pixel 2k that
becomes 2k + 1 or the reverse, never 2k and 2k - 1. The last looks for any change by 1."""
import numpy as np

PREFIXES = (1 / 8, 1 / 4, 1 / 2, 1)


def chi_square(pixels):
    """Westfeld and Pfitzmann, 1999: replaced lowest bits make the counts of 2k and 2k + 1 equal.

    The chi-square of the pairs against their mean, made normal by Wilson and Hilferty's cube root,
    for beginnings of the image in reading order; the one that looks most like a payload counts.
    """
    flat = pixels.ravel()
    best = -np.inf
    for share in PREFIXES:
        count = np.bincount(flat[:int(flat.size * share)], minlength=256).reshape(128, 2)
        mean = count.mean(axis=1)
        used = mean >= 5
        free = used.sum() - 1
        if free < 1:
            continue
        chi = np.sum((count[used, 0] - mean[used]) ** 2 / mean[used])
        spread = 2 / (9 * free)
        best = max(best, -(np.cbrt(chi / free) - (1 - spread)) / np.sqrt(spread))
    return best if np.isfinite(best) else -1e3


def rough(groups):
    return np.abs(np.diff(groups, axis=1)).sum(axis=1)


def regular_minus_singular(groups, mask):
    """Share of groups that flipping makes rougher, less the share that it makes smoother. Where
    mask is 1, 2k and 2k + 1 change places; where it is -1, 2k and 2k - 1."""
    flipped = np.where(mask == 1, groups ^ 1, np.where(mask == -1, ((groups + 1) ^ 1) - 1, groups))
    change = rough(flipped) - rough(groups)
    return np.mean(change > 0) - np.mean(change < 0)


def rs(pixels):
    """RS analysis (Fridrich, Goljan and Du, 2001): estimated share of the pixels in use."""
    width = pixels.shape[1] // 4 * 4
    groups = pixels[:, :width].reshape(-1, 4).astype(np.int32)
    mask = np.array([0, 1, 1, 0])
    d0, e0 = (regular_minus_singular(groups, m) for m in (mask, -mask))
    d1, e1 = (regular_minus_singular(groups ^ 1, m) for m in (mask, -mask))
    a, b, c = 2 * (d1 + d0), e0 - e1 - d1 - 3 * d0, d0 - e0
    z = smaller_root(a, b, c)
    return z / (z - 0.5) if abs(z - 0.5) > 1e-9 else 1.0


def smaller_root(a, b, c):
    """Of a z^2 + b z + c, the root nearer to 0; the vertex where there is none."""
    if abs(a) < 1e-12:
        return -c / b if abs(b) > 1e-12 else 0.0
    root = np.sqrt(max(b * b - 4 * a * c, 0.0))
    return min((-b - root) / (2 * a), (-b + root) / (2 * a), key=abs)


def sample_pairs(pixels):
    """Sample pairs (Dumitrescu, Wu and Wang, 2003), neighbours in both directions: the same."""
    p = pixels.astype(np.int32)
    u = np.concatenate([p[:, :-1].ravel(), p[:-1].ravel()])
    v = np.concatenate([p[:, 1:].ravel(), p[1:].ravel()])
    even = v % 2 == 0
    x = np.mean((even & (u < v)) | (~even & (u > v)))
    y = np.mean((even & (u > v)) | (~even & (u < v)))
    near = np.mean(u // 2 == v // 2)
    return smaller_root(near / 2, 2 * x - 1, y - x)


def weighted_stego(pixels):
    """Weighted stego image (Fridrich and Goljan, 2004, with the filter, weights and correction of
    bias of Ker and Boehme, 2008): the same."""
    s = pixels.astype(float)
    edge, corner = neighbours(s)
    mean = (edge + corner) / 8
    edge2, corner2 = neighbours(s * s)
    variance = np.maximum((edge2 + corner2) / 8 - mean * mean, 0)
    inner = s[1:-1, 1:-1]
    step = 1 - 2 * (pixels[1:-1, 1:-1] % 2).astype(float)  # the flipped pixel less the pixel
    weight = 1 / (5 + variance)
    weight /= weight.sum()
    share = -2 * np.sum(weight * step * (inner - (edge / 2 - corner / 4)))
    edge_step, corner_step = neighbours(1 - 2 * (pixels % 2).astype(float))
    bias = np.sum(weight * step * (edge_step / 2 - corner_step / 4))
    return share + share * bias


def neighbours(s):
    """For every inner pixel the sums of its four edge and of its four corner neighbours."""
    edge = s[:-2, 1:-1] + s[2:, 1:-1] + s[1:-1, :-2] + s[1:-1, 2:]
    corner = s[:-2, :-2] + s[:-2, 2:] + s[2:, :-2] + s[2:, 2:]
    return edge, corner


def peaks(pixels):
    """Share of the pixels that are 1 above all their eight neighbours, or 1 below: a change by 1
    makes such a pixel where the image is smooth, and a picture without noise has few of its own."""
    height, width = pixels.shape
    p = pixels.astype(np.int16)
    around = [p[1 + dy:height - 1 + dy, 1 + dx:width - 1 + dx]
              for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx]
    inner = p[1:-1, 1:-1]
    above = inner - np.maximum.reduce(around) == 1
    below = np.minimum.reduce(around) - inner == 1
    return np.mean(above | below)


FIXED = {"chi-square": chi_square, "RS": rs, "sample pairs": sample_pairs,
         "weighted stego": weighted_stego, "peaks": peaks}
