"""The analysis of both studies, from result files to numbers, figures and summary."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from my_utils.errors import UserError
from my_utils.files.figures import save_figure
from my_utils.study.figures import histogram_figure, preference_figure, style_figure
from my_utils.study.report import comparison_table, rating_notes
from my_utils.study.results import read_results
from my_utils.study.screening import screen
from my_utils.study.statistics import holm
from my_utils.study.summary import compare_models, rate_styles
from my_utils.study.trial import ABLATIONS
from tests.support.study_sessions import (
    likert_trial,
    pairwise_trial,
    session,
    simulate_pairwise,
    write_session,
)

ROOT = Path(__file__).resolve().parents[2]
ONE_THREAD = os.environ | {"OMP_NUM_THREADS": "1"}


def run(script, *words, folder):
    command = [sys.executable, str(ROOT / "mturk" / script), *map(str, words)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=ONE_THREAD)


@pytest.fixture(scope="module")
def published(data):
    return json.loads((data / "mturk" / "expected.json").read_text())


def pairwise_files(data):
    return sorted((data / "mturk").glob("full_model_VS_*.csv"))


def test_the_published_accuracies_are_reproduced(data, published):
    comparisons = compare_models(read_results(pairwise_files(data), "pairwise"), "full_model")
    assert [row.model for row in comparisons] == ABLATIONS
    table = comparison_table(comparisons, "full_model").splitlines()[2:]
    for row, line in zip(comparisons, table, strict=True):
        expected = published["pairwise"][row.model]
        assert row.preference.chosen == expected["chosen_full_model"]
        assert row.preference.rate == expected["fraction_of_rows"]
        assert float(line.split("|")[-2]) == expected["value_reported_by_the_published_script"]
    p_values = [row.preference.p_value for row in comparisons]
    assert [row.p_holm for row in comparisons] == holm(p_values).tolist()


def test_the_published_ratings_are_reproduced(data, published):
    rated = rate_styles(read_results([data / "mturk" / "likert_results.csv"], "likert"))
    expected = published["likert"]
    more = expected["extra_not_in_published_script"]
    for style, row in rated.styles.items():
        assert row.mode == expected["per_id_mode"][str(style)]
        assert sum(row.counts) == expected["per_id_count"][str(style)]
        assert row.median == expected["per_id_median"][str(style)]
        assert row.mean == more["per_id_mean"][str(style)]
    assert len(rated.styles) == len(expected["per_id_mode"])
    assert rated.mean_of_modes == expected["mean_of_modes_reported_as_total_mean"]
    assert list(rated.overall.counts) == more["histogram_1_to_5"]
    assert rated.overall.mean == more["overall_mean"]


def test_simulated_participants_show_their_preference(tmp_path):
    chosen = simulate_pairwise(tmp_path, participants=200, trials=10, preference=0.65, seed=1)
    screening = screen(read_results([tmp_path], "pairwise"), 1 / 3)
    (row,) = compare_models(screening.trials, "full_model")
    found = row.preference
    assert (found.chosen, found.trials, found.participants) == (chosen.sum(), 2000, 200)
    assert found.by_participants[0] < 0.65 < found.by_participants[1]
    (mirrored,) = compare_models(screening.trials, "vector_cond")
    assert mirrored.preference.chosen == 2000 - chosen.sum()


def attention(answers):
    """Four checks that expect option 1."""
    return [
        pairwise_trial(
            100 + number, full_first=True, full_chosen=answer == 1, check="attention", expected=1
        )
        for number, answer in enumerate(answers)
    ]


def test_careless_participants_and_checks_are_left_out(tmp_path):
    question = pairwise_trial(0, full_first=True, full_chosen=True)
    again = pairwise_trial(0, full_first=False, full_chosen=True, check="repeat")
    people = {"good": (1, 1, 1, 2), "careless": (1, 2, 1, 2)}
    for name, answers in people.items():
        trials = [question, *attention(answers), again]
        write_session(tmp_path, session("pairwise", name, trials, complete=name == "good"))
    screening = screen(read_results([tmp_path], "pairwise"), 1 / 3)
    assert screening.excluded == ["careless"]
    assert [(trial.participant, trial.check) for trial in screening.trials] == [("good", None)]
    notes = " ".join(screening.notes)
    assert "Participants: 2. Unfinished: 1" in notes and "checks: 8. Wrong: 3" in notes
    assert "more than 33.3%" in notes and "Repeated questions: 2. Answered as before: 2" in notes
    assert "careless" not in notes  # a summary is published, names of participants are not
    assert not screen(read_results([tmp_path], "pairwise"), 0.5).excluded
    with pytest.raises(UserError, match="no answers to analyse"):
        screen(read_results([tmp_path], "pairwise"), 0)
    with pytest.raises(UserError, match="33 is no share"):
        screen(read_results([tmp_path], "pairwise"), 33)


def test_a_rating_may_be_one_step_off_its_check(tmp_path):
    trials = [likert_trial(0, style=0, answer=3)]
    for number, answer in enumerate((5, 4, 3)):
        check = {"check": "attention", "expected": 5}
        trials.append(likert_trial(1 + number, style=0, answer=answer, **check))
    path = write_session(tmp_path, session("likert", "p", trials))
    notes = screen(read_results([path], "likert"), 1 / 3).notes
    assert any("checks: 3. Wrong: 1" in note for note in notes)


def test_dependent_answers_are_called_so(tmp_path):
    trials = [pairwise_trial(n, full_first=True, full_chosen=True) for n in range(3)]
    write_session(tmp_path, session("pairwise", "a", trials))
    write_session(tmp_path, session("pairwise", "b", trials))
    screening = screen(read_results([tmp_path], "pairwise"), 1 / 3)
    assert "6 answers from 2 participants, 3.0 each" in screening.notes[-1]
    (tmp_path / "result-b.json").unlink()
    (row,) = compare_models(read_results([tmp_path], "pairwise"), "full_model")
    assert "not defined" in comparison_table([row], "full_model")  # one participant has no interval


def test_models_without_the_reference_are_refused(tmp_path):
    trial = pairwise_trial(0, full_first=True, full_chosen=True)
    path = write_session(tmp_path, session("pairwise", "p", [trial]))
    with pytest.raises(UserError, match="neither is 'run0'; choose with --reference"):
        compare_models(read_results([path], "pairwise"), "run0")


def test_agreement_counts_the_pictures_rated_twice(tmp_path):
    for name, shift in (("a", 0), ("b", 0), ("c", 1)):
        trials = [likert_trial(n, style=n % 2, answer=1 + n % 3 + shift) for n in range(6)]
        write_session(tmp_path, session("likert", name, trials))
    rated = rate_styles(read_results([tmp_path], "likert"))
    assert rated.pictures_rated_twice == 6
    assert 0 < rated.alpha < 1
    assert any(f"{rated.alpha:.3f}" in note for note in rating_notes(rated))


def inked(path):
    """Whether anything touches the border of a picture, so that it may be cut off."""
    image = np.array(Image.open(path).convert("L"))
    return min(image[0].min(), image[-1].min(), image[:, 0].min(), image[:, -1].min()) < 255


def test_a_preference_figure_is_whole(data, tmp_path):
    comparisons = compare_models(read_results(pairwise_files(data), "pairwise"), "full_model")
    save_figure(preference_figure(comparisons, "full_model"), tmp_path / "a.png")
    assert not inked(tmp_path / "a.png")


def test_figures_of_one_answer_are_whole(tmp_path):
    trial = likert_trial(0, style=12, answer=3)
    path = write_session(tmp_path, session("likert", "p", [trial]))
    rated = rate_styles(read_results([path], "likert"))
    for name, figure in {"a": style_figure(rated), "b": histogram_figure(rated)}.items():
        save_figure(figure, tmp_path / f"{name}.png")
        assert not inked(tmp_path / f"{name}.png")


def test_figures_show_any_name_as_it_is(tmp_path):
    name = "$x_{$" + "long" * 20
    trial = pairwise_trial(0, full_first=True, full_chosen=True, ablation=name)
    path = write_session(tmp_path, session("pairwise", "p", [trial]))
    comparisons = compare_models(read_results([path], "pairwise"), "full_model")
    save_figure(preference_figure(comparisons, "full_model"), tmp_path / "figure.png")
    assert not inked(tmp_path / "figure.png")


def test_pairwise_script(data, tmp_path):
    done = run("plot_results.py", *pairwise_files(data), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    outdir = tmp_path / "pairwise_analysis"
    assert {path.name for path in outdir.iterdir()} == {
        *("preference.pdf", "preference.png", "summary.md")
    }
    assert "vector_cond: 34 of 40 prefer full_model" in done.stdout
    assert (
        "| vector_cond | 40 | 34 | 85.0% | 70.9% to 92.9% |" in (outdir / "summary.md").read_text()
    )

    done = run("plot_results.py", data / "mturk" / "likert_results.csv", folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "plot_histogram_results.py" in done.stderr


def test_likert_script(data, tmp_path):
    path = data / "mturk" / "likert_results.csv"
    done = run("plot_histogram_results.py", path, "--outdir", "out", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    names = {path.name for path in (tmp_path / "out").iterdir()}
    figures = {f"{name}.{kind}" for name in ("styles", "histograms") for kind in ("pdf", "png")}
    assert names == {*figures, "summary.md"}
    assert "mean of the modes: 3.8" in done.stdout
    assert not any(inked(path) for path in (tmp_path / "out").glob("*.png"))

    done = run("plot_histogram_results.py", "absent.csv", folder=tmp_path)
    assert (done.returncode, done.stderr) == (2, "error: absent.csv: No such file or directory\n")


def test_conversion_script(data, tmp_path):
    path = data / "mturk" / "likert_results.csv"
    words = ("--study", "likert", "--to", "page", "--out", "page.csv")
    done = run("convert_results.py", path, *words, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    converted = read_results([tmp_path / "page.csv"], "likert")
    assert converted == read_results([path], "likert")


def test_power_script(tmp_path):
    done = run("power.py", "--each", "10", "--correlation", "0", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "| 60% | 210 | 290 | 29 |" in done.stdout and "| 0.5 | 63 | 7 |" in done.stdout
    for words in (("--power", "1"), ("--deviation", "inf"), ("--correlation", "nan")):
        done = run("power.py", *words, folder=tmp_path)
        assert done.returncode == 2 and f"argument {words[0]}: '{words[1]}' is not" in done.stderr


def test_the_analysis_needs_no_torch():
    code = "import my_utils.study.figures, my_utils.study.report, my_utils.study.results, sys; "
    code += "assert not {'torch', 'pandas', 'matplotlib.pyplot'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
