"""The page of a stimulus set: its order is balanced, and people can answer every task."""

import collections
import json

import pytest

from my_utils.errors import UserError
from my_utils.study.presentation import TASKS
from my_utils.study.task_results import read_task_results
from tests.support.browser import DESKTOP, PHONE, console_errors, open_browser
from tests.support.participant import Participant
from tests.support.toy_stimuli import write_set
from tests.support.toy_study import call_script

DESIGN = """
[task]
kind = "rating"
scales = [{ name = "kind", low = "not at all", high = "very", steps = 5 },
          { name = "old", low = "young", high = "old", steps = 9 }]
"""
PEOPLE = dict(person=["ada", "ben", "cleo", "dora"], yaw=[-20, 0, 20])


@pytest.fixture
def build(monkeypatch, tmp_path):
    """Build the page of a toy set; the folder of index.html."""

    def call(*words, design=DESIGN, name="study_page"):
        folder = tmp_path / "set"
        if not folder.exists():
            write_set(folder, design, **PEOPLE)
        call_script(monkeypatch, "study_page", folder, "--outdir", folder / name, *words)
        return folder / name

    return call


def plans(driver, page, count=16):
    driver.get((page / "index.html").as_uri())
    return driver.execute_script(
        f"return Array.from({{length: {count}}}, (_, seed) => planTrials(seed))"
    )


def test_right_answers_and_places_are_balanced(build, tmp_path):
    with open_browser(tmp_path) as driver:
        for task, answers in (("same_different", 2), ("abx", 2), ("odd_one_out", 3)):
            words = ("--task", task, "--trials", "24", "--attention", "3", "--repeats", "2")
            for plan in plans(driver, build(*words, name=task)):
                check_plan(plan, task, answers)


def check_plan(plan, task, answers):
    asked = [trial for trial in plan if not trial["check"]]
    assert len(asked) == 24 and len(plan) == 29
    right = collections.Counter(trial["expected"] for trial in asked)
    assert set(right) == set(range(1, answers + 1))
    assert max(right.values()) - min(right.values()) <= (0 if task == "same_different" else 6)
    groups = collections.Counter(trial["group"] for trial in asked if trial["group"] != "same")
    assert max(groups.values()) - min(groups.values()) <= 1
    for trial in plan:
        files = [trial[f"picture{k}"] for k in range(1, len(trial["order"]) + 1)]
        if task == "abx":
            assert files[2] == files[trial["expected"] - 1] and trial["order"][2] == "3"
        elif task == "odd_one_out":
            assert files.count(files[trial["expected"] - 1]) == 1
        else:
            assert (files[0] == files[1]) == (trial["expected"] == 1)
    for repeat in (trial for trial in plan if trial["check"] == "repeat"):
        (first,) = (trial for trial in asked if in_order(trial) == in_order(repeat))
        assert first["trial"] < repeat["trial"] and first["order"] != repeat["order"]


def in_order(trial):
    """The pictures of a trial in the order of its question."""
    places = sorted(range(len(trial["order"])), key=lambda place: trial["order"][place])
    return [trial[f"picture{place + 1}"] for place in places]


def test_pictures_of_a_dissimilarity_study_are_seen_evenly(build, tmp_path):
    page = build("--task", "dissimilarity", "--trials", "30", "--attention", "0")
    with open_browser(tmp_path) as driver:
        found = plans(driver, page)
    for plan in found:
        seen = collections.Counter(
            trial[name] for trial in plan for name in ("picture1", "picture2")
        )
        assert len(seen) == 12 and max(seen.values()) - min(seen.values()) <= 3
        sides = collections.Counter(trial["order"] for trial in plan)
        assert sides == {"12": 15, "21": 15}


def test_a_latin_square_shows_one_view_of_each_person(build, tmp_path):
    page = build(
        "--trials",
        "4",
        "--attention",
        "0",
        design='[task]\nkind = "rating"\n[lists]\nlatin_square = "yaw"\n',
    )
    shown = []
    with open_browser(tmp_path) as driver:
        for number in (1, 2, 3):
            driver.get((page / "index.html").as_uri() + f"?list={number}")
            plan = driver.execute_script("return planTrials(1)")
            assert {trial["list"] for trial in plan} == {number}
            shown.append({trial["picture1"] for trial in plan})
    assert len(set.union(*shown)) == 12
    people = [f"pictures/{k:03d}.png" for k in range(12)]
    for files in shown:
        assert sorted(people.index(file) // 3 for file in files) == [0, 1, 2, 3]


@pytest.mark.slow  # half a minute in a browser
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_participant_answers_every_task(build, tmp_path, size):
    pages = {}
    for task in TASKS:
        pages[task] = build("--task", task, "--trials", "3", "--attention", "1", name=task)
    with open_browser(tmp_path, size) as driver:
        for task, page in pages.items():
            given = answer_all(driver, page, task, by_touch=size == PHONE)
            files = [tmp_path / "downloads" / f"result-{task}.{end}" for end in ("json", "csv")]
            trials = json.loads(files[0].read_text())["trials"]
            assert [trial["answer"] for trial in trials] == given
            first, second = (read_task_results([file]) for file in files)
            assert first == second and len(first) == 4
            assert sum(trial.check == "attention" for trial in first) == 1
        assert not console_errors(driver)


def answer_all(driver, page, task, *, by_touch):
    """Take part from consent to download; returns the answers given."""
    most = {"odd_one_out": 3, "rating": 5, "dissimilarity": 9}.get(task, 2)
    keys = {"same_different": "sd", "abx": "ab"}.get(task, "123456789")
    person = Participant(driver, page, f"?participant={task}")
    person.agree()
    assert len(person.find_all("#example img")) == person.read("study.example.pictures.length")
    person.begin()
    for number in range(4):
        assert person.find("h1:focus").text == f"Question {number + 1} of 4"
        assert person.read("document.documentElement.scrollWidth <= window.innerWidth")
        trial = person.read(f"state.trials[{number}]")
        assert len(person.find_all("#pictures img")) == len(trial["order"])
        if trial["instruction"]:
            assert person.find("#prompt").text == trial["instruction"]
        answer = 1 + number % most
        if by_touch:
            person.touch(answer)
        else:
            person.press(keys[answer - 1])
        if number == 1:
            driver.refresh()
            person.begin()
    person.find("#download-json").click()
    person.find("#download-csv").click()
    folder = page.parents[1] / "downloads"
    person.wait(lambda: all((folder / f"result-{task}.{e}").exists() for e in ("json", "csv")))
    return [1 + number % most for number in range(4)]


@pytest.mark.parametrize(
    ("design", "words", "phrase"),
    [
        ("", (), "names no task"),
        (DESIGN, ("--trials", "99"), "more than the 24 questions"),
        ('[task]\nkind = "abx"\nabout = "continuum"\n', (), "the same level"),
        (DESIGN + "[lists]\nlatin_square = 'percent'\n", (), "the same level"),
    ],
)
def test_sets_that_make_no_page(build, design, words, phrase):
    with pytest.raises(UserError, match=phrase):
        build(*words, design=design)


def test_a_task_is_about_a_stimulus_set(monkeypatch, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds none"):
        call_script(monkeypatch, "study_page", tmp_path / "empty", "--task", "abx")
