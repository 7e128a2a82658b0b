"""Who counts: answers to checks, and participants who failed them, are left out of the analysis."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from my_utils.cli import counted
from my_utils.errors import UserError
from my_utils.study.trial import Answer

Kind = TypeVar("Kind", bound=Answer)


@dataclass(frozen=True)
class Screening(Generic[Kind]):
    """The answers that count, and what was done to get them."""

    trials: list[Kind]  # no checks, no excluded participants
    excluded: list[str]  # participants
    notes: list[str]  # sentences that name no participant


def screen(trials: Sequence[Kind], max_wrong: float) -> Screening[Kind]:
    """Leave out checks, and participants with more than a share `max_wrong` of theirs wrong.

    Raises:
        UserError: nobody is left, or `max_wrong` is no share.
    """
    if not 0 <= max_wrong <= 1:
        raise UserError(f"--max_wrong {max_wrong:g} is no share: it must lie between 0 and 1")
    asked = Counter(trial.participant for trial in trials if trial.check == "attention")
    wrong = Counter(trial.participant for trial in trials if _is_wrong(trial))
    excluded = [name for name in asked if wrong[name] / asked[name] > max_wrong]
    out = set(excluded)
    kept = [trial for trial in trials if not trial.check and trial.participant not in out]
    if not kept:
        raise UserError(
            f"no answers to analyse: {len(trials)} read, checks included, and {len(excluded)} "
            "participants excluded for wrong attention checks"
        )
    everybody = {trial.participant for trial in trials}
    unfinished = everybody - {trial.participant for trial in trials if trial.complete}
    notes = [
        f"Participants: {len(everybody)}. Unfinished: {len(unfinished)}; their answers count.",
        f"Attention checks: {asked.total()}. Wrong: {wrong.total()} (a rating: more than one step "
        "off).",
        f"Excluded: {len(excluded)}. The rule: a participant with more than {max_wrong:.1%} of the "
        "attention checks wrong is left out with all answers.",
        *_repeat_notes(trials),
        _independence_note(kept),
    ]
    return Screening(kept, excluded, notes)


def _is_wrong(trial: Answer) -> bool:
    """Whether this is an attention check answered wrongly: a rating may be one step off."""
    if trial.check != "attention":
        return False
    assert trial.expected is not None  # as of every attention check
    return abs(trial.answer - trial.expected) > trial.tolerance


def _repeat_notes(trials: Sequence[Answer]) -> list[str]:
    first = {
        (trial.participant, trial.question): trial.choice for trial in trials if not trial.check
    }
    same = [
        trial.choice == first[trial.participant, trial.question]
        for trial in trials
        if trial.check == "repeat" and (trial.participant, trial.question) in first
    ]
    if not same:
        return []
    return [f"Repeated questions: {len(same)}. Answered as before: {sum(same)}."]


def _independence_note(kept: Sequence[Answer]) -> str:
    participants = len({trial.participant for trial in kept})
    if participants == len(kept):
        return (
            f"Analysed: {counted(len(kept), 'answer')}, one from each participant, so independent."
        )
    return (
        f"Analysed: {counted(len(kept), 'answer')} from {counted(participants, 'participant')}, "
        f"{len(kept) / participants:.1f} each. Answers of one participant are not independent: "
        "trust the numbers over participants, and the effective number of answers."
    )
