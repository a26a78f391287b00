"""How well scores tell stego images from covers, one by one or pooled, with intervals."""
import numpy as np

BAGS, BAGS_ROUND = 2000, 400  # for the figure, and in each round of its interval
LEVEL = 99                    # percent, of the intervals: many cases are looked at


def area(cover, stego):
    """AUC: the chance that a stego image scores higher than a cover, a tie counting half."""
    order = np.sort(cover)
    below = np.searchsorted(order, stego, "left") + np.searchsorted(order, stego, "right")
    return float(below.mean() / (2 * len(cover)))


def least_error(cover, stego):
    """P_E: the mean of false alarms and misses at the best threshold, which is chosen on these very
    scores, so that a small sample of nothing at all comes out a little below 0.5."""
    both = np.concatenate([cover, stego])
    order = np.argsort(both, kind="stable")
    is_stego = np.concatenate([np.zeros(len(cover)), np.ones(len(stego))])[order]
    missed = np.concatenate([[0], np.cumsum(is_stego)]) / len(stego)
    alarms = 1 - np.concatenate([[0], np.cumsum(1 - is_stego)]) / len(cover)
    possible = np.concatenate([[True], np.diff(both[order]) > 0, [True]])
    return float(((missed + alarms) / 2)[possible].min())


def pooled(scores, size, bags, rng):
    """Means of random bags of `size` scores: many images of one sender, judged together."""
    return scores if size == 1 else scores[rng.integers(0, len(scores), (bags, size))].mean(axis=1)


def apart(cover, stego, groups, size, rounds, rng):
    """AUC with its interval, and P_E, of bags of `size`. The interval is a bootstrap over sources:
    images of one source are not independent."""
    names = np.unique(groups)
    of_name = {name: np.flatnonzero(groups == name) for name in names}
    drawn = []
    for _ in range(rounds):
        chosen = np.concatenate([of_name[n] for n in rng.choice(names, len(names))])
        drawn.append(area(pooled(cover[chosen], size, BAGS_ROUND, rng),
                          pooled(stego[chosen], size, BAGS_ROUND, rng)))
    a, b = pooled(cover, size, BAGS, rng), pooled(stego, size, BAGS, rng)
    low, high = np.percentile(drawn, [(100 - LEVEL) / 2, (100 + LEVEL) / 2])
    return {"auc": round(area(a, b), 3), "low": round(float(low), 3),
            "high": round(float(high), 3), "p_e": round(least_error(a, b), 3)}


def by_source(cover, stego, groups, least):
    """AUC within each source that has at least so many images."""
    return {str(name): round(area(cover[groups == name], stego[groups == name]), 3)
            for name in np.unique(groups) if np.sum(groups == name) >= least}
