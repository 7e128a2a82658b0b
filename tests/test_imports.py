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
OWN = {"constants", "model", "my_utils", "train", "tests", *SCRIPTS}
# What the files of each folder may import from the project.
ALLOWED = {
    "constants.py": set(),
    "model": {"constants", "model"},
    "my_utils": {"constants", "model", "my_utils"},
    "train.py": {"constants", "model", "my_utils"},
    **dict.fromkeys(SCRIPTS, {"constants", "model", "my_utils"}),
}
# What each room of my_utils may import, beside itself, constants, errors and signals.
ROOMS = {
    "errors": "",
    "signals": "",
    "cli": "",
    "untrusted": "",
    "files": "untrusted",
    "runs": "model files untrusted",
    "study": "files untrusted cli",
    "data": "model runs files untrusted",
    "demo": "model data files",
    "faces": "model data runs files untrusted",
    "photos": "model faces data runs files untrusted",
    "stimuli": "model faces data runs files untrusted",
    "viewer": "model photos faces data runs files untrusted",
    "web": "model photos faces data runs files untrusted",
    "metrics": "model faces demo data runs files untrusted",
    "training": "model metrics faces data runs files untrusted",
}
# Files that may import more than their room.
FILES = {
    "study/pictures": "model faces runs",  # draws the pictures that all others of the room study
    "web/adjustment_page": "study",  # a study in which people move the page's sliders
    "faces/options": "cli demo",
    "metrics/fid/options": "cli",
}
PARSERS = {"cli", "runs/config"}  # they and files called options take argparse's arguments


def sources() -> Iterator[Path]:
    for name in ALLOWED:
        path = ROOT / name
        yield from [path] if path.suffix else sorted(path.rglob("*.py"))


def imported(path: Path) -> set[str]:
    """The modules that a file imports, wherever in it."""
    modules = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add(node.module)
            if node.module == "my_utils":
                modules |= {f"my_utils.{alias.name}" for alias in node.names}
    return modules


def each_file(paths):
    return pytest.mark.parametrize(
        "path", list(paths), ids=lambda path: str(path.relative_to(ROOT))
    )


@each_file(sources())
def test_imports_go_downwards(path):
    top = path.relative_to(ROOT).parts[0]
    modules = imported(path)
    assert {module.split(".")[0] for module in modules} & OWN <= ALLOWED[top]
    assert "torchvision" not in modules
    if top == "model":
        assert not {"argparse", "pathlib", "os", "io", "tqdm", "PIL"} & modules
    if path.relative_to(ROOT) == Path("model/generator.py"):
        assert not {"model.renderer", "model.rasterizer", "model.flame"} & modules


@each_file(sorted((ROOT / "my_utils").glob("*/**/*.py")) + sorted((ROOT / "my_utils").glob("*.py")))
def test_rooms_open_only_into_rooms_below(path):
    """The table of rooms, and who may know of the command line."""
    name = path.relative_to(ROOT / "my_utils").with_suffix("").as_posix()
    room = name.split("/")[0]
    if name.endswith("__init__"):
        return
    may = {room, "constants", "errors", "signals", *ROOMS[room].split()}
    may |= set(FILES.get(name, "").split())
    if name in PARSERS or path.stem == "options":
        may |= {"argparse", "cli"}
    modules = imported(path)
    entered = {module.split(".")[1] for module in modules if module.startswith("my_utils.")}
    entered |= {module.split(".")[0] for module in modules} & {"constants", "model", "argparse"}
    assert room != "study" or name in FILES or "torch" not in modules
    assert entered <= may


@each_file(sorted((ROOT / "my_utils").rglob("__init__.py")))
def test_a_room_says_what_it_is_for_and_in_which_order_to_read_it(path):
    tree = ast.parse(path.read_text())
    (sentence,) = tree.body
    assert isinstance(sentence, ast.Expr)
    if path.parent != ROOT / "my_utils":
        files = {file.stem for file in path.parent.glob("*.py")} - {"__init__"}
        rooms = {file.parent.name for file in path.parent.glob("*/__init__.py")}
        assert files | rooms <= set(re.findall(r"\w+", ast.get_docstring(tree)))


def test_rooms_form_no_circle():
    """The table itself: every room can be put on a floor above those that it enters."""
    above = {room: set(rooms.split()) & ROOMS.keys() for room, rooms in ROOMS.items()}
    while above:
        ground = [room for room, rooms in above.items() if not rooms]
        assert ground, f"a circle among {', '.join(above)}"
        above = {room: rooms - set(ground) for room, rooms in above.items() if rooms}


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
