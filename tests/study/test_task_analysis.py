"""Simulated participants: the analysis finds again what was put in."""

import csv
import json

import numpy as np
import pytest
from scipy.spatial import procrustes
from scipy.spatial.distance import pdist, squareform

from my_utils.errors import UserError
from my_utils.study import psychometric
from my_utils.study.presentation import Scale, Task
from my_utils.study.psychometric import Curve, fit_curve
from my_utils.study.scaling import classical_scaling, scale_dissimilarities
from my_utils.study.signal_detection import (
    abx_correct,
    d_prime_of_correct,
    oddity_correct,
    sensitivity,
)
from my_utils.study.stimuli_table import read_stimuli
from my_utils.study.task_questions import task_questions
from my_utils.study.task_results import COLUMNS, read_task_results
from my_utils.study.task_summary import agreement, curves, detect, map_pictures, rate_pictures
from tests.support.toy_stimuli import simulate, task_trial, write_set, write_task_result

STEPS = dict(person=["ada"], continuum=["path"], percent=[0, 20, 40, 60, 80, 100])
MANY_STEPS = dict(person=["ada"], continuum=["path", "road"], percent=range(0, 101, 10))


@pytest.fixture
def questions(tmp_path):
    def call(task, **levels):
        return task_questions(read_stimuli(write_set(tmp_path / "set", "", **levels)), task)

    return call


def inside(value, interval):
    return interval[0] <= value <= interval[1]


# --- the formulas ---------------------------------------------------------------------------------


def test_sensitivity_of_known_rates():
    # Macmillan & Creelman: H = 0.84, F = 0.16 give d' = 2 and no bias.
    found = sensitivity(8400, 10000, 1600, 10000)
    assert found.d_prime == pytest.approx(1.99, abs=0.01)
    assert found.criterion == pytest.approx(0, abs=1e-3)
    assert sensitivity(500, 1000, 100, 1000).criterion > 0  # "different" is said rarely
    assert np.isfinite(sensitivity(10, 10, 0, 10).d_prime)


@pytest.mark.parametrize("d_prime", [0.0, 0.7, 1.5, 3.0])
def test_models_of_forced_choice_agree_with_simulated_observers(d_prime):
    rng = np.random.default_rng(1)
    a, b, alike, other = rng.normal(size=(4, 200_000))
    x, odd = alike, other + d_prime
    # Odd one out: the smallest of three differences is between the two alike.
    right = (abs(a - b) < abs(a - odd)) & (abs(a - b) < abs(b - odd))
    assert oddity_correct(d_prime) == pytest.approx(right.mean(), abs=0.005)
    # ABX: A or B is the stronger one, and X is classed by itself, at half the distance.
    order = (b + d_prime) > a
    strong = x > d_prime / 2
    assert abx_correct(d_prime) == pytest.approx(1 - (order == strong).mean(), abs=0.005)
    for task, correct in (("abx", abx_correct), ("odd_one_out", oddity_correct)):
        back = d_prime_of_correct(1e6 * correct(d_prime), 1e6, task)
        assert back == pytest.approx(d_prime, abs=0.02)


@pytest.mark.parametrize("guess", [None, 0.5])
def test_a_curve_is_found_again(guess):
    true = Curve(42.0, 9.0, 0.03 if guess is None else guess, 0.02)
    levels = np.arange(0, 101, 10.0)
    trials = np.full(11, 4000.0)
    found = fit_curve(levels, np.round(trials * true(levels)), trials, guess=guess)
    assert found == pytest.approx(true, rel=0.03, abs=0.003)


def test_a_falling_curve_is_found_too():
    true = Curve(60.0, -8.0, 0.02, 0.02)
    levels = np.arange(0, 101, 10.0)
    trials = np.full(11, 4000.0)
    found = fit_curve(levels, np.round(trials * true(levels)), trials, guess=None)
    assert found[:2] == pytest.approx(true[:2], rel=0.02)


def test_scaling_finds_places_from_distances():
    places = np.random.default_rng(3).normal(size=(9, 3))
    distances = squareform(pdist(places))
    assert squareform(pdist(classical_scaling(distances, 3))) == pytest.approx(distances)
    gaps = distances.copy()
    gaps[0, 5] = gaps[5, 0] = gaps[2, 7] = gaps[7, 2] = np.nan
    found = scale_dissimilarities(gaps, 3)
    assert found.stress < 1e-3
    assert squareform(pdist(found.places)) == pytest.approx(distances, abs=0.01)
    spread = np.cov(found.places.T)
    assert np.abs(spread - np.diag(np.diag(spread))).max() < 1e-6  # principal axes
    assert (np.diff(np.diag(spread)) < 0).all()
    assert scale_dissimilarities(distances, 1).stress > 0.1


# --- simulated participants -----------------------------------------------------------------------


def test_sensitivity_and_bias_are_found_again(questions, tmp_path):
    asked = questions(Task("same_different", distances=(1, 3)), **STEPS)
    strength, criterion = {0: 0.0, 20: 0.8, 60: 2.0}, 0.7

    def rule(question, rng):
        return 2 if rng.normal() + strength[question.level] > criterion else 1

    results = simulate(tmp_path / "r", "same_different", asked, rule, each=len(asked))
    near, far, together = detect(read_task_results([results]))
    assert (near.group, far.group, together.group) == ("20 apart", "60 apart", "all")
    for one, d_prime in ((near, 0.8), (far, 2.0)):
        assert inside(d_prime, one.d_prime_interval) and abs(one.d_prime - d_prime) < 0.5
        assert inside(criterion - d_prime / 2, one.criterion_interval)
    assert near.answers == 30 * 5 and near.participants == 30


@pytest.mark.parametrize(("study", "d_prime"), [("abx", 1.6), ("odd_one_out", 2.2)])
def test_sensitivity_of_forced_choice_is_found_again(questions, tmp_path, study, d_prime):
    asked = questions(Task(study, distances=(1,)), **STEPS)
    chance = {"abx": abx_correct, "odd_one_out": oddity_correct}[study](d_prime)

    def rule(question, rng):
        others = {"abx": [1, 2], "odd_one_out": [1, 2, 3]}[study]
        others.remove(question.expected)
        return question.expected if rng.random() < chance else int(rng.choice(others))

    results = simulate(tmp_path / "r", study, asked, rule, people=80)
    (found,) = detect(read_task_results([results]))
    assert inside(d_prime, found.d_prime_interval)
    assert found.share == pytest.approx(chance, abs=0.05) and found.criterion is None


def test_the_border_of_a_continuum_is_found_again(questions, tmp_path, monkeypatch):
    monkeypatch.setattr(psychometric, "RESAMPLES", 199)
    asked = questions(Task("abx", ends=True), **MANY_STEPS)
    true = {"path": Curve(35.0, 6.0, 0.02, 0.02), "road": Curve(65.0, 6.0, 0.02, 0.02)}

    def rule(question, rng):
        curve = true[question.group.removeprefix("ends ")]
        return 2 if rng.random() < curve(np.array(question.level)) else 1

    results = simulate(tmp_path / "r", "abx", asked, rule)
    trials = read_task_results([results])
    assert detect(trials) == []
    everything, path, road = curves(trials)
    assert (everything.name, path.name, road.name) == ("all", "path", "road")
    for one in (path, road):
        assert inside(true[one.name].threshold, one.fit.threshold)
        assert inside(true[one.name].width, one.fit.width)
        assert np.ptp(one.fit.threshold) < 12


def test_ratings_and_their_agreement_are_found_again(questions, tmp_path):
    scales = (Scale("kind", "no", "yes", 7), Scale("random", "no", "yes", 7))
    asked = questions(Task("rating", scales=scales), person=[f"p{k}" for k in range(8)])
    true = {question.pictures[0]: 1.5 + 0.7 * n for n, question in enumerate(asked[:8])}

    def rule(question, rng):
        mean = true[question.pictures[0]] + 0.7 * rng.normal()
        return int(np.clip(np.rint(mean), 1, 7)) if question.scale == 0 else int(rng.integers(1, 8))

    trials = read_task_results([simulate(tmp_path / "r", "rating", asked, rule)])
    rows = [row for row in rate_pictures(trials) if row.scale == 0]
    assert len(rows) == 8
    assert sum(inside(true[row.picture], row.interval) for row in rows) >= 6
    by_scale = [[trial for trial in trials if trial.scale == scale] for scale in (0, 1)]
    assert agreement(by_scale[0]) > 0.7 and abs(agreement(by_scale[1])) < 0.1


def test_a_map_is_found_again(questions, tmp_path):
    task = Task("dissimilarity", scales=(Scale("different", "no", "yes", 9),))
    asked = questions(task, person=[f"p{k}" for k in range(10)])
    files = sorted({file for question in asked for file in question.pictures})
    places = dict(zip(files, np.random.default_rng(4).uniform(-2.5, 2.5, (10, 2)), strict=True))

    def rule(question, rng):
        apart = np.linalg.norm(places[question.pictures[0]] - places[question.pictures[1]])
        return int(np.clip(np.rint(1 + apart + 0.7 * rng.normal()), 1, 9))

    trials = read_task_results([simulate(tmp_path / "r", "dissimilarity", asked, rule)])
    found = map_pictures(trials)
    true = np.array([places[file] for file in found.pictures])
    assert procrustes(true, found.maps[1].places)[2] < 0.01
    stress = [one.stress for one in found.maps]
    assert stress[0] > 0.15 and stress[1] < 0.06


# --- result files ---------------------------------------------------------------------------------


def test_answers_are_read_in_the_order_of_the_question(questions, tmp_path):
    asked = questions(Task("odd_one_out", distances=(1,)), **STEPS)
    trials = [task_trial("odd_one_out", turn + 1, asked[0], 1, turn=turn) for turn in range(3)]
    assert [trial["answer"] for trial in trials] == [1, 3, 2]
    write_task_result(tmp_path / "r", "odd_one_out", "p", trials)
    read = read_task_results([tmp_path / "r"])
    assert [trial.choice for trial in read] == [1, 1, 1]
    assert all(trial.right and trial.pictures == asked[0].pictures for trial in read)


def test_json_and_csv_of_one_participant_count_once(questions, tmp_path):
    asked = questions(Task("abx", distances=(2,)), **STEPS)
    trials = [task_trial("abx", k + 1, one, 2, turn=k) for k, one in enumerate(asked)]
    write_task_result(tmp_path / "r", "abx", "p", trials)
    result = json.loads((tmp_path / "r/result-p.json").read_text())
    with (tmp_path / "r/result-p.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
        table.writeheader()
        for trial in result.pop("trials"):
            row = {**result, **trial, "check": "false", "complete": "true"}
            table.writerow({key: "" if value is None else value for key, value in row.items()})
    read = read_task_results([tmp_path / "r"])
    assert len(read) == len(asked)
    assert read == read_task_results([tmp_path / "r/result-p.csv"])


@pytest.mark.parametrize(
    ("change", "phrase"),
    [
        ({"answer": 3}, "answer 3 is not from 1 to 2"),
        ({"answer": None}, "answer is None instead of a number"),
        ({"order": "113"}, "order 113 is none of 3 pictures"),
        ({"picture1": None}, "picture1 is None"),
        ({"level": "far"}, "level is 'far'"),
        ({"check": "attention", "expected": None}, "needs its expected answer"),
        ({"check": "test"}, "check test is none of"),
        ({"group": "=1"}, "begins like a formula"),
    ],
)
def test_damaged_answers_are_refused(questions, tmp_path, change, phrase):
    asked = questions(Task("abx", distances=(2,)), **STEPS)
    trial = task_trial("abx", 1, asked[0], 1) | change
    write_task_result(tmp_path / "r", "abx", "p", [trial])
    with pytest.raises(UserError, match=phrase):
        read_task_results([tmp_path / "r"])


def test_results_of_other_studies_are_refused(questions, tmp_path):
    asked = questions(Task("abx", distances=(2,)), **STEPS)
    trial = task_trial("abx", 1, asked[0], 1)
    write_task_result(tmp_path / "r", "likert", "p", [trial])
    with pytest.raises(UserError, match="plot_histogram_results"):
        read_task_results([tmp_path / "r"])
    write_task_result(tmp_path / "r", "abx", "p", [trial])
    other = task_trial("same_different", 1, asked[0], 1)
    other |= {"picture3": None, "order": "12"}
    write_task_result(tmp_path / "r", "same_different", "q", [other])
    with pytest.raises(UserError, match="is of the task same_different, others of abx"):
        read_task_results([tmp_path / "r"])
