"""Statistics of the perceptual study: preferences, ratings, agreement, and how many are needed.

Answers of one participant are not independent of each other. So besides the textbook interval and
test over answers there is always one over participants: whole participants are drawn again, with
all their answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
RESAMPLES = 9999
SEED = 0


@dataclass(frozen=True)
class Preference:
    """How often one of two was chosen, in [0, 1]."""

    chosen: int
    trials: int
    rate: float
    wilson: tuple[float, float]  # interval, if all answers were independent
    p_value: float  # exact two-sided binomial test against chance, likewise
    by_participants: tuple[float, float]  # bootstrap interval over participants
    p_participants: float  # sign-flip test over participants
    participants: int
    effective_trials: float  # independent answers that would tell as much


def preference(chosen: np.ndarray, participants: np.ndarray) -> Preference:
    """Summarise N answers (bool or 0/1) given by the N named participants."""
    chosen = np.asarray(chosen, float)
    test = stats.binomtest(int(chosen.sum()), len(chosen), 0.5)
    wilson = test.proportion_ci(CONFIDENCE, "wilson")
    return Preference(
        chosen=test.k,
        trials=test.n,
        rate=test.k / test.n,
        wilson=(wilson.low, wilson.high),
        p_value=test.pvalue,
        by_participants=mean_interval(chosen, participants),
        p_participants=sign_flip_test(chosen - 0.5, participants),
        participants=len(np.unique(participants)),
        effective_trials=effective_answers(chosen, participants),
    )


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Holm's step-down adjustment: below alpha only if significant among all tests together."""
    p = np.asarray(p_values, float)
    order = np.argsort(p)
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted


def _per_participant(values: np.ndarray, participants: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each participant's sum of values, and number of values."""
    _, index = np.unique(participants, return_inverse=True)
    return np.bincount(index, weights=values), np.bincount(index)


def mean_interval(values: np.ndarray, participants: np.ndarray) -> tuple[float, float]:
    """Bootstrap interval of the mean over participants; NaN for a single participant.

    The same answers always give the same interval.
    """
    sums, counts = _per_participant(values, participants)
    if len(sums) < 2:
        return (np.nan, np.nan)
    interval = stats.bootstrap(
        (sums, counts),
        lambda sums, counts, axis: sums.sum(axis) / counts.sum(axis),
        paired=True,
        vectorized=True,
        n_resamples=RESAMPLES,
        batch=500,
        confidence_level=CONFIDENCE,
        method="percentile",
        random_state=np.random.default_rng(SEED),
    ).confidence_interval
    return (float(interval.low), float(interval.high))


def sign_flip_test(values: np.ndarray, participants: np.ndarray) -> float:
    """Two-sided p-value of a mean of zero, if each participant is as likely to favour either side.

    The signs of whole participants are flipped: all ways for few of them, else 9999 random ones.
    NaN for a single participant.
    """
    sums, _ = _per_participant(values, participants)
    if len(sums) < 2:
        return np.nan
    test = stats.permutation_test(
        (sums,),
        lambda sums, axis: sums.sum(axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=RESAMPLES,
        batch=500,
        random_state=np.random.default_rng(SEED),
    )
    return float(test.pvalue)


def effective_answers(values: np.ndarray, participants: np.ndarray) -> float:
    """The number of independent answers whose mean would be as certain; at most their number.

    Kish's effective sample size: the variance of an answer over the variance of the mean between
    participants (linearised ratio). NaN for a single participant.
    """
    sums, counts = _per_participant(values, participants)
    if len(sums) < 2:
        return np.nan
    residuals = sums - counts * values.mean()
    mean_variance = len(sums) / (len(sums) - 1) * (residuals**2).sum() / len(values) ** 2
    if mean_variance == 0:
        return float(len(values))
    return min(float(values.var(ddof=1) / mean_variance), float(len(values)))


@dataclass(frozen=True)
class Ratings:
    """Ratings from 1 to 5."""

    counts: tuple[int, ...]  # of 1, 2, ... 5
    mode: int  # the lowest of the most frequent ratings, as published
    median: float
    mean: float
    interval: tuple[float, float]  # of the mean, bootstrap over participants
    participants: int


def ratings_summary(ratings: np.ndarray, participants: np.ndarray, levels: int = 5) -> Ratings:
    """Summarise N ratings in 1..levels given by the N named participants."""
    counts = np.bincount(ratings, minlength=levels + 1)
    return Ratings(
        counts=tuple(counts[1:].tolist()),
        mode=int(counts.argmax()),
        median=float(np.median(ratings)),
        mean=float(np.mean(ratings)),
        interval=mean_interval(ratings, participants),
        participants=len(np.unique(participants)),
    )


def kruskal_wallis(ratings: np.ndarray, groups: np.ndarray) -> tuple[float, float]:
    """H and p of equal ratings in all groups; NaN for one group or when all ratings are equal."""
    samples = [ratings[groups == group] for group in np.unique(groups)]
    if len(samples) < 2 or np.ptp(ratings) == 0:
        return (np.nan, np.nan)
    test = stats.kruskal(*samples)
    return (float(test.statistic), float(test.pvalue))


def krippendorff_alpha(ratings: np.ndarray, units: np.ndarray, levels: int = 5) -> float:
    """Krippendorff's alpha for ordinal ratings in 1..levels of N units, any number each.

    1 is perfect agreement, 0 what chance gives. NaN where it is not defined: no unit has two
    ratings, or all ratings are the same. (Krippendorff, Computing Krippendorff's
    Alpha-Reliability, 2011.)
    """
    _, index = np.unique(units, return_inverse=True)
    counts = np.zeros((index.max() + 1, levels))
    np.add.at(counts, (index, np.asarray(ratings) - 1), 1)
    counts = counts[counts.sum(1) >= 2]  # a lone rating agrees with nothing
    pairs_per_rating = (counts.sum(1) - 1)[:, None]
    coincidences = counts.T @ (counts / pairs_per_rating)
    coincidences -= np.diag((counts / pairs_per_rating).sum(0))
    totals = counts.sum(0)
    # Ordinal distance of two levels: the ratings between them, each end counting half.
    ranks = np.cumsum(totals) - totals / 2
    distances = (ranks[:, None] - ranks) ** 2
    chance = (np.outer(totals, totals) * distances).sum()
    if chance == 0:
        return np.nan
    return float(1 - (totals.sum() - 1) * (coincidences * distances).sum() / chance)


# --- how many answers a study needs ---------------------------------------------------------------


def binomial_power(trials: np.ndarray, rate: float, alpha: float = 0.05) -> np.ndarray:
    """Chance that the exact binomial test finds a preference of `rate` in so many trials."""
    # The test refuses chance for counts up to `edge` and from trials - edge on.
    edge = stats.binom.ppf(alpha / 2, trials, 0.5)
    edge = np.where(stats.binom.cdf(edge, trials, 0.5) > alpha / 2, edge - 1, edge)
    return stats.binom.cdf(edge, trials, rate) + stats.binom.sf(trials - edge - 1, trials, rate)


def trials_needed(rate: float, power: float = 0.8, alpha: float = 0.05) -> int:
    """Trials from which on the exact binomial test always has this power, for a rate above 0.5.

    Power grows in a saw-tooth with the number of trials; the last tooth below `power` decides.
    """
    chance_part = stats.norm.isf(alpha / 2) * 0.5
    rate_part = stats.norm.isf(1 - power) * np.sqrt(rate * (1 - rate))
    approximation = ((chance_part + rate_part) / (rate - 0.5)) ** 2
    sizes = np.arange(1, 2 * int(approximation) + 100)
    return int(sizes[binomial_power(sizes, rate, alpha) < power][-1]) + 1


def ratings_needed(
    difference: float, deviation: float = 1.0, power: float = 0.8, alpha: float = 0.05
) -> int:
    """Ratings of each of two styles to find this difference of their means (normal approximation).

    `deviation` is the standard deviation of the ratings of one style.
    """
    quantiles = stats.norm.isf(alpha / 2) + stats.norm.isf(1 - power)
    return int(np.ceil(2 * (quantiles * deviation / difference) ** 2))


def participants_needed(answers: int, each: int, correlation: float) -> int:
    """Participants who give `each` answers to tell as much as so many independent answers.

    `correlation` (intra-class) is how alike the answers of one participant are, 0 to 1.
    """
    design_effect = 1 + (each - 1) * correlation
    return int(np.ceil(answers * design_effect / each))
