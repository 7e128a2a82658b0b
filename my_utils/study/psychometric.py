"""Psychometric functions: a logistic curve with guesses and lapses, fitted by likelihood.

    p(x) = guess + (1 - guess - lapse) / (1 + exp(-(x - threshold) / width))

Wichmann & Hill (2001): lapses are fitted within a small range, or a few slips would flatten the
curve; intervals come from the bootstrap, here over participants.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import optimize, special

MOST_LAPSES = 0.1
RESAMPLES = 999
CONFIDENCE = 0.95
SEED = 0


class Curve(NamedTuple):
    """A fitted function of the level."""

    threshold: float  # where the curve is half way up
    width: float  # of the logistic: from 27 % to 73 % it is two widths; negative if it falls
    guess: float
    lapse: float

    def __call__(self, level: np.ndarray) -> np.ndarray:
        """The share of answers at each level."""
        rise = special.expit((np.asarray(level, float) - self.threshold) / self.width)
        return self.guess + (1 - self.guess - self.lapse) * rise


class FittedCurve(NamedTuple):
    """A curve with the intervals of its threshold and width."""

    curve: Curve
    threshold: tuple[float, float]  # 95 % interval over participants
    width: tuple[float, float]
    deviance: float  # twice the distance of the log likelihood to that of the shares themselves


def fit_curve(
    levels: np.ndarray,  # [L]
    chosen: np.ndarray,  # [L] answers that count as 1
    trials: np.ndarray,  # [L] answers
    *,
    guess: float | None,  # of a task with right answers its chance; None fits it like a lapse
) -> Curve:
    """The curve of largest likelihood; it rises where more of the answers are 1 at high levels."""
    low, high = float(levels.min()), float(levels.max())
    span = high - low
    bounds = [(low - span, high + span), (np.log(span / 200), np.log(4 * span)), (0, MOST_LAPSES)]
    start_guess = guess if guess is not None else 0.02
    if guess is None:
        bounds.append((0, MOST_LAPSES))
    rising = guess is not None or _slope(levels, chosen, trials) >= 0
    sign = 1 if rising else -1

    def unpack(values: np.ndarray) -> Curve:
        given = guess if guess is not None else values[3]
        return Curve(values[0], sign * np.exp(values[1]), float(given), values[2])

    def cost(values: np.ndarray) -> float:
        share = np.clip(unpack(values)(levels), 1e-9, 1 - 1e-9)
        return -float((chosen * np.log(share) + (trials - chosen) * np.log(1 - share)).sum())

    best = None
    for threshold in np.linspace(low, high, 5)[1:-1]:
        start = [threshold, np.log(span / 8), 0.02, *([start_guess] if guess is None else [])]
        found = optimize.minimize(cost, start, bounds=bounds, method="L-BFGS-B")
        if best is None or found.fun < best.fun:
            best = found
    assert best is not None  # there are three starts
    return unpack(best.x)


def _slope(levels: np.ndarray, chosen: np.ndarray, trials: np.ndarray) -> float:
    middle = np.average(levels, weights=trials)
    return float(((levels - middle) * (chosen - trials * chosen.sum() / trials.sum())).sum())


def fit_with_intervals(
    levels: Sequence[float],  # N answers
    chosen: Sequence[bool],
    participants: Sequence[str],
    *,
    guess: float | None,
    resamples: int = RESAMPLES,
) -> FittedCurve:
    """The curve of N answers, with intervals from drawing whole participants again."""
    places, level_index = np.unique(np.asarray(levels, float), return_inverse=True)
    people, person_index = np.unique(np.asarray(participants), return_inverse=True)
    ones = np.zeros((len(people), len(places)))
    counts = np.zeros_like(ones)
    np.add.at(ones, (person_index, level_index), np.asarray(chosen, float))
    np.add.at(counts, (person_index, level_index), 1)
    curve = fit_curve(places, ones.sum(0), counts.sum(0), guess=guess)
    rng = np.random.default_rng(SEED)
    drawn = []
    for _ in range(resamples if len(people) > 1 else 0):
        again = rng.integers(len(people), size=len(people))
        trials = counts[again].sum(0)
        seen = trials > 0
        if seen.sum() > 1:
            drawn.append(
                fit_curve(places[seen], ones[again].sum(0)[seen], trials[seen], guess=guess)[:2]
            )
    ends = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)
    intervals = np.quantile(drawn, ends, axis=0).T if drawn else np.full((2, 2), np.nan)
    threshold, width = (tuple(interval.tolist()) for interval in intervals)
    return FittedCurve(
        curve, threshold, width, _deviance(curve, places, ones.sum(0), counts.sum(0))
    )


def _deviance(curve: Curve, levels: np.ndarray, chosen: np.ndarray, trials: np.ndarray) -> float:
    share = np.clip(curve(levels), 1e-9, 1 - 1e-9)
    own = special.xlogy(chosen, chosen / trials) + special.xlogy(
        trials - chosen, (trials - chosen) / trials
    )
    fitted = chosen * np.log(share) + (trials - chosen) * np.log(1 - share)
    return float(2 * (own - fitted).sum())
