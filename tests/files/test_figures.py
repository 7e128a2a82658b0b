"""Figures are saved in one way: by the ending, whole, and equal ones as equal files."""

import pytest
from matplotlib.figure import Figure
from PIL import Image

from my_utils.errors import UserError
from my_utils.files.figures import save_figure


def figure(title="a $5 run") -> Figure:
    made = Figure(figsize=(2, 2))
    made.add_subplot().set_title(title, parse_math=False)
    return made


@pytest.mark.parametrize("kind", ["png", "pdf", "svg"])
def test_equal_figures_become_equal_files(tmp_path, kind):
    for name in ("a", "b"):
        save_figure(figure(), tmp_path / "new" / f"{name}.{kind}")
    first, second = ((tmp_path / "new" / f"{name}.{kind}").read_bytes() for name in ("a", "b"))
    assert first == second
    save_figure(figure("another"), tmp_path / f"c.{kind}")
    assert (tmp_path / f"c.{kind}").read_bytes() != first


def test_one_call_writes_every_format_and_refuses_others(tmp_path):
    save_figure(figure(), tmp_path / "a.png", tmp_path / "a.PDF")
    assert Image.open(tmp_path / "a.png").size == (400, 400)
    assert (tmp_path / "a.PDF").read_bytes().startswith(b"%PDF")
    with pytest.raises(UserError, match="use one of the endings .png"):
        save_figure(figure(), tmp_path / "a.gif")
    assert {path.name for path in tmp_path.iterdir()} == {"a.png", "a.PDF"}
