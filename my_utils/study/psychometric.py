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
    start: Curve | None = None,  # to begin the search at; from three thresholds where not given
) -> Curve:
    """The curve of largest likelihood; without a `guess` it may fall as well as rise."""
    low, high = float(levels.min()), float(levels.max())
    span = high - low
    bounds = [(low - span, high + span), (np.log(span / 200), np.log(4 * span))]
    bounds += [(0, MOST_LAPSES)] * (1 if guess is not None else 2)
    if start is not None:
        starts = [start]
    else:
        rising = guess is not None or _slope(levels, chosen, trials) >= 0
        width = span / 8 if rising else -span / 8
        quarters = np.linspace(low, high, 5)[1:-1].tolist()
        starts = [Curve(place, width, 0.02 if guess is None else guess, 0.02) for place in quarters]
    fits = [_search(one, levels, chosen, trials, guess, bounds) for one in starts]
    return min(fits, key=lambda fit: fit[0])[1]


def _search(
    start: Curve,
    levels: np.ndarray,
    chosen: np.ndarray,
    trials: np.ndarray,
    guess: float | None,
    bounds: list[tuple[float, float]],
) -> tuple[float, Curve]:
    """The smallest negative log likelihood near a start, and its curve."""
    sign = 1 if start.width > 0 else -1

    def unpack(values: np.ndarray) -> Curve:
        given = guess if guess is not None else values[3]
        return Curve(values[0], sign * np.exp(values[1]), float(given), values[2])

    def cost(values: np.ndarray) -> tuple[float, np.ndarray]:
        curve = unpack(values)
        distance = (levels - curve.threshold) / curve.width
        rise = special.expit(distance)
        room = 1 - curve.guess - curve.lapse
        share = np.clip(curve.guess + room * rise, 1e-9, 1 - 1e-9)
        loss = -(chosen * np.log(share) + (trials - chosen) * np.log(1 - share)).sum()
        by_share = (trials - chosen) / (1 - share) - chosen / share
        steepness = room * rise * (1 - rise)
        parts = [-steepness / curve.width, -steepness * distance, -rise, 1 - rise]
        gradient = [float((by_share * part).sum()) for part in parts[: len(values)]]
        return float(loss), np.array(gradient)

    first = [start.threshold, np.log(abs(start.width)), start.lapse, start.guess][: len(bounds)]
    clipped = np.clip(first, *np.transpose(bounds))
    found = optimize.minimize(cost, clipped, jac=True, bounds=bounds, method="L-BFGS-B")
    return float(found.fun), unpack(found.x)


def _slope(levels: np.ndarray, chosen: np.ndarray, trials: np.ndarray) -> float:
    middle = np.average(levels, weights=trials)
    return float(((levels - middle) * (chosen - trials * chosen.sum() / trials.sum())).sum())


def fit_with_intervals(
    levels: Sequence[float],  # N answers
    chosen: Sequence[bool],
    participants: Sequence[str],
    *,
    guess: float | None,
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
    for _ in range(RESAMPLES if len(people) > 1 else 0):
        again = rng.integers(len(people), size=len(people))
        trials = counts[again].sum(0)
        seen = trials > 0
        if seen.sum() > 1:
            sums = ones[again].sum(0)[seen]
            drawn.append(fit_curve(places[seen], sums, trials[seen], guess=guess, start=curve)[:2])
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
