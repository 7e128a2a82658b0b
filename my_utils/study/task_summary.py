"""From the answers to a task to its numbers: sensitivity, curves, mean ratings, distances."""

import itertools
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from my_utils.errors import UserError
from my_utils.study.presentation import ABX, SAME_DIFFERENT
from my_utils.study.psychometric import FittedCurve, fit_with_intervals
from my_utils.study.scaling import Map, scale_dissimilarities
from my_utils.study.signal_detection import (
    CHANCE,
    Counts,
    d_prime_of_correct,
    sensitivity,
)
from my_utils.study.statistics import (
    CONFIDENCE,
    RESAMPLES,
    SEED,
    krippendorff_alpha,
    mean_interval,
)
from my_utils.study.task_questions import DIFFERENT, ENDS
from my_utils.study.task_results import TaskTrial

MOST_DIMENSIONS = 4
ALL = "all"  # groups, or continua, together

# --- sensitivity ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Detection:
    """How well pictures of one group are told apart; intervals are over participants."""

    group: str
    answers: int
    participants: int
    share: float  # of right answers; of same/different of "different" to different pairs
    false_alarms: float | None  # same/different: share of "different" to same pairs
    d_prime: float
    d_prime_interval: tuple[float, float]
    criterion: float | None  # same/different
    criterion_interval: tuple[float, float] | None


def detect(trials: Sequence[TaskTrial]) -> list[Detection]:
    """One row for each group of same/different, ABX or odd one out, the smallest distance first,
    and one for all groups together.

    The pairs of all groups of same/different are compared with the same pairs of the whole study.
    """
    trials = [trial for trial in trials if not trial.group.startswith(ENDS)]
    names = sorted({trial.participant for trial in trials})
    same = [trial for trial in trials if trial.study == SAME_DIFFERENT and trial.group == "same"]
    noise = _counts(same, names)
    groups: dict[tuple, list[TaskTrial]] = defaultdict(list)
    for trial in trials:
        if trial.study != SAME_DIFFERENT or trial.group != "same":
            groups[trial.level is None, trial.level or 0.0, trial.group].append(trial)
    rows = {key[-1]: groups[key] for key in sorted(groups)}
    if len(rows) > 1:
        rows[ALL] = [trial for own in rows.values() for trial in own]
    if rows and trials[0].study == SAME_DIFFERENT and not same:
        raise UserError("nobody saw a same pair, so false alarms are not known")
    found = []
    for group, own in rows.items():
        counts = _counts(own, names)
        yes_no = own[0].study == SAME_DIFFERENT
        found.append(
            _yes_no(group, counts, noise) if yes_no else _forced_choice(group, own, counts)
        )
    return found


def _counts(trials: Sequence[TaskTrial], names: Sequence[str]) -> np.ndarray:
    """Answers "different" (or right ones) and answers of each participant: [P, 2]."""
    counts = np.zeros((len(names), 2))
    places = {name: place for place, name in enumerate(names)}
    for trial in trials:
        yes = trial.answer == DIFFERENT if trial.study == SAME_DIFFERENT else bool(trial.right)
        counts[places[trial.participant]] += yes, 1
    return counts


def _yes_no(group: str, own: np.ndarray, noise: np.ndarray) -> Detection:
    def both(totals: np.ndarray) -> np.ndarray:  # [..., 4]
        return np.stack(sensitivity(*np.moveaxis(totals, -1, 0)), axis=-1)

    counts = np.concatenate([own, noise], axis=1)
    d_prime, criterion = both(counts.sum(0))
    intervals = _intervals(counts, both)
    return Detection(
        group,
        int(own[:, 1].sum()),
        int((own[:, 1] > 0).sum()),
        own[:, 0].sum() / own[:, 1].sum(),
        noise[:, 0].sum() / noise[:, 1].sum(),
        float(d_prime),
        intervals[0],
        float(criterion),
        intervals[1],
    )


def _forced_choice(group: str, trials: Sequence[TaskTrial], own: np.ndarray) -> Detection:
    def d_prime(totals: np.ndarray) -> np.ndarray:
        found: Counts = d_prime_of_correct(totals[..., 0], totals[..., 1], trials[0].study)
        return np.asarray(found)[..., None]

    return Detection(
        group,
        len(trials),
        int((own[:, 1] > 0).sum()),
        own[:, 0].sum() / own[:, 1].sum(),
        None,
        float(d_prime(own.sum(0))[0]),
        _intervals(own, d_prime)[0],
        None,
        None,
    )


def _intervals(
    counts: np.ndarray,  # [P, C] of each participant
    measure: Callable[[np.ndarray], np.ndarray],  # totals [..., C] to [..., M]
) -> list[tuple[float, float]]:
    """Bootstrap intervals over participants of each measure; NaN for a single participant."""
    people = len(counts)
    if people < 2:
        return [(np.nan, np.nan)] * measure(counts.sum(0)).shape[-1]
    again = np.random.default_rng(SEED).integers(people, size=(RESAMPLES, people))
    drawn = measure(counts[again].sum(axis=1))
    ends = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)
    return [(float(low), float(high)) for low, high in ends.T]


# --- curves ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LevelCurve:
    """Shares of answers by level, and the curve fitted to them."""

    name: str  # of the continuum, or ALL
    levels: np.ndarray  # [L]
    shares: np.ndarray  # [L]
    answers: np.ndarray  # [L]
    fit: FittedCurve


def curves(trials: Sequence[TaskTrial]) -> list[LevelCurve]:
    """The psychometric function of the level, where there are three levels or more.

    Which end X is like: the share of answers "the last end", one curve for each continuum and one
    for all. Other ABX and odd one out: the share of right answers over the distance, with the
    task's chance as guess rate. Same/different: the share of answers "different".
    """
    trials = [trial for trial in trials if trial.level is not None]
    if len({trial.level for trial in trials}) < 3:
        return []
    series = {ALL: trials}
    if trials[0].group.startswith(ENDS):
        for trial in trials:
            series.setdefault(trial.group.removeprefix(ENDS).strip(), []).append(trial)
        if len(series) == 2:  # one continuum, which is all
            series.popitem()
    return [
        _curve(name, series[name]) for name in sorted(series, key=lambda name: (name != ALL, name))
    ]


def _curve(name: str, trials: Sequence[TaskTrial]) -> LevelCurve:
    task = trials[0].study
    asks_end = task == ABX and trials[0].group.startswith(ENDS)
    if asks_end:
        ones = [trial.choice == 2 for trial in trials]
    elif task == SAME_DIFFERENT:
        ones = [trial.answer == DIFFERENT for trial in trials]
    else:
        ones = [bool(trial.right) for trial in trials]
    levels = np.array([float(trial.level or 0) for trial in trials])
    people = [trial.participant for trial in trials]
    guess = None if asks_end or task == SAME_DIFFERENT else CHANCE[task]
    fit = fit_with_intervals(levels.tolist(), ones, people, guess=guess)
    places, index = np.unique(levels, return_inverse=True)
    answers = np.bincount(index)
    return LevelCurve(name, places, np.bincount(index, weights=ones) / answers, answers, fit)


# --- ratings and dissimilarities ------------------------------------------------------------------


@dataclass(frozen=True)
class RatedPicture:
    """The ratings of one picture on one scale."""

    scale: int
    picture: str
    ratings: int
    mean: float
    interval: tuple[float, float]  # over participants
    deviation: float


def rate_pictures(trials: Sequence[TaskTrial]) -> list[RatedPicture]:
    """Mean ratings, one row for each scale and picture."""
    groups: dict[tuple[int, str], list[TaskTrial]] = defaultdict(list)
    for trial in trials:
        groups[trial.scale or 0, trial.picture1].append(trial)
    rows = []
    for (scale, picture), own in sorted(groups.items()):
        ratings = np.array([trial.answer for trial in own], float)
        people = np.array([trial.participant for trial in own])
        deviation = float(ratings.std(ddof=1)) if len(own) > 1 else np.nan
        interval = mean_interval(ratings, people)
        rows.append(
            RatedPicture(scale, picture, len(own), float(ratings.mean()), interval, deviation)
        )
    return rows


def agreement(trials: Sequence[TaskTrial]) -> float:
    """Krippendorff's alpha of the answers to equal questions: ordinal, on scales and of two kinds.

    NaN where nobody answered what another did, and for odd one out, whose answers have no order.
    """
    choices = np.array([trial.choice for trial in trials])
    if len(np.unique(choices)) < 2 or trials[0].study == "odd_one_out":
        return float("nan")
    units = np.unique([repr(trial.question) for trial in trials], return_inverse=True)[1]
    return krippendorff_alpha(choices, units, levels=int(choices.max()))


@dataclass(frozen=True)
class Dissimilarities:
    """Mean dissimilarities of all pairs, and maps of the pictures."""

    pictures: list[str]
    means: np.ndarray  # [N, N]; 0 on the diagonal, NaN for a pair nobody rated
    maps: list[Map]  # in 1, 2 ... dimensions


def map_pictures(trials: Sequence[TaskTrial]) -> Dissimilarities:
    """Mean ratings of pairs, less one so that equal pictures are 0 apart, and their scaling."""
    pictures = sorted({file for trial in trials for file in trial.pictures})
    if len(pictures) < 3:
        raise UserError("a map needs dissimilarities of three pictures or more")
    places = {file: place for place, file in enumerate(pictures)}
    sums, counts = np.zeros((2, len(pictures), len(pictures)))
    for trial in trials:
        first, second = (places[file] for file in trial.pictures)
        for pair in ((first, second), (second, first)):
            sums[pair] += trial.answer - 1
            counts[pair] += 1
    means = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    np.fill_diagonal(means, 0)
    rated = sum(counts[pair] > 0 for pair in itertools.combinations(range(len(pictures)), 2))
    if rated < len(pictures) - 1:
        raise UserError(f"{rated} rated pairs are too few for a map of {len(pictures)} pictures")
    dimensions = range(1, min(MOST_DIMENSIONS, len(pictures) - 1) + 1)
    return Dissimilarities(pictures, means, [scale_dissimilarities(means, d) for d in dimensions])
