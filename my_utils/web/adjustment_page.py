"""The study page on which participants set the sliders of a face: the method of adjustment.

Screens, names of participants and results are those of every study (my_utils/study); the faces are
drawn in the page, as payload packs them.
"""

from collections.abc import Sequence
from pathlib import Path

from my_utils.errors import UserError
from my_utils.faces.params_file import load_params
from my_utils.faces.sliders import SLIDERS
from my_utils.faces.synthesizer import FaceSynthesizer
from my_utils.files.atomic import atomic_path
from my_utils.study import page as study_page
from my_utils.study.adjustment_tasks import AdjustmentTask, read_adjustment_tasks
from my_utils.web.bundle import bundle
from my_utils.web.page import own_text, policy
from my_utils.web.payload import drawing_payload

NOT_ADJUSTED = ("Truncation",)
WORDS = {
    "title": "Set the face",
    "prompt": "Move the sliders until the right face looks like the left one.",
    "word_prompt": "Move the sliders until this face looks:",
    "keys": "A slider in focus follows the arrow keys. Done becomes free once you have moved one.",
}
INSTRUCTIONS = [
    "You will see a face with sliders below it. Each slider changes one thing about the face.",
    "Sometimes there is a second face to match, sometimes a word that says what the face should "
    "look like. Move the sliders, back and forth, until it gets no better. Then press Done.",
    "Every face begins somewhere else. There is no time limit.",
]


def write_adjustment_page(
    tasks_file: Path,
    synthesizer: FaceSynthesizer,
    outdir: Path | None = None,  # default: study_page beside the tasks
    *,
    head_licence: str | None,
    attribution: str | None,
    repeats: int = 0,  # tasks asked twice
    consent: Sequence[str] = (),  # paragraphs instead of the default ones, as are:
    instructions: Sequence[str] = (),
    post_url: str | None = None,  # where answers are sent at the end
    completion_code: str | None = None,  # shown at the end
) -> Path:
    """Write the page; returns its path.

    Raises:
        UserError: the tasks cannot be meant, or the page cannot be made, as `drawing_payload`.
    """
    study_page.check_address(post_url)
    names = [slider.name for folder in SLIDERS.values() for slider in folder]
    sliders = [name for name in names if name not in NOT_ADJUSTED]
    tasks = read_adjustment_tasks(tasks_file, sliders)
    payload = drawing_payload(synthesizer, head_licence=head_licence, attribution=attribution)
    study: dict = {
        "study": "adjust",
        "task": None,
        "questions": [_question(task, payload.settings["start"]) for task in tasks],
        "checks": [],
    }
    study |= study_page.numbers_of_questions(study, len(tasks), repeats)
    study["study_id"] = study_page.study_id(study)
    study |= {
        **WORDS,
        "consent": consent or study_page.default_consent(len(tasks) + repeats, post_url),
        "instructions": instructions or INSTRUCTIONS,
        "post_url": post_url,
        "completion_code": completion_code,
    }
    script = study_page.own_text("session.js") + bundle("adjust.js", runtime=payload.runtime)
    styles = (study_page.own_text("page.css"), own_text("sliders.css"), own_text("adjust.css"))
    style = "".join(styles)
    parts = {
        "policy": policy([script], style, receiver=study_page.receiver(study)),
        "style": style,
        "script": script,
        "payload": payload.html,
    }
    path = (outdir or tasks_file.parent / "study_page") / "index.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        temporary.write_text(study_page.fill_page(study, parts), encoding="utf-8")
    return path


def _question(task: AdjustmentTask, mean_face: list[float]) -> dict:
    """A task as the page reads it: with the numbers of its face."""
    question = {"name": task.name, "word": task.word, "factors": task.factors}
    if task.params is None:
        return {**question, "vector": mean_face, "style_seed": 0, "center_eyes": True}
    params, seeds = load_params(task.params)
    if task.row >= len(params):
        raise UserError(
            f"task {task.name!r}: {task.params} has no row {task.row}, only {len(params)}"
        )
    vector = params.to_vector()[task.row].tolist()
    return {**question, "vector": vector, "style_seed": seeds[task.row], "center_eyes": False}
