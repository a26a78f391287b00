"""A learning detector: SPAM features (Pevny, Bas and Fridrich, 2010) and an ensemble of Fisher's
discriminants (after Kodovsky, Fridrich and Holub, 2012).

SPAM models how differences of neighbouring pixels follow each other, as a Markov chain of second
order over differences of up to 3: 686 numbers. Changes by 1 blur that chain, whichever way they go.
"""
import numpy as np

AXES = ((0, 1), (0, -1), (1, 0), (-1, 0))
DIAGONALS = ((1, 1), (1, -1), (-1, 1), (-1, -1))
ORDER = 2
MOST = 3
CLIP = 3      # standard deviations: one odd image must not decide
LEARNERS = 60
CHOSEN = 100  # features that one learner looks at
RIDGE = 1e-3


def shifted(height, width, dy, dx, steps):
    """Slices of the pixels 0, 1, .. steps places along a direction."""
    y, x = (max(-d * steps, 0) for d in (dy, dx))
    rows, columns = height - abs(dy) * steps, width - abs(dx) * steps
    return [np.s_[y + dy * i:y + dy * i + rows, x + dx * i:x + dx * i + columns]
            for i in range(steps + 1)]


def chain(p, direction):
    """P(next difference | the ORDER differences before), flattened."""
    places = shifted(*p.shape, *direction, ORDER + 1)
    values = 2 * MOST + 1
    index = 0
    inside = True
    for a, b in zip(places, places[1:]):
        difference = p[a] - p[b]
        inside = inside & (np.abs(difference) <= MOST)
        index = index * values + difference + MOST
    count = np.bincount(index[inside], minlength=values ** (ORDER + 1)).reshape(-1, values)
    total = count.sum(axis=1, keepdims=True)
    return (count / np.maximum(total, 1)).ravel()


def features(pixels):
    p = pixels.astype(np.int32)
    return np.concatenate([np.mean([chain(p, direction) for direction in group], axis=0)
                           for group in (AXES, DIAGONALS)])


class Ensemble:
    """LEARNERS Fisher's discriminants on CHOSEN features each, added up; covers score about 0,
    with a spread of 1."""

    def __init__(self, cover, stego, rng):
        both = np.concatenate([cover, stego])
        self.centre = np.median(both, axis=0)
        self.scale = both.std(axis=0) + 1e-9
        a, b = self.seen(cover), self.seen(stego)
        apart = (b - a).mean(axis=0)
        within = (np.cov(a.T) + np.cov(b.T)) / 2
        self.weights = np.zeros(len(apart))
        for _ in range(LEARNERS):
            chosen = rng.choice(len(apart), CHOSEN, replace=False)
            inner = within[np.ix_(chosen, chosen)] + RIDGE * np.eye(CHOSEN)
            one = np.linalg.solve(inner, apart[chosen])
            self.weights[chosen] += one / np.sqrt(one @ inner @ one)
        known = a @ self.weights
        self.zero, self.spread = known.mean(), known.std()

    def seen(self, x):
        return np.clip((x - self.centre) / self.scale, -CLIP, CLIP)

    def scores(self, x):
        return (self.seen(x) @ self.weights - self.zero) / self.spread


def folds(groups, count, rng):
    """Number of the fold of every sample; a group is never split."""
    names = np.unique(groups)
    of_name = dict(zip(rng.permutation(names), np.arange(len(names)) % count))
    return np.array([of_name[g] for g in groups])


def cross_scores(cover, stego, groups, count, rng):
    """Scores of all samples, each by a detector that has never seen the sample's source."""
    fold = folds(groups, count, rng)
    of_cover, of_stego = np.zeros(len(cover)), np.zeros(len(stego))
    for i in np.unique(fold):
        seen, unseen = fold != i, fold == i
        detector = Ensemble(cover[seen], stego[seen], rng)
        of_cover[unseen] = detector.scores(cover[unseen])
        of_stego[unseen] = detector.scores(stego[unseen])
    return of_cover, of_stego
