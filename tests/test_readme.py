"""What the README says is so."""

import doctest
import re
from pathlib import Path

import pytest

import constants
from my_utils.faces import options, synthesizer

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"


def run_lines_of(page, folder, monkeypatch):
    monkeypatch.chdir(folder)
    result = doctest.testfile(str(page), module_relative=False)
    assert result.attempted >= 6 and result.failed == 0
    assert (folder / "face.png").exists()


def test_the_lines_of_python_work(demo_folder, tmp_path, monkeypatch):
    for module in (synthesizer, options):
        monkeypatch.setattr(module, "demo_root", demo_folder)
    run_lines_of(README, tmp_path, monkeypatch)


def test_what_scripts_do_is_done_from_a_prompt(resources, tmp_path, monkeypatch):
    """In a folder as `make demo` leaves it, with outputs of this test's own."""
    (tmp_path / "input_files").symlink_to((resources / "input_files").resolve())
    checkpoints = Path("output_files", "checkpoint")
    (tmp_path / checkpoints / "0").mkdir(parents=True)
    for path in (resources / checkpoints / "29").glob("*.safetensors"):
        (tmp_path / checkpoints / "0" / path.name).symlink_to(path)
    monkeypatch.setattr(constants, "demo_root", tmp_path)
    run_lines_of(ROOT / "docs" / "python.md", tmp_path, monkeypatch)


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
