"""Faces that participants set by sliders: their result files, and what they say per factor.

Needs no torch.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from constants import FLAME_SLICES, PARAM_DIM
from my_utils.errors import UserError
from my_utils.files.atomic import atomic_path
from my_utils.study.result_files import json_result, result_files, result_text
from my_utils.study.statistics import mean_interval, sign_flip_test
from my_utils.study.trial import check_value
from my_utils.untrusted.text import shown


@dataclass(frozen=True)
class Adjustment:
    """One face that a participant has set."""

    participant: str
    task: str
    word: str | None  # None: there was a picture to match
    is_repeat: bool
    values: Mapping[str, float]  # by slider
    target: Mapping[str, float] | None  # what the picture had; None for a word
    vector: tuple[float, ...]  # the 236 parameters
    style_seed: int


def read_adjustments(paths: Sequence[Path]) -> list[Adjustment]:
    """Every face in the result files (JSON) of the page, and of folders of them.

    Raises:
        UserError: a file is damaged or of another study, or one participant left two results.
    """
    found: list[Adjustment] = []
    seen: dict[str, Path] = {}
    for path in result_files(paths):
        result = json_result(path, result_text(path))
        if result.get("study") != "adjust":
            raise UserError(
                f"{path} is of the study {shown(result.get('study'))!r}, not of --adjust"
            )
        participant = result.get("participant")
        participant = result.get("participant")
        check_value("participant", str, participant, str(path))
        assert isinstance(participant, str)  # it is checked
        if participant in seen:
            raise UserError(f"{path} and {seen[participant]} are of the same participant: keep one")
        seen[participant] = path
        found += _adjustments(result["trials"], participant, path)
    if not found:
        raise UserError("no face has been set in these results")
    return found


def _adjustments(trials: list[dict], participant: str, path: Path) -> Iterator[Adjustment]:
    for number, trial in enumerate(trials, start=1):
        where = f"{path}, trial {number}"
        check_value("name", str, trial.get("name"), where)
        values = _numbers(trial.get("values"), where)
        target = None if trial.get("target") is None else _numbers(trial["target"], where)
        vector = trial.get("vector")
        if (
            not isinstance(vector, list)
            or len(vector) != PARAM_DIM
            or not all(map(_is_number, vector))
        ):
            raise UserError(f"{where}: vector is not {PARAM_DIM} numbers")
        if target is not None and target.keys() != values.keys():
            raise UserError(f"{where}: target and values are of different sliders")
        yield Adjustment(
            participant,
            trial["name"],
            trial.get("word"),
            trial.get("check") == "repeat",
            values,
            target,
            tuple(vector),
            int(trial.get("style_seed") or 0),
        )


def _numbers(values: object, where: str) -> dict[str, float]:
    if not isinstance(values, dict) or not values or not all(map(_is_number, values.values())):
        raise UserError(f"{where}: the values of its sliders are missing or no numbers")
    return {str(name): float(value) for name, value in values.items()}


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]


@dataclass(frozen=True)
class FactorSummary:
    """How one slider was set in one task; in its unit. NaN: too few participants, or no target."""

    task: str
    word: str | None
    factor: str
    faces: int
    participants: int
    mean: float
    interval: tuple[float, float]  # of the mean, over participants
    spread: float  # standard deviation between the means of participants
    repeat_error: float  # standard deviation within participants, from faces set twice
    error: float  # mean of set - target
    error_interval: tuple[float, float]
    error_p: float  # of no error, by sign flips of participants
    absolute_error: float  # mean of |set - target|


def summarize_adjustments(adjustments: Sequence[Adjustment]) -> list[FactorSummary]:
    """One row for each task and slider, in the order of their first appearance."""
    groups: dict[tuple[str, str], list[Adjustment]] = {}
    for adjustment in adjustments:
        for factor in adjustment.values:
            groups.setdefault((adjustment.task, factor), []).append(adjustment)
    return [_summary(task, factor, group) for (task, factor), group in sorted(groups.items())]


def _summary(task: str, factor: str, group: Sequence[Adjustment]) -> FactorSummary:
    values = np.array([one.values[factor] for one in group])
    participants = np.array([one.participant for one in group])
    names, index = np.unique(participants, return_inverse=True)
    means = np.bincount(index, weights=values) / np.bincount(index)
    errors = np.array([one.values[factor] - one.target[factor] for one in group if one.target])
    has_target = len(errors) == len(values)
    nothing = (math.nan, math.nan)
    return FactorSummary(
        task=task,
        word=group[0].word,
        factor=factor,
        faces=len(values),
        participants=len(names),
        mean=float(values.mean()),
        interval=mean_interval(values, participants),
        spread=float(means.std(ddof=1)) if len(names) > 1 else math.nan,
        repeat_error=_within(values, index, np.bincount(index)),
        error=float(errors.mean()) if has_target else math.nan,
        error_interval=mean_interval(errors, participants) if has_target else nothing,
        error_p=sign_flip_test(errors, participants) if has_target else math.nan,
        absolute_error=float(np.abs(errors).mean()) if has_target else math.nan,
    )


def _within(values: np.ndarray, index: np.ndarray, counts: np.ndarray) -> float:
    """The pooled standard deviation within participants; NaN where nobody set a face twice."""
    freedom = int((counts - 1).sum())
    if freedom == 0:
        return math.nan
    means = np.bincount(index, weights=values) / counts
    return float(np.sqrt(np.square(values - means[index]).sum() / freedom))


def save_mean_faces(path: Path, adjustments: Sequence[Adjustment]) -> list[str]:
    """Write the mean of the faces of each task as a params.npz; returns the tasks of its rows."""
    tasks = sorted({one.task for one in adjustments})
    means, seeds = [], []
    for task in tasks:
        group = [one for one in adjustments if one.task == task]
        means.append(np.mean([one.vector for one in group], axis=0))
        seeds.append(group[0].style_seed)
    vectors = np.array(means, np.float32)
    fields: dict[str, Any] = {name: vectors[:, part] for name, part in FLAME_SLICES.items()}
    fields["lighting"] = fields["lighting"].reshape(-1, 9, 3)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, seeds=np.array(seeds, np.int64), **fields)
    return tasks
