"""Headless Chromium for tests of pages; where it is not installed, the test is skipped."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--force-device-scale-factor=1"),
)
# A laptop with a mouse, for media queries: a browser without a screen has none.
MOUSE = "--blink-settings=primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4"
DESKTOP, PHONE = (1280, 800), (360, 640)  # width and height in CSS pixels


@contextlib.contextmanager
def open_browser(
    folder: Path, size: tuple[int, int] = DESKTOP, *, dark: bool = False
) -> Iterator["webdriver.Chrome"]:  # noqa: F821 (imported where it is installed)
    """A driver with a profile and downloads of its own below `folder`; small sizes have touch."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs `pip install selenium`")
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and chromedriver):
        pytest.skip("needs the Debian packages chromium and chromium-driver")
    width, height = size
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (
        *FLAGS,
        f"--user-data-dir={folder / 'profile'}",
        f"--window-size={width},{height}",
    ):
        options.add_argument(flag)
    if size != PHONE:
        options.add_argument(MOUSE)
    else:
        metrics = {"width": width, "height": height, "pixelRatio": 2.0, "touch": True}
        options.add_experimental_option("mobileEmulation", {"deviceMetrics": metrics})
    downloads = folder / "downloads"
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(chromedriver))
    try:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        yield driver
    finally:
        driver.quit()


def console_errors(driver) -> list[str]:
    """What the page has complained about since the last call."""
    return [entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
