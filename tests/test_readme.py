"""What the README says is so."""

import doctest
import re
from pathlib import Path

import pytest

from my_utils.faces import synthesizer as synthesis

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"


def test_the_lines_of_python_work(demo_folder, tmp_path, monkeypatch):
    (tmp_path / "my_utils").symlink_to(ROOT / "my_utils")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(synthesis, "demo_root", demo_folder)
    result = doctest.testfile(str(README), module_relative=False)
    assert result.attempted >= 6 and result.failed == 0
    assert (tmp_path / "face.png").exists()


PAGES = [README, *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_links_and_commands_lead_to_files(page):
    text = page.read_text()
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    missing = [target for target in targets if not (page.parent / target).exists()]
    scripts = re.findall(r"(?<![\w/.-])((?:plots|mturk|prepare_lmdb)/\w+\.(?:py|html))", text)
    missing += [script for script in scripts if not (ROOT / script).exists()]
    assert not missing


def test_every_promise_has_its_test():
    rows = re.findall(
        r"^\| P(\d+) \|.*\| `([\w/]+)\.py` (\w+) \|$",
        (ROOT / "docs" / "promises.md").read_text(),
        re.MULTILINE,
    )
    assert [int(number) for number, _, _ in rows] == list(range(1, 31))
    for _, file, name in rows:
        assert f"def test_{name}(" in (ROOT / f"{file}.py").read_text(), (file, name)
