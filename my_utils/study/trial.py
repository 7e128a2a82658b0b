"""One answer of the perceptual study, and what makes it valid."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Protocol

from my_utils.errors import UserError
from my_utils.untrusted.text import is_formula, shown

# The two studies, and the script that analyses each.
STUDIES = {"pairwise": "mturk/plot_results.py", "likert": "mturk/plot_histogram_results.py"}
RATINGS = ("Strongly disagree", "Disagree", "Neither agree nor disagree", "Agree", "Strongly agree")
MODEL_OF_RUN = {  # the published names, in the published order
    29: "full_model",
    24: "vector_cond",
    7: "flm_rndr_tex_interp",
    3: "norm_mp_tex_interp",
    8: "norm_map_rend_flm_no_tex_interp",
}
FULL_MODEL, *ABLATIONS = MODEL_OF_RUN.values()
CHECKS = ("attention", "repeat")
LARGEST_NUMBER = 10**18
LONGEST_TEXT = 1000  # characters


class Answer(Protocol):
    """What is known of every answer, to whatever was asked."""

    @property
    def participant(self) -> str: ...
    @property
    def complete(self) -> bool: ...
    @property
    def answer(self) -> int: ...
    @property
    def check(self) -> str | None: ...
    @property
    def expected(self) -> int | None: ...
    @property
    def tolerance(self) -> int: ...
    @property
    def question(self) -> Hashable: ...
    @property
    def choice(self) -> str | int | None: ...


@dataclass(frozen=True)
class Trial:
    """One answer; the fields are the columns of the study page's CSV.

    None stands where a field does not apply or is not known. `answer` is 1 or 2 (the option
    chosen) in the pairwise study, 1 to 5 (`RATINGS`) in the Likert study. `check` is None for a
    question that counts, "attention" for one whose answer is known (`expected`), "repeat" for one
    asked again.
    """

    study: str
    study_id: str
    participant: str
    prolific_pid: str | None
    seed: int | None
    complete: bool
    trial: int | None
    GT: str | None
    OPTION1: str | None
    OPTION2: str | None
    model1: str | None
    model2: str | None
    image_url: str | None
    style: int | None
    condition: int | None
    answer: int
    ms: int | None
    check: str | None
    expected: int | None

    @property
    def tolerance(self) -> int:
        """How far an answer to an attention check may be off: a rating by one step."""
        return 1 if self.study == "likert" else 0

    @property
    def question(self) -> frozenset[str]:
        """What was asked, whatever the sides: the pictures shown."""
        files = (self.GT, self.OPTION1, self.OPTION2, self.image_url)
        return frozenset(file for file in files if file is not None)

    @property
    def choice(self) -> str | int | None:
        """What was answered, whatever the sides: the chosen picture, or the rating."""
        if self.study == "likert":
            return self.answer
        return self.OPTION1 if self.answer == 1 else self.OPTION2


COLUMNS = tuple(field.name for field in fields(Trial))
NEEDED = {
    "pairwise": ("GT", "OPTION1", "OPTION2", "model1", "model2"),
    "likert": ("image_url", "style"),
}


def check_study(found: object, study: str, where: object) -> None:
    """Refuse answers of another study than the one to analyse."""
    if not isinstance(found, str) or found not in STUDIES:
        raise UserError(f"{where}: there is no study {_cited(found)}, only {' and '.join(STUDIES)}")
    if found != study:
        raise UserError(f"{where} is of the {found} study: analyse it with {STUDIES[found]}")


def valid_trial(values: Mapping[str, Any], study: str, where: str) -> Trial:
    """The answer with these values; what is missing or extra counts as None or nothing.

    Raises:
        UserError: a value is missing, of another kind or not allowed; the sentence begins with
            `where`.
    """
    check_study(values.get("study"), study, where)
    values = {name: values.get(name) for name in COLUMNS}
    needed = () if values["check"] == "attention" else NEEDED[study]
    for field in fields(Trial):
        value = values[field.name]
        if value is not None or field.type in (str, int, bool) or field.name in needed:
            check_value(field.name, field.type, value, where)
    trial = Trial(**values)
    answers = range(1, 3 if study == "pairwise" else len(RATINGS) + 1)
    if trial.answer not in answers:
        raise UserError(f"{where}: answer {trial.answer} is none of {list(answers)}")
    if trial.check not in (None, *CHECKS):
        raise UserError(
            f"{where}: check {_cited(trial.check)} is none of false, {', '.join(CHECKS)}"
        )
    if trial.check == "attention" and trial.expected not in answers:
        raise UserError(f"{where}: an attention check needs its expected answer")
    if not trial.check and study == "pairwise" and trial.model1 == trial.model2:
        raise UserError(
            f"{where}: OPTION1 and OPTION2 are both of the model {trial.model1!r}; if it is a "
            "check on Mechanical Turk, pass the key of the inputs too"
        )
    return trial


def check_value(name: str, kind: object, value: object, where: str) -> None:
    if kind is bool:
        if not isinstance(value, bool):
            raise UserError(f"{where}: {name} is {_cited(value)} instead of true or false")
    elif kind in (int, int | None):
        if type(value) is not int or not 0 <= value <= LARGEST_NUMBER:
            raise UserError(f"{where}: {name} is {_cited(value)} instead of a number of at least 0")
    elif not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise UserError(f"{where}: {name} is {_cited(value)} instead of one line of text")
    elif len(value) > LONGEST_TEXT:
        raise UserError(f"{where}: {name} is longer than {LONGEST_TEXT} characters")
    elif is_formula(value):
        raise UserError(
            f"{where}: {name} {_cited(value)} begins like a formula of a spreadsheet: mend it"
        )


def _cited(value: object) -> str:
    return shown(repr(value))
