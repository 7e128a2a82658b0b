"""The page of the perceptual study: how it is built, and people who take part in it."""

import base64
import collections
import contextlib
import hashlib
import http.server
import json
import re
import threading

import pytest

from my_utils.errors import UserError
from my_utils.study.results import read_results
from my_utils.study.trial import COLUMNS
from tests.support.browser import DESKTOP, PHONE, console_errors, open_browser
from tests.support.participant import Participant
from tests.support.toy_study import call_script, write_likert_study, write_pairwise_study

WRITE = {"pairwise": write_pairwise_study, "likert": write_likert_study}


@pytest.fixture
def build(monkeypatch, tmp_path):
    """Build the page of a toy study; the folder of index.html."""

    def call(study, *words, **sizes):
        WRITE[study](tmp_path / study, **sizes)
        call_script(monkeypatch, "study_page", tmp_path / study, *words)
        return tmp_path / study / "study_page"

    return call


def embedded(page):
    text = (page / "index.html").read_text()
    return json.loads(re.search(r'id="study">(.*?)</script>', text, re.DOTALL)[1])


@pytest.mark.parametrize("study", ["pairwise", "likert"])
def test_a_page_holds_all_it_needs(build, study):
    page = build(study, "--attention", "2")
    content = embedded(page)
    assert content["study"] == study and content["study_id"].startswith(study)
    files = []
    for question in [*content["questions"], *content["checks"], content["example"]]:
        files += [question[name] for name in ("GT", "image_url") if name in question]
        files += question.get("files", [])
    assert len(content["checks"]) == 2
    for file in files:
        assert (page / "images" / file).read_bytes()
    text = (page / "index.html").read_text()
    assert not re.findall(r"(?:src|href)\s*=|@import|url\(", text.split("<script")[0])
    assert "innerHTML" not in text
    script = re.search(r"<script>(.*?)</script>", text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'; connect-src 'none'" in text


def test_texts_of_the_caller_are_shown_as_text(build, tmp_path):
    (tmp_path / "consent.txt").write_text(
        "<b>Hello</b>\n</script><script>alert(1)\n\n \nSecond {{x}}"
    )
    page = build("pairwise", "--consent", tmp_path / "consent.txt", "--completion_code", "<i>")
    assert (page / "index.html").read_text().count("<script") == 2
    consent = ["<b>Hello</b> </script><script>alert(1)", "Second {{x}}"]
    assert embedded(page)["consent"] == consent
    with open_browser(tmp_path) as driver:
        driver.get((page / "index.html").as_uri())
        shown = driver.execute_script(
            "return [...document.querySelectorAll('#consent-text p')].map(p => p.textContent)"
        )
        assert shown == consent and not console_errors(driver)


def test_the_study_id_follows_the_questions_and_not_the_texts(build, tmp_path):
    (tmp_path / "consent.txt").write_text("Hello")
    first = embedded(build("likert"))["study_id"]
    assert embedded(build("likert", "--consent", tmp_path / "consent.txt"))["study_id"] == first
    assert embedded(build("likert", "--trials", "3"))["study_id"] != first


@pytest.mark.parametrize(
    ("words", "phrase"),
    [
        (("--trials", "13"), "more than the 12 questions"),
        (("--trials", "4", "--repeats", "3"), "more than half of the 4 questions"),
        (("--attention", "6"), "need 7 faces"),
        (("--post_url", "example.org/x"), "is no address"),
        (("--post_url", "https://x.org; script-src *"), "is no address"),
        (("--consent", "empty.txt"), "is empty"),
    ],
)
def test_wrong_calls_build_no_page(build, tmp_path, monkeypatch, words, phrase):
    (tmp_path / "empty.txt").write_text(" \n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=phrase):
        build("pairwise", *words)
    assert not list(tmp_path.rglob("index.html"))


def test_every_order_is_seeded_and_balanced(build, tmp_path):
    words = ("--trials", "10", "--repeats", "4", "--attention", "3")
    page = build("pairwise", *words, conditions=10)
    with open_browser(tmp_path) as driver:
        driver.get((page / "index.html").as_uri())
        plans = driver.execute_script(
            "return Array.from({length: 60}, (_, seed) => planTrials(seed))"
        )
        again = driver.execute_script("return planTrials(7)")
    assert again == plans[7]
    assert len({json.dumps(plan) for plan in plans}) == 60
    first_places = collections.Counter()
    for plan in plans:
        assert [trial["trial"] for trial in plan] == list(range(1, 18))
        asked = [trial for trial in plan if not trial["check"]]
        assert len({trial["condition"] for trial in asked}) == len(asked) == 10
        for model in ("vector_cond", "norm_mp_tex_interp"):
            about = [trial for trial in asked if model in (trial["model1"], trial["model2"])]
            left = sum(trial["model2"] == model for trial in about)
            assert len(about) == 5 and left in (2, 3)
        assert sum(trial["model1"] == "full_model" for trial in asked) == 5

        repeats = [trial for trial in plan if trial["check"] == "repeat"]
        assert len(repeats) == 4
        for trial in repeats:
            (first,) = (one for one in asked if one["OPTION1"] == trial["OPTION2"])
            assert first["trial"] < trial["trial"] and first["OPTION2"] == trial["OPTION1"]
            assert trial["expected"] is None
        checks = [trial for trial in plan if trial["check"] == "attention"]
        assert len(checks) == 3
        for trial in checks:
            assert trial[f"OPTION{trial['expected']}"] == trial["GT"]
        assert {trial["expected"] for trial in checks} == {1, 2}
        first_places[asked[0]["condition"]] += 1
    assert len(first_places) == 10


def test_ratings_are_spread_over_styles(build, tmp_path):
    page = build("likert", "--trials", "9", "--attention", "2", conditions=9)
    with open_browser(tmp_path) as driver:
        driver.get((page / "index.html").as_uri())
        plan = driver.execute_script("return planTrials(1)")
    asked = [trial for trial in plan if not trial["check"]]
    assert collections.Counter(trial["style"] for trial in asked) == {0: 3, 1: 3, 2: 3}
    assert len({trial["condition"] for trial in asked}) == 9
    assert sorted(trial["expected"] for trial in plan if trial["check"]) == [1, 5]


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("study", ["pairwise", "likert"])
def test_a_participant_completes_the_study(build, tmp_path, study, size):
    page = build(study, "--trials", "6", "--attention", "2", "--repeats", "1")
    given = [1, 2, 1, 2, 2, 1, 1, 2, 2] if study == "pairwise" else [1, 5, 3, 2, 4, 4, 5, 1, 3]
    keys = {1: "1", 2: "\ue014"} if study == "pairwise" else {n: str(n) for n in range(1, 6)}
    with open_browser(tmp_path, size) as driver:
        person = Participant(driver, page, "?PROLIFIC_PID=5f<i>00-a")
        person.agree()
        person.begin()
        for number, answer in enumerate(given):
            assert person.find("h1:focus").text == f"Question {number + 1} of 9"
            assert person.read("document.documentElement.scrollWidth <= window.innerWidth")
            if number == 4:
                driver.refresh()
                assert "you have answered 4 of 9" in person.find("#so-far").text
                person.begin()
            if size == PHONE:
                person.touch(answer)
            else:
                person.press(keys[answer])
        person.find("#download-json").click()
        person.find("#download-csv").click()
        files = [tmp_path / "downloads" / f"result-5fi00-a.{end}" for end in ("json", "csv")]
        person.wait(lambda: all(file.exists() for file in files))
        plan = person.read("planTrials(state.seed)")
        assert not console_errors(driver)

    result = json.loads(files[0].read_text())
    assert {name: result[name] for name in ("format", "version", "study", "complete")} == {
        "format": "gif-study-result",
        "version": 1,
        "study": study,
        "complete": True,
    }
    assert result["participant"] == result["prolific_pid"] == "5fi00-a"
    assert result["started"] < result["finished"] and result["user_agent"]
    assert [trial.pop("answer") for trial in result["trials"]] == given
    assert all(trial.pop("ms") > 0 for trial in result["trials"])
    assert result["trials"] == plan
    assert files[1].read_text().splitlines()[0] == ",".join(COLUMNS)
    from_json, from_csv = (read_results([file], study) for file in files)
    assert from_json == from_csv and len(from_json) == 9


STILL = "<style>* { transition: none !important }</style>"
BORDERS = """[...document.querySelectorAll("#pictures button, #answers button")].map(
  (button) => getComputedStyle(button).borderTopColor)"""


@pytest.mark.parametrize("study", ["pairwise", "likert"])
def test_no_answer_looks_chosen_after_a_touch(build, tmp_path, study):
    page = build(study, "--trials", "4", "--attention", "0")
    with open_browser(tmp_path, PHONE) as driver:
        person = Participant(driver, page)
        driver.execute_script("document.head.insertAdjacentHTML('beforeend', arguments[0])", STILL)
        person.agree()
        person.begin()
        assert len(set(person.read(BORDERS))) == 1
        for _ in range(2):
            person.tap(1)
            hovered = person.read("document.querySelector('#answers button:hover') !== null")
            assert hovered == (study == "likert")  # whose buttons stay
            assert len(set(person.read(BORDERS))) == 1


def test_a_mouse_that_moves_over_an_answer_is_seen_and_forgotten(build, tmp_path):
    from selenium.webdriver import ActionChains

    page = build("likert", "--trials", "4", "--attention", "0")
    with open_browser(tmp_path) as driver:
        person = Participant(driver, page)
        driver.execute_script("document.head.insertAdjacentHTML('beforeend', arguments[0])", STILL)
        person.agree()
        person.begin()
        button = person.find_all(person.button)[2]
        ActionChains(driver).move_to_element(button).move_by_offset(3, 3).perform()
        assert person.read("matchMedia('(hover: hover)').matches")
        assert len(set(person.read(BORDERS))) == 2
        person.touch(3)
        assert len(set(person.read(BORDERS))) == 1


def test_a_closed_page_goes_on_where_it_was(build, tmp_path):
    page = build("likert", "--trials", "4", "--attention", "0")
    with open_browser(tmp_path) as driver:
        person = Participant(driver, page)
        person.agree()
        person.begin()
        person.touch(5)
        before = person.read("result()")
        driver.close()
    with open_browser(tmp_path) as driver:
        person = Participant(driver, page)
        assert person.read("result()") == before
        person.begin()
        person.finish()
        after = person.read("result()")
        assert after["trials"][0] == before["trials"][0] and after["complete"]
        assert after["participant"] == before["participant"] != "null"
        assert after["prolific_pid"] is None
        driver.refresh()
        assert person.find("#end").is_displayed() and person.read("result()") == after


def test_a_reload_goes_on_when_the_browser_has_lost_what_was_stored(build, tmp_path):
    page = build("likert", "--trials", "4", "--attention", "0")
    with open_browser(tmp_path) as driver:
        person = Participant(driver, page)
        person.agree()
        person.begin()
        for answer in (5, 2):
            person.touch(answer)
        before = person.read("result()")
        for loss in ("localStorage.clear()", "localStorage.setItem(stateKey, older)"):
            driver.execute_script(f"const older = JSON.stringify(newState()); {loss}")
            driver.refresh()
            assert "you have answered 2 of 4" in person.find("#so-far").text
            assert person.read("result()") == before


def test_a_missing_picture_is_told_and_tried_again(build, tmp_path):
    page = build("likert")
    with open_browser(tmp_path) as driver:
        person = Participant(driver, page)
        person.agree()
        (page / "images").rename(page / "moved")
        person.find("#begin").click()
        person.wait(person.find("#missing").is_displayed)
        person.find("body").send_keys("1")
        assert person.read("state.answers.length") == 0
        (page / "moved").rename(page / "images")
        person.find("#reload").click()
        person.wait(lambda: person.read("shownAt !== null"))
        assert not person.find("#missing").is_displayed()
        person.press("1")


@contextlib.contextmanager
def receiver():
    """A server that keeps what is posted to it, and refuses it while `refuse` is set."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_OPTIONS(self):
            self.answer(204)

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.attempts += 1
            if server.refuse:
                self.answer(500)
            else:
                server.results.append(json.loads(body))
                self.answer(200)

        def answer(self, status):
            self.send_response(status)
            self.send_header("Access-Control-Allow-Origin", "*")
            self.send_header("Access-Control-Allow-Headers", "Content-Type")
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.refuse, server.attempts, server.results = True, 0, []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_results_are_posted_until_they_arrive(build, tmp_path):
    with receiver() as server, open_browser(tmp_path) as driver:
        url = f"http://127.0.0.1:{server.server_port}/results"
        words = ("--trials", "2", "--attention", "1", "--completion_code", "C<1>")
        page = build("pairwise", *words, "--post_url", url)
        person = Participant(driver, page, "?PROLIFIC_PID=5f00")
        person.agree()
        person.begin()
        driver.execute_script("window.setTimeout = (act) => act()")  # no pauses between attempts
        person.finish()
        person.wait(person.find("#send").is_displayed)
        assert server.attempts == 5 and not server.results
        assert "could not be sent" in person.find("#delivery").text
        assert person.find("#download-json").is_displayed()
        assert not person.find("#completion").is_displayed()
        person.find("#download-json").click()
        assert person.find("#completion").is_displayed() and person.find("#send").is_displayed()
        person.find("#send").click()
        person.wait(lambda: server.attempts == 10)

        server.refuse = False
        driver.refresh()  # a page that was left is sent when it is opened again
        person.wait(person.find("#completion").is_displayed)
        assert person.find("#code").text == "C<1>"
        link = person.find("#prolific").get_attribute("href")
        assert link == "https://app.prolific.com/submissions/complete?cc=C%3C1%3E"
        assert server.results == [person.read("result()")]
        driver.refresh()
        person.wait(person.find("#completion").is_displayed)
        assert len(server.results) == 1
