"""From the answers of a perceptual study to its numbers: what they say together."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from my_utils.errors import UserError
from my_utils.study.statistics import (
    Preference,
    Ratings,
    effective_answers,
    holm,
    krippendorff_alpha,
    kruskal_wallis,
    preference,
    ratings_summary,
)
from my_utils.study.trial import ABLATIONS, Trial

MOST_GROUPS = 200  # models or styles, each with a bar or a panel of its own

# --- the pairwise study ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Comparison:
    """The reference model against another; the p-values are Holm-adjusted over all others."""

    model: str
    preference: Preference
    p_holm: float
    p_participants_holm: float


def compare_models(trials: Sequence[Trial], reference: str) -> list[Comparison]:
    """How often `reference` was preferred to each other model: the published ones first.

    Raises:
        UserError: an answer compares two other models.
    """
    groups: dict[str, list[Trial]] = {}
    for trial in trials:
        models = (trial.model1, trial.model2)
        if reference not in models:
            raise UserError(
                f"participant {trial.participant!r} compared {models[0]!r} with {models[1]!r}: "
                f"neither is {reference!r}; choose with --reference"
            )
        other = models[1 - models.index(reference)]
        assert other is not None  # as in every answer that counts
        groups.setdefault(other, []).append(trial)
    _check_number(groups, "models")
    ranks = {model: rank for rank, model in enumerate(ABLATIONS)}
    names = sorted(groups, key=lambda model: (ranks.get(model, len(ranks)), model))
    preferences = [_preference(groups[name], reference) for name in names]
    p_holm = holm([found.p_value for found in preferences])
    p_participants = holm([found.p_participants for found in preferences])
    rows = zip(names, preferences, p_holm, p_participants, strict=True)
    return [Comparison(*row) for row in rows]


def _check_number(groups: Collection, kind: str) -> None:
    """Refuse what no figure could show and would take for ever."""
    if len(groups) > MOST_GROUPS:
        raise UserError(
            f"the answers are about {len(groups)} {kind}, more than the {MOST_GROUPS} that a study "
            "may have: look for a file that is no result of yours"
        )


def _preference(trials: Sequence[Trial], reference: str) -> Preference:
    chosen = [reference == (trial.model1, trial.model2)[trial.answer - 1] for trial in trials]
    return preference(np.array(chosen), _participants(trials))


def _participants(trials: Sequence[Trial]) -> np.ndarray:
    return np.array([trial.participant for trial in trials])


# --- the Likert study -----------------------------------------------------------------------------


@dataclass(frozen=True)
class RatedStyles:
    """The ratings of every style, and what they say together."""

    styles: dict[int, Ratings]
    overall: Ratings
    effective_ratings: float
    mean_of_modes: float  # "total mean" of the published script
    kruskal_h: float
    kruskal_p: float
    alpha: float  # Krippendorff's, ordinal
    pictures_rated_twice: int  # by which alpha is known


def rate_styles(trials: Sequence[Trial]) -> RatedStyles:
    """Summarise the ratings of a Likert study by style."""
    ratings = np.array([trial.answer for trial in trials])
    styles = np.array([trial.style for trial in trials])
    pictures = np.array([trial.image_url for trial in trials])
    participants = _participants(trials)
    _check_number(np.unique(styles), "styles")
    by_style = {
        int(style): ratings_summary(ratings[styles == style], participants[styles == style])
        for style in np.unique(styles)
    }
    kruskal_h, kruskal_p = kruskal_wallis(ratings, styles)
    return RatedStyles(
        styles=by_style,
        overall=ratings_summary(ratings, participants),
        effective_ratings=effective_answers(ratings, participants),
        mean_of_modes=float(np.mean([row.mode for row in by_style.values()])),
        kruskal_h=kruskal_h,
        kruskal_p=kruskal_p,
        alpha=krippendorff_alpha(ratings, pictures),
        pictures_rated_twice=int((np.unique(pictures, return_counts=True)[1] >= 2).sum()),
    )
