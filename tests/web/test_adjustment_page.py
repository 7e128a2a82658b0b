"""Participants set faces by sliders, and the analysis reads what they leave."""

import json

import pytest
import torch

from my_utils.faces.params_file import save_params
from my_utils.study.adjustments import read_adjustments, summarize_adjustments
from my_utils.web import adjustment_page
from tests.support.browser import DESKTOP, console_errors, open_browser

MOVE = """
for (const slider of document.querySelectorAll("#answers input")) {
  slider.value = 1;
  slider.dispatchEvent(new Event("input"));
}
"""


@pytest.fixture
def built(page, tmp_path, monkeypatch):
    params = page.synthesizer.dataset_params()[:2]
    save_params(tmp_path / "params.npz", params, [1, 2])
    (tmp_path / "tasks.csv").write_text(
        "name,word,params,row,factors\n"
        "match,,params.npz,1,Jaw; Expression 1\n"
        "friendly,<b>friendly,,,Expression 1\n"
    )
    monkeypatch.setattr(adjustment_page, "drawing_payload", lambda *_, **__: page.payload)
    path = adjustment_page.write_adjustment_page(
        tmp_path / "tasks.csv", page.synthesizer, head_licence=None, attribution=None, repeats=1
    )
    return path, params


def test_a_participant_sets_faces(built, tmp_path):
    from selenium.webdriver.support.ui import WebDriverWait

    path, params = built
    with open_browser(tmp_path, DESKTOP) as driver:
        find = lambda selector: driver.find_element("css selector", selector)  # noqa: E731
        wait = lambda condition: WebDriverWait(driver, 60).until(lambda _: condition())  # noqa: E731
        driver.get(f"{path.as_uri()}?participant=P1")
        find(".agree input").click()
        find("#consent-form button").click()
        find("#begin").click()
        for number in range(3):
            assert find("h1:focus").text == f"Face {number + 1} of 3"
            assert not find("#answers button").is_enabled()
            driver.execute_script(MOVE)
            wait(find("#answers button").is_enabled)
            find("#answers button").click()
        find("#download-json").click()
        result = tmp_path / "downloads" / "result-P1.json"
        wait(result.exists)
        assert not find("#download-csv").is_displayed() and not console_errors(driver)

    adjustments = read_adjustments([result])
    assert [one.is_repeat for one in adjustments] == [False, False, True]
    match = next(one for one in adjustments if one.task == "match")
    assert match.values == {"Jaw": 1, "Expression 1": 1} and match.style_seed == 2
    assert match.target["Expression 1"] == pytest.approx(float(params.expression[1, 0]), abs=1e-5)
    chosen = torch.tensor(match.vector)
    assert chosen[100] == 1 and chosen[153] == pytest.approx(torch.pi / 180)
    assert torch.allclose(chosen[:100], params.shape[1])
    starts = [trial["start"] for trial in json.loads(result.read_text())["trials"]]
    assert starts[0] != starts[2] or starts[1] != starts[2]
    assert {row.word for row in summarize_adjustments(adjustments)} == {None, "<b>friendly"}
