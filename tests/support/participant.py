"""Somebody who takes part in a study, in a real browser."""

SIZE_OF = {"x": "width", "y": "height"}


class Participant:
    """Somebody at the page, who waits for it and never for the clock."""

    def __init__(self, driver, page, query=""):
        from selenium.webdriver.common.by import By
        from selenium.webdriver.support.ui import WebDriverWait

        self.driver = driver
        self.button = "#pictures button, #answers button"
        self.find = lambda selector: driver.find_element(By.CSS_SELECTOR, selector)
        self.find_all = lambda selector: driver.find_elements(By.CSS_SELECTOR, selector)
        self.wait = lambda condition: WebDriverWait(driver, 60).until(lambda _: condition())
        driver.get((page / "index.html").as_uri() + query)

    def agree(self):
        self.find(".agree input").click()
        self.find("#consent-form button").click()

    def begin(self):
        self.wait(lambda: self.find("#begin").is_displayed())
        self.find("#begin").click()
        self.wait(lambda: self.read("shownAt !== null"))

    def read(self, code):
        return self.driver.execute_script(f"return {code}")

    def press(self, key):
        self._answer(lambda: self.find("body").send_keys(key))

    def touch(self, number):
        self._answer(self.find_all(self.button)[number - 1].click)

    def tap(self, number):
        """Touch the screen as a finger does, which leaves its place hovered."""
        place = self.find_all(self.button)[number - 1].rect
        point = {name: place[name] + place[size] / 2 for name, size in SIZE_OF.items()}
        point["y"] -= self.read("window.scrollY")

        def touch():
            for kind, points in (("touchStart", [point]), ("touchEnd", [])):
                event = {"type": kind, "touchPoints": points}
                self.driver.execute_cdp_cmd("Input.dispatchTouchEvent", event)

        self._answer(touch)

    def _answer(self, act):
        before = self.read("state.answers.length")
        act()
        self.wait(lambda: self.read("state.answers.length") == before + 1)
        self.wait(lambda: self.read("shownAt !== null || state.finished !== null"))

    def finish(self):
        while not self.read("state.finished"):
            self.touch(1)
