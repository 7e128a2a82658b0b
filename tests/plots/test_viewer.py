"""The viewer as a person meets it: the command, and the page in a headless browser."""

import contextlib
import dataclasses
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from my_utils.faces.params_file import load_params
from my_utils.runs.config import run_config
from my_utils.runs.generators import save_generator
from my_utils.runs.networks import build_generator
from tests.support import browser

SCRIPT = Path(__file__).resolve().parents[2] / "plots" / "viewer.py"
ONE_THREAD = os.environ | {"OMP_NUM_THREADS": "1"}
OFFLINE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
OVERTAKEN = re.compile("^blob:.* Failed to load resource: net::ERR_FILE_NOT_FOUND$")
PATIENCE = 60  # seconds in which the page must answer, on the slowest machine
# The picture shown under a label as text, which differs where a pixel does; null while it is white.
PICTURE = """
const label = [...document.querySelectorAll('p')].find(p => p.textContent === arguments[0]);
const image = label && label.parentElement.querySelector('img');
if (!image || !image.complete || !image.naturalWidth) return null;
const canvas = document.createElement('canvas');
canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
canvas.getContext('2d').drawImage(image, 0, 0);
const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
return pixels.every(level => level === 255) ? null : canvas.toDataURL();
"""


def call(*words, folder, **environment):
    """The finished viewer: of a call that cannot work."""
    command = [sys.executable, str(SCRIPT), *words]
    environment = ONE_THREAD | environment
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    config = dataclasses.replace(
        run_config(29, demo=True), resolution=32, render_size=32, channel_base=128, channel_max=8
    )
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("viewer") / "generator.safetensors"
    save_generator(path, build_generator(config), config, nimg=0)
    return path


@contextlib.contextmanager
def running_viewer(checkpoint, resources, folder):
    """The viewer's process and the address it prints."""
    command = [sys.executable, str(SCRIPT), "--ckpt", str(checkpoint), "--port", "0"]
    command += ["--resources", str(resources), "--outdir", str(folder / "films")]
    process = subprocess.Popen(
        command, cwd=folder, env=ONE_THREAD, text=True, stdout=-1, stderr=subprocess.STDOUT
    )
    try:
        line = process.stdout.readline()
        assert line.startswith("the viewer is at http://127.0.0.1:"), line
        yield process, line.split()[4]
    finally:
        process.kill()
        process.communicate()


class Visit:
    """What a person does in the browser."""

    def __init__(self, driver, url, downloads):
        self.driver, self.downloads = driver, downloads
        driver.get(url)

    def wait_for(self, condition):
        """What `condition` gives as soon as it is true."""
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.driver, PATIENCE, 0.1).until(lambda _: condition())

    def picture(self):
        """The generated face, and nothing while it is still blank."""
        return self.driver.execute_script(PICTURE, "Generated face")

    def next_picture(self, before):
        return self.wait_for(lambda: (now := self.picture()) and now != before and now)

    def wait_for_picture(self, expected):
        self.wait_for(lambda: self.picture() == expected)

    def click(self, caption):
        button = self.driver.find_element("xpath", f"//button[normalize-space()='{caption}']")
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
        button.click()

    def press(self, *keys):
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def slider(self, label, part="//*[@role='slider']"):
        path = f"//*[@id = //label[normalize-space()='{label}']/@for]{part}"
        return self.driver.find_element("xpath", path)

    def number(self, label):
        """The box beside a slider."""
        return self.slider(label, "/following-sibling::*//input")

    def value(self, label):
        return float(self.slider(label).get_attribute("aria-valuenow"))

    def text(self):
        return self.driver.execute_script("return document.body.textContent")

    def upload(self, path):
        self.driver.find_element("css selector", "input[type=file]").send_keys(str(path))

    def download(self, pattern):
        return self.wait_for(lambda: next(self.downloads.glob(pattern), None))


@contextlib.contextmanager
def visiting(url, folder, size=browser.DESKTOP):
    """A visit that ends with a clean console, so that it has asked nothing of another machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(browser, "FLAGS", (*browser.FLAGS, OFFLINE))
        with browser.open_browser(folder, size) as driver:
            yield Visit(driver, url, folder / "downloads")
            driver.save_screenshot(str(folder / "page.png"))
            errors = browser.console_errors(driver)
            # viser takes a picture away before it is loaded where a newer one is there already.
            assert not [line for line in errors if not OVERTAKEN.search(line)]


@pytest.fixture(scope="module")
def viewer(checkpoint, demo_folder, tmp_path_factory):
    pytest.importorskip("viser", reason="needs `pip install -r requirements-viewer.txt`")
    folder = tmp_path_factory.mktemp("viewer")
    with running_viewer(checkpoint, demo_folder, folder) as (process, url):
        yield url


def test_sliders_buttons_and_keys_change_the_picture(viewer, tmp_path):
    with visiting(viewer, tmp_path) as visit:
        start = visit.next_picture(None)
        visit.number("Head yaw").click()
        visit.press("\ue013" * 15)  # arrow up
        visit.wait_for(lambda: visit.value("Head yaw") == 15)
        turned = visit.next_picture(start)
        visit.click("Undo (Z)")
        visit.wait_for_picture(start)
        assert visit.value("Head yaw") == 0
        visit.press("y")
        visit.wait_for_picture(turned)
        visit.click("New person (N)")
        person = visit.next_picture(turned)
        visit.press("n")
        visit.next_picture(person)
        visit.press("r")
        visit.wait_for_picture(start)
        visit.press("z")
        visit.wait_for(lambda: visit.value("Head yaw") != 0)

        visit.driver.switch_to.new_window("tab")  # has a face of its own
        visit.driver.get(viewer)
        visit.wait_for_picture(start)
    assert (tmp_path / "page.png").stat().st_size > 10_000


def test_parameters_pictures_and_films_are_saved_and_loaded(viewer, tmp_path):
    with visiting(viewer, tmp_path) as visit:
        start = visit.next_picture(None)
        visit.press("f")
        visit.wait_for(lambda: "Stop the film" in visit.driver.page_source)
        visit.press("n")
        person = visit.next_picture(start)
        yaw = visit.value("Head yaw")
        visit.press("f")
        assert b"ftyp" in visit.download("film-*.mp4").read_bytes()[:16]
        visit.click("Picture (P)")
        assert Image.open(visit.download("face.png")).size == (32, 32)
        visit.press("x")
        saved = visit.download("params.npz")
        params, seeds = load_params(saved)
        assert len(params) == 1 and seeds == [1]

        visit.click("Reset (R)")
        visit.wait_for_picture(start)
        visit.upload(saved)
        visit.wait_for_picture(person)
        assert visit.value("Head yaw") == yaw

        wrong = tmp_path / "<b>wrong.npz"
        wrong.write_text("<script>alert(1)</script>")
        visit.upload(wrong)
        visit.wait_for(lambda: "<b>wrong.npz is incomplete, damaged" in visit.text())
        assert visit.picture() == person


def test_a_phone_shows_the_face_beside_the_mesh(viewer, tmp_path):
    with visiting(viewer, tmp_path, browser.PHONE) as visit:
        visit.wait_for(lambda: "Generated face" in visit.text())
        visit.click("New person (N)")
        visit.wait_for(lambda: visit.value("Head yaw") != 0)
        assert visit.driver.execute_script("return document.body.scrollWidth <= innerWidth")


def test_control_c_ends_it(checkpoint, demo_folder, tmp_path):
    pytest.importorskip("viser", reason="needs `pip install -r requirements-viewer.txt`")
    with running_viewer(checkpoint, demo_folder, tmp_path) as (process, _):
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0 and "Traceback" not in output


def test_no_page_can_open_a_tunnel():
    pytest.importorskip("viser", reason="needs `pip install -r requirements-viewer.txt`")
    from my_utils.viewer.server import start_server

    server = start_server("127.0.0.1", 0)
    assert server.request_share_url() is None
    server.stop()


@pytest.mark.parametrize(
    ("words", "phrase"),
    [
        (("--ckpt", "absent.safetensors", "--port", "0"), "does not exist"),
        (("--ckpt", "demo", "--port", "99999"), "cannot listen"),
        (("--ckpt", "demo", "--host", "no such host"), "cannot listen"),
    ],
)
def test_wrong_calls_are_answered_in_one_sentence(tmp_path, words, phrase):
    pytest.importorskip("viser", reason="needs `pip install -r requirements-viewer.txt`")
    done = call(*words, folder=tmp_path)
    assert done.returncode == 2 and phrase in done.stderr
    assert done.stderr.startswith("error: ") and len(done.stderr.splitlines()) == 1


def test_other_addresses_are_warned_about(tmp_path):
    pytest.importorskip("viser", reason="needs `pip install -r requirements-viewer.txt`")
    words = ("--host", "0.0.0.0", "--port", "0", "--ckpt", "absent.safetensors")
    warning, error = call(*words, folder=tmp_path).stderr.splitlines()
    assert warning.startswith("warning: ") and error.startswith("error: ")


def test_without_viser_the_command_says_how_to_get_it(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['viser'] = None")
    done = call("--ckpt", "demo", folder=tmp_path, PYTHONPATH=str(tmp_path))
    assert done.returncode == 2
    assert "pip install -r" in done.stderr and len(done.stderr.splitlines()) == 1
