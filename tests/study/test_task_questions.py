"""The questions of tasks, their checks, and the lists that are handed over."""

import collections
import csv
import json

import pytest

from my_utils.errors import UserError
from my_utils.study.lists import latin_numbers, write_lists
from my_utils.study.presentation import TASKS, Scale, Task
from my_utils.study.stimuli_table import read_stimuli
from my_utils.study.task_questions import task_checks, task_questions
from tests.support.toy_stimuli import write_set

STEPS = dict(person=["ada"], continuum=["ada to ben"], percent=[0, 25, 50, 75, 100])
VIEWS = dict(person=["ada", "ben", "cleo"], yaw=[-20, 0, 20])


@pytest.fixture
def pictures(tmp_path):
    return lambda **levels: read_stimuli(write_set(tmp_path / "set", "", **levels))


def level(pictures, file, column):
    return next(picture.levels[column] for picture in pictures if picture.file == file)


def test_same_different_along_a_continuum(pictures):
    found = task_questions(pictures(**STEPS), Task("same_different", distances=(1, 2)))
    groups = collections.Counter(question.group for question in found)
    assert groups == {"25 apart": 4, "50 apart": 3, "same": 5}
    for question in found:
        same = question.pictures[0] == question.pictures[1]
        assert question.expected == (1 if same else 2)
        assert question.level == {"same": 0, "25 apart": 25, "50 apart": 50}[question.group]


def test_same_different_of_people_seen_from_two_sides(pictures):
    table = pictures(**VIEWS)
    found = task_questions(table, Task("same_different", about="person", across="yaw"))
    for question in found:
        people = [level(table, file, "person") for file in question.pictures]
        sides = [level(table, file, "yaw") for file in question.pictures]
        assert sides[0] != sides[1]
        assert question.expected == (1 if people[0] == people[1] else 2)
        assert question.group == ("same" if question.expected == 1 else " | ".join(people))
    counts = collections.Counter(question.expected for question in found)
    assert counts == {1: 3 * 6, 2: 3 * 6}


def test_abx_asks_both_answers_and_ends_all_steps(pictures):
    table = pictures(**STEPS)
    found = task_questions(table, Task("abx", distances=(2,)))
    assert len(found) == 2 * 3
    for question in found:
        assert question.pictures[2] == question.pictures[question.expected - 1]
    ends = task_questions(table, Task("abx", ends=True))
    assert [question.level for question in ends] == [0, 25, 50, 75, 100]
    both = ("pictures/000.png", "pictures/004.png")
    assert {question.pictures[:2] for question in ends} == {both}
    assert {question.expected for question in ends} == {None}


def test_odd_one_out_has_one_odd_picture(pictures):
    table = pictures(**VIEWS)
    found = task_questions(table, Task("odd_one_out", about="person"))
    for question in found:
        people = [level(table, file, "person") for file in question.pictures]
        assert people[0] != people[1] == people[2] and question.expected == 1
    assert len(found) == 3 * 2 * 3  # pairs of people, either odd, from three sides


def test_ratings_and_dissimilarities(pictures):
    table = pictures(**VIEWS)
    scales = (Scale("kind", "no", "yes", 7), Scale("old", "no", "yes", 5))
    assert len(task_questions(table, Task("rating", scales=scales))) == 9 * 2
    assert len(task_questions(table, Task("dissimilarity", scales=scales[:1]))) == 9 * 8 / 2


@pytest.mark.parametrize("kind", TASKS)
def test_checks_have_the_answer_they_say(tmp_path, pictures, kind):
    # Of one person here, the view that differs most is farther off than any other person.
    table = pictures(yaw=[-20, 0, 20], person=["ada", "ben"])
    task = Task(kind, about="person", scales=(Scale("kind", "no", "yes", 7),))
    checks = task_checks(tmp_path / "set", table, task, 12, seed=1)
    assert len(checks) == 12
    for check in checks:
        people = [level(table, file, "person") for file in check.pictures]
        if check.instruction:
            assert f"choose {check.expected} here" in check.instruction
        elif kind == "same_different":
            assert check.expected == (1 if check.pictures[0] == check.pictures[1] else 2)
            assert (people[0] == people[1]) == (check.expected == 1)
        elif kind == "abx":
            assert check.pictures[2] == check.pictures[0] and people[0] != people[1]
        elif kind == "odd_one_out":
            assert check.pictures[1] == check.pictures[2] and people[0] != people[1]
        else:
            assert check.pictures[0] == check.pictures[1] and check.expected == 1


@pytest.mark.parametrize(
    ("task", "phrase"),
    [
        (Task("abx", about="yaw"), "all pictures of the set have the same level"),
        (Task("same_different", distances=(9,)), None),
        (Task("odd_one_out", distances=(9,)), "no pictures to ask odd_one_out about"),
    ],
)
def test_sets_that_do_not_fit(tmp_path, task, phrase):
    table = read_stimuli(write_set(tmp_path / "set", "", person=["ada", "ben"], yaw=[0]))
    if phrase:
        with pytest.raises(UserError, match=phrase):
            task_questions(table, task)
    else:
        assert {question.group for question in task_questions(table, task)} == {"same"}


def test_a_latin_square_shows_every_item_once_and_every_level_equally_often(pictures):
    table = pictures(person=[f"p{k}" for k in range(6)], yaw=[-20, 0, 20])
    numbers = latin_numbers(table, "yaw")
    for number in (1, 2, 3):
        own = [picture for picture in table if numbers[picture.file] == number]
        assert sorted(picture.levels["person"] for picture in own) == [f"p{k}" for k in range(6)]
        sides = collections.Counter(picture.levels["yaw"] for picture in own)
        assert sides == {"-20": 2, "0": 2, "20": 2}


def test_lists_are_handed_over_to_psychopy_and_jspsych(tmp_path):
    folder = write_set(
        tmp_path / "set", '[task]\nkind = "abx"\n[lists]\ncount = 3\nrepeats = 2\n', **STEPS
    )
    assert write_lists(folder) == 3
    timelines = json.loads((folder / "lists/jspsych_timeline.json").read_text())
    orders = set()
    for number in (1, 2, 3):
        with (folder / f"lists/psychopy_list_{number}.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == len(timelines[f"list_{number}"]) == 2 * 10 * 2
        orders.add(tuple(row["image3"] for row in rows))
        for row in rows:
            assert row[f"image{row['correct']}"] == row["image3"]
            assert row["corrAns"] == " ab"[int(row["correct"])]
            assert (folder / row["image1"]).is_file()
        exchanged = collections.Counter(row["order"] for row in rows)
        assert exchanged == {"123": 20, "213": 20}
    assert len(orders) == 3
    before = {path.name: path.read_bytes() for path in (folder / "lists").iterdir()}
    write_lists(folder)
    assert before == {path.name: path.read_bytes() for path in (folder / "lists").iterdir()}


@pytest.mark.parametrize(
    ("change", "phrase"),
    [
        (lambda text: "", "is no table of a stimulus set"),
        (lambda text: text.replace("pictures/003.png", "../x.png"), "line 5: '../x.png' cannot be"),
        (lambda text: text.replace("pictures/003.png", "=x.png"), "cannot be a picture"),
        (lambda text: text.replace("pictures/003.png", "pictures/9.png"), "is missing"),
        (lambda text: text + "a,b\n", "2 cells instead of"),
    ],
)
def test_damaged_tables_are_refused(tmp_path, change, phrase):
    folder = write_set(tmp_path / "set", "", **STEPS)
    path = folder / "stimuli.csv"
    path.write_text(change(path.read_text()))
    with pytest.raises(UserError, match=phrase):
        read_stimuli(folder)
