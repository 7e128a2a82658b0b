"""Tasks of the method of adjustment, and what the analysis says of faces that were set."""

import json

import numpy as np
import pytest

from my_utils.errors import UserError
from my_utils.faces.params_file import load_params
from my_utils.study.adjustment_report import adjustment_figure, adjustment_table
from my_utils.study.adjustment_tasks import read_adjustment_tasks
from my_utils.study.adjustments import (
    read_adjustments,
    save_mean_faces,
    summarize_adjustments,
)

HEADER = "name,word,params,row,factors\n"


def trial(name, value, *, target=1.0, check=False):
    vector = [0.0] * 236
    vector[0] = value
    return {
        "name": name,
        "word": None if target is not None else "kind",
        "check": check,
        "values": {"Jaw": value},
        "target": None if target is None else {"Jaw": target},
        "vector": vector,
        "style_seed": 4,
    }


def write_result(folder, participant, trials, changes=None):
    result = {
        "format": "gif-study-result",
        "version": 1,
        "study": "adjust",
        "participant": participant,
        "trials": trials,
        **(changes or {}),
    }
    (folder / f"result-{participant}.json").write_text(json.dumps(result))


@pytest.fixture
def results(tmp_path):
    """Two participants who set one face twice, and one word once."""
    for name, (first, second, kind) in {"A": (1, 3, 5.0), "B": (2, 2, 7.0)}.items():
        trials = [
            trial("jaw", first),
            trial("jaw", second, check="repeat"),
            trial("kind", kind, target=None),
        ]
        write_result(tmp_path, name, trials)
    return tmp_path


def test_mean_spread_and_error_are_over_participants(results):
    jaw, kind = summarize_adjustments(read_adjustments([results]))
    assert (jaw.task, jaw.faces, jaw.participants, jaw.mean) == ("jaw", 4, 2, 2.0)
    assert jaw.spread == 0  # both mean 2
    assert jaw.repeat_error == pytest.approx(1.0)  # A: 1 and 3, B: 2 and 2, two degrees of freedom
    assert jaw.error == 1.0 and jaw.absolute_error == 1.0
    assert kind.spread == pytest.approx(np.std([5, 7], ddof=1)) and kind.word == "kind"
    assert np.isnan(kind.error) and np.isnan(kind.repeat_error)
    table = adjustment_table([jaw, kind])
    assert table.count("\n") == 3 and "kind (kind)" in table
    assert adjustment_figure([jaw, kind]).axes


def test_the_mean_face_can_be_drawn(results, tmp_path):
    path = tmp_path / "new" / "params.npz"
    assert save_mean_faces(path, read_adjustments([results])) == ["jaw", "kind"]
    params, seeds = load_params(path)
    assert seeds == [4, 4] and params.shape[:, 0].tolist() == [2.0, 6.0]


@pytest.mark.parametrize(
    ("changes", "phrase"),
    [
        ({"study": "likert"}, "of the study 'likert'"),
        ({"participant": None}, "participant is None"),
        ({"trials": [trial("jaw", 1) | {"vector": [1]}]}, "vector is not 236 numbers"),
        ({"trials": [trial("jaw", 1) | {"values": {"Jaw": "1"}}]}, "no numbers"),
        ({"trials": [trial("jaw", 1) | {"target": {"Yaw": 1}}]}, "different sliders"),
        ({"trials": []}, "no face has been set"),
    ],
)
def test_results_that_cannot_be_meant_are_refused(tmp_path, changes, phrase):
    write_result(tmp_path, "A", [trial("jaw", 1)], changes)
    with pytest.raises(UserError, match=phrase):
        read_adjustments([tmp_path])


def test_two_results_of_a_participant_are_refused(results, tmp_path):
    path = results / "copy.json"
    path.write_text((results / "result-A.json").read_text())
    with pytest.raises(UserError, match="of the same participant"):
        read_adjustments([results])


def test_tasks_are_read_with_their_files_beside_them(tmp_path):
    path = tmp_path / "tasks.csv"
    path.write_text(HEADER + "a,,faces/params.npz,2,Jaw; Head yaw\nb,kind,,,Jaw\n")
    first, second = read_adjustment_tasks(path, ["Jaw", "Head yaw"])
    assert first.params == tmp_path / "faces" / "params.npz" and first.row == 2
    assert first.factors == ("Jaw", "Head yaw") and first.word is None
    assert (second.word, second.params, second.row) == ("kind", None, 0)


@pytest.mark.parametrize(
    ("lines", "phrase"),
    [
        ("name,word\na,b\n", "the first line must be name,word,params"),
        (HEADER + "a,kind,,,Nose\n", "there is no slider 'Nose', only Jaw"),
        (HEADER + "a,,,,Jaw\n", "needs a word, or the params.npz"),
        (HEADER + ",kind,,,Jaw\n", "needs a name"),
        (HEADER + "a,kind,,-1,Jaw\n", "not a number of at least 0"),
        (HEADER + "a,kind,,,Jaw\na,calm,,,Jaw\n", "names two tasks 'a'"),
    ],
)
def test_tasks_that_cannot_be_meant_are_refused(tmp_path, lines, phrase):
    path = tmp_path / "tasks.csv"
    path.write_text(lines)
    with pytest.raises(UserError, match=phrase):
        read_adjustment_tasks(path, ["Jaw"])
