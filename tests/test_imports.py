"""The structure itself: imports go downwards, and nothing unsafe is asked for."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ("plots", "prepare_lmdb", "mturk")
# What the files of each folder may import from the project.
ALLOWED = {
    "constants.py": set(),
    "model": {"constants", "model"},
    "my_utils": {"constants", "model", "my_utils"},
    "train.py": {"constants", "model", "my_utils"},
    **dict.fromkeys(SCRIPTS, {"constants", "model", "my_utils"}),
}
OWN = {"constants", "model", "my_utils", "train", "tests", *SCRIPTS}


def sources() -> Iterator[Path]:
    for name in ALLOWED:
        path = ROOT / name
        yield from [path] if path.suffix else sorted(path.rglob("*.py"))


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


@pytest.mark.parametrize("path", list(sources()), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_downwards(path):
    top = path.relative_to(ROOT).parts[0]
    modules = set(imported(path))
    assert {module.split(".")[0] for module in modules} & OWN <= ALLOWED[top]
    assert "torchvision" not in modules or path.name == "vision.py"
    if top == "model":
        assert not {"argparse", "pathlib", "os", "io", "tqdm", "PIL"} & modules
    if path.relative_to(ROOT) == Path("model/generator.py"):
        assert not {"model.renderer", "model.rasterizer", "model.flame"} & modules


# What the linter has no rule for; it finds unpickling, eval, exec, shells and global random state.
FORBIDDEN = re.compile(r"allow_pickle=True|weights_only=False|\.cuda\(|/home/")


@pytest.mark.parametrize("path", list(sources()), ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_unsafe_is_asked_for(path):
    found = [line for line in path.read_text().splitlines() if FORBIDDEN.search(line)]
    assert not found


def test_scripts_help_from_any_folder(tmp_path):
    scripts = [ROOT / "train.py"]
    for folder in SCRIPTS:
        scripts += sorted((ROOT / folder).glob("*.py"))
    for script in scripts:
        done = subprocess.run(
            [sys.executable, str(script), "--help"], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert "python " in done.stdout, f"{script.name} shows no example"


def test_help_imports_nothing_heavy():
    code = "import sys; sys.argv = ['x', '--help']\ntry:\n import train; train.parse_args()\n"
    code += "except SystemExit: pass\nassert 'torch' not in sys.modules, 'torch was imported'"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
