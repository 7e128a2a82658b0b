"""The page in a browser, from a file: its faces, its controls, and that it reaches nothing."""

import re

import pytest
import torch

from model.flame import FlameParams
from my_utils.faces.params_file import load_params, save_params
from tests.support.browser import DESKTOP, PHONE, console_errors, open_browser

DRAW = """
const [vector, seed, options, done] = arguments;
drawFace(vector, seed, options).then(
  ({ condition, face }) => done([[...condition], [...face]]),
  (error) => done(String(error)),
);
"""


class Visitor:
    """Somebody at the page, who waits for it and never for the clock."""

    def __init__(self, driver, path, downloads):
        from selenium.webdriver.common.by import By
        from selenium.webdriver.support.ui import WebDriverWait

        self.driver, self.downloads = driver, downloads
        self.find = lambda selector: driver.find_element(By.CSS_SELECTOR, selector)
        self.wait = lambda condition: WebDriverWait(driver, 60).until(lambda _: condition())
        driver.set_script_timeout(60)
        driver.get(path.as_uri())
        self.wait(lambda: self.find("#speed").text)

    def value(self, name):
        return float(self.find(f"#slider-{name}").get_attribute("value"))

    def press(self, keys, *, focused=None):
        """Keys one after another, as a keyboard sends them; `focused` is a slider's name."""
        from selenium.webdriver.common.action_chains import ActionChains

        if focused:
            slider = self.find(f"#slider-{focused}")
            self.driver.execute_script("arguments[0].focus()", slider)
        ActionChains(self.driver).send_keys(keys).perform()

    def click(self, name):
        self.find(f"button[data-name='{name}']").click()

    def face(self):
        return self.driver.execute_script("return document.getElementById('face').toDataURL()")


@pytest.fixture(scope="module")
def opened(page, tmp_path_factory):
    """The page in a browser, for all tests of this file: starting it takes seconds."""
    folder = tmp_path_factory.mktemp("browser")
    with open_browser(folder, DESKTOP) as driver:
        yield Visitor(driver, page.path, folder / "downloads")


@pytest.fixture
def visitor(opened):
    """Somebody who finds the page as it starts, and leaves it without an error."""
    opened.press("r")
    yield opened
    assert not console_errors(opened.driver)


def test_it_draws_what_python_draws(page, visitor):
    synthesizer = page.synthesizer
    params = synthesizer.dataset_params()[:4]
    eyes = torch.tensor([[0.1, -0.2, 0, 0.1, -0.2, 0]]).expand(4, -1)
    neck = torch.tensor([[0.05, 0.2, 0.0]]).expand(4, -1)
    faces = synthesizer(params, range(4), truncation_psi=0.7, neck=neck, eyes=eyes)
    conditions = torch.cat([faces.render, faces.normal_map], dim=1)
    options = {"truncation": 0.7, "neck": neck[0].tolist(), "eyes": eyes[0].tolist()}
    for row in range(4):
        vector = params.to_vector()[row].tolist()
        condition, face = visitor.driver.execute_async_script(DRAW, vector, row, options)
        levels = (torch.tensor(condition).view_as(conditions[row]) - conditions[row]) * 127.5
        # At 32 pixels a face of the mesh is smaller than a pixel: some see its neighbour.
        assert (levels.abs().amax(dim=0) > 1.01).float().mean() <= 0.005
        image = torch.tensor(face).view_as(faces.image[row])
        assert (image.clamp(-1, 1) - faces.image[row].clamp(-1, 1)).abs().mean() * 127.5 < 2


def test_it_reaches_nothing(page, visitor):
    text = page.path.read_text()
    outside = text.split("<script")[0]
    assert not re.findall(r"(?:src|href)\s*=|@import|url\(", outside)
    assert "<title>A &lt;face&gt;</title>" in text
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "connect-src 'none'" in policy and "http" not in policy
    asked = visitor.driver.execute_script(
        "return performance.getEntriesByType('resource').map(({ name }) => name)"
    )
    assert all(address.startswith("blob:") for address in asked)
    assert not console_errors(visitor.driver)
    visitor.driver.execute_async_script(
        "const done = arguments[0]; fetch('https://example.org').then(done, done)"
    )
    assert any("Content Security Policy" in error for error in console_errors(visitor.driver))


def test_controls_move_the_face_and_undo(visitor):
    first = visitor.face()
    visitor.press("\ue014\ue014\ue014", focused="Head-yaw")  # arrows to the right
    assert visitor.value("Head-yaw") == 3
    visitor.wait(lambda: visitor.face() != first)
    visitor.press("z")
    assert visitor.value("Head-yaw") == 0  # a drag is one step
    visitor.press("y")
    assert visitor.value("Head-yaw") == 3
    visitor.press("\ue017", focused="Head-yaw")  # Delete: back to the beginning
    assert visitor.value("Head-yaw") == 0
    visitor.press("n")
    person = visitor.value("Shape-1")
    assert any(visitor.value(f"Shape-{number}") for number in (1, 2, 3))  # one may be rounded to 0
    visitor.click("neutral")
    assert visitor.value("Expression-1") == visitor.value("Jaw") == 0
    visitor.click("left")
    assert -100 < visitor.value("Azimuth") < -50
    assert visitor.value("Shape-1") == person
    visitor.press("r")
    assert visitor.value("Shape-1") == 0
    visitor.wait(lambda: visitor.face() == first)


def test_parameters_leave_and_come_back(visitor, tmp_path):
    downloads = visitor.downloads
    visitor.press("n")
    shape, seed = visitor.value("Shape-1"), visitor.find("#seed").get_attribute("value")
    visitor.press("x")
    visitor.wait((downloads / "params.npz").exists)
    params, seeds = load_params(downloads / "params.npz")
    assert seeds == [int(seed)]
    assert float(params.shape[0, 0]) == pytest.approx(shape, abs=0.051)  # the slider's step
    visitor.press("p")
    visitor.wait((downloads / "face.png").exists)

    two = FlameParams.cat([params.replace(shape=params.shape + 1), params])
    save_params(tmp_path / "two.npz", two, [5, 6])
    visitor.find("#file").send_keys(str(tmp_path / "two.npz"))
    visitor.wait(lambda: visitor.find("#seed").get_attribute("value") == "5")
    assert visitor.value("Shape-1") == pytest.approx(shape + 1, abs=0.051)
    assert not visitor.find("#center-eyes").is_selected()
    assert "first of the 2 faces" in visitor.find("#alert").text
    (tmp_path / "wrong.npz").write_text("nothing")
    visitor.find("#file").send_keys(str(tmp_path / "wrong.npz"))
    visitor.wait(lambda: "wrong.npz: This file is no .npz" in visitor.find("#alert").text)


def test_on_a_phone_the_face_stays_in_sight(visitor):
    width, height = PHONE
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": True}
    visitor.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    read = visitor.driver.execute_script
    assert read("return document.documentElement.scrollWidth <= window.innerWidth")
    read("window.scrollTo(0, 600)")
    top, bottom = read(
        "const { top, bottom } = document.getElementById('face').getBoundingClientRect();"
        "return [top, bottom]"
    )
    assert 0 <= top < bottom < 320
    visitor.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_an_old_browser_is_told_what_it_lacks(page, tmp_path):
    with open_browser(tmp_path) as driver:
        driver.execute_cdp_cmd(
            "Page.addScriptToEvaluateOnNewDocument", {"source": "delete globalThis.Worker"}
        )
        driver.get(page.path.as_uri())
        text = driver.find_element("css selector", "#missing").text
        assert "too old for this page: it lacks workers." in text
        assert not driver.find_element("css selector", "main").is_displayed()
