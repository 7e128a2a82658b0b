"""Small stimulus sets in the form of mturk/make_stimuli.py, and participants who answer."""

import csv
import itertools
import json
from pathlib import Path

import numpy as np
from PIL import Image

LEVELS = ("person", "continuum", "percent")
SIZE = 16  # pixels


def write_set(folder: Path, task: str, **levels) -> Path:
    """A folder with one picture for every combination of levels, and a design with this task.

    A continuum of `percent` steps, or people by `yaw`, as the levels say.
    """
    (folder / "pictures").mkdir(parents=True)
    names = [*LEVELS, *(name for name in levels if name not in LEVELS)]
    rows = []
    for number, values in enumerate(itertools.product(*levels.values())):
        row = dict.fromkeys(names, "") | dict(zip(levels, map(str, values), strict=True))
        row["person"] = row["person"] or "ada"
        row["file"] = f"pictures/{number:03d}.png"
        pixels = np.full((SIZE, SIZE, 3), 40, np.uint8)
        pixels[: 1 + number % 15, : 1 + number // 15] = 200
        Image.fromarray(pixels).save(folder / row["file"])
        rows.append(
            {"file": row["file"], **{name: row[name] for name in names}, "face_luminance": 1}
        )
    with (folder / "stimuli.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    (folder / "design.toml").write_text(task)
    return folder


def task_trial(study, number, question, answer, *, turn=0, **changes):
    """An answer as the page records it: `answer` is in the order of the question."""
    count = len(question.pictures)
    movable = {"abx": 2, "odd_one_out": 3}.get(study, count)
    order = [(k + turn) % movable if k < movable else k for k in range(count)]
    places = [*order, *range(count, 3)]
    shown = [question.pictures[k] if k < count else None for k in places]
    answers = study in ("abx", "odd_one_out")
    put = (lambda value: order.index(value - 1) + 1) if answers else (lambda value: value)
    return {
        "trial": number,
        **{f"picture{k + 1}": file for k, file in enumerate(shown)},
        "order": "".join(str(k + 1) for k in order),
        "group": question.group,
        "level": question.level,
        "scale": question.scale,
        "list": None,
        "answer": put(answer),
        "ms": 800,
        "check": False,
        "expected": None if question.expected is None else put(question.expected),
        **changes,
    }


def write_task_result(folder: Path, study: str, participant: str, trials: list[dict], **changes):
    """The JSON that the page would download."""
    folder.mkdir(exist_ok=True)
    result = {
        "format": "gif-study-result",
        "version": 1,
        "study": study,
        "study_id": f"{study}-toy",
        "participant": participant,
        "prolific_pid": None,
        "seed": 3,
        "complete": True,
        "trials": trials,
        **changes,
    }
    (folder / f"result-{participant}.json").write_text(json.dumps(result))


def simulate(folder: Path, study: str, questions, rule, *, people=30, each=40, seed=0) -> Path:
    """Answers of participants: `rule(question, rng)` says what one answers, in question order."""
    rng = np.random.default_rng(seed)
    for person in range(people):
        asked = rng.permutation(len(questions))[:each].tolist()
        trials = [
            task_trial(
                study,
                k + 1,
                questions[n],
                rule(questions[n], rng),
                turn=int(rng.integers(6)),
            )
            for k, n in enumerate(asked)
        ]
        write_task_result(folder, study, f"p{person}", trials)
    return folder
