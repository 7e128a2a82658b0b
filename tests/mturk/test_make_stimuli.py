"""The script that makes stimulus sets, and a whole experiment from a design to its numbers."""

import json
import re
import shutil

import numpy as np
import pytest

from my_utils.errors import UserError
from my_utils.study.task_results import read_task_results
from my_utils.study.task_summary import curves
from tests.support.browser import open_browser
from tests.support.participant import Participant
from tests.support.toy_stimuli import write_task_result
from tests.support.toy_study import MTURK, call_script

DESIGNS = sorted((MTURK / "designs").glob("*.toml"))
CONTINUUM = """
[[people]]
seeds = "1-2"
[[continua]]
from = "seed1"
to = "seed2"
steps = 11
[task]
kind = "abx"
ends = true
"""


@pytest.fixture
def make(monkeypatch, resources, tmp_path):
    """Make a set by the script, with the untrained generator; the folder of the set."""

    def call(design, *words):
        place = ("--resources", resources, "--run_id", "29")
        outdir = () if design.is_dir() else ("--outdir", tmp_path / "set")
        call_script(monkeypatch, "make_stimuli", design, *place, *outdir, *words)
        return tmp_path / "set"

    return call


def write_design(folder, text):
    path = folder / "design.toml"
    path.write_text(text)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("design", DESIGNS, ids=lambda path: path.stem)
def test_every_example_is_made(make, design):
    folder = make(design)
    for file in ("stimuli.csv", "contact_sheet.png", "diagnostics.pdf", "lists"):
        assert (folder / file).stat().st_size


def test_a_set_is_made_and_repeated_in_its_folder(make, tmp_path, capsys):
    folder = make(write_design(tmp_path, "[[people]]\nseed = 1\n[factors]\nyaw = [0, 10]\n"))
    assert "2 pictures (2 drawn now)" in capsys.readouterr().out
    before = (folder / "stimuli.csv").read_bytes()
    shutil.rmtree(folder / "pictures")
    make(folder)
    assert "2 pictures (0 drawn now)" in capsys.readouterr().out
    assert (folder / "stimuli.csv").read_bytes() == before
    assert len(list((folder / "pictures").iterdir())) == 2


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ('[[people]]\nseeds = "0-2000"\n', r"line 1: 2001 pictures are many: .* --yes"),
        (
            "[[people]]\nseed = 1\n[factors]\nyaw = { from = -30, to = 30, steps = 1000 }\n"
            "roll = [0, 1, 2]\n",
            r"line 3: 3000 pictures",
        ),
        ("[[people]]\nrow = 5000\n", r"line 1: row 5000: the data set has the rows 0 to 15"),
        (
            '[[people]]\nseed = 1\n[task]\nkind = "abx"\nabout = "age"\n',
            r"line 5: there is no",
        ),
    ],
)
def test_bad_designs_draw_nothing(make, tmp_path, text, phrase):
    with pytest.raises(UserError, match=phrase):
        make(write_design(tmp_path, text))
    assert not list(tmp_path.rglob("*.png"))


def test_a_missing_design_is_named(make, tmp_path):
    with pytest.raises(UserError, match=r"there is no design .*no\.toml"):
        make(tmp_path / "no.toml")


@pytest.mark.slow
def test_a_whole_experiment_gives_the_right_answer(make, monkeypatch, tmp_path):
    """Forty participants, two of them at the page, tell the ends of a continuum apart at 60 %."""
    folder = make(write_design(tmp_path, CONTINUUM))
    call_script(monkeypatch, "study_page", folder, "--trials", "11", "--attention", "2")
    rng = np.random.default_rng(5)

    def answer(trial):
        if trial["check"]:
            return trial["expected"]
        share = 0.02 + 0.96 / (1 + np.exp(-(trial["level"] - 60) / 8))
        return trial["order"].index("2" if rng.random() < share else "1") + 1

    page, results = folder / "study_page", tmp_path / "results"
    results.mkdir()
    with open_browser(tmp_path) as driver:
        for name, by_touch in (("one", True), ("two", False)):
            person = Participant(driver, page, f"?participant={name}")
            person.agree()
            person.begin()
            for number in range(13):
                given = answer(person.read(f"state.trials[{number}]"))
                person.touch(given) if by_touch else person.press(str(given))
            result = person.read("result()")
            (results / f"result-{name}.json").write_text(json.dumps(result))
        plans = person.read("Array.from({length: 38}, (_, seed) => planTrials(seed))")
    for number, plan in enumerate(plans):
        trials = [{**trial, "answer": answer(trial), "ms": 700} for trial in plan]
        write_task_result(results, "abx", f"p{number}", trials, study_id=result["study_id"])
    call_script(monkeypatch, "plot_task_results", results, "--outdir", tmp_path / "analysis")
    summary = (tmp_path / "analysis" / "summary.md").read_text()
    low, high = map(float, re.search(r"(\d+\.\d+) to (\d+\.\d+)", summary).groups())
    assert low < 60 < high and high - low < 10
    answers = [one for one in read_task_results([results]) if not one.check]
    (curve,) = curves(answers)
    assert curve.answers.tolist() == [40] * 11
    assert json.loads((folder / "lists" / "jspsych_timeline.json").read_text())
