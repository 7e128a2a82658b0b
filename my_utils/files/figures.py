"""Figures, made without a screen: one palette, one style, and one way to save them."""

from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from my_utils.errors import UserError
from my_utils.files.atomic import atomic_path

# Okabe and Ito's colours, told apart with every kind of colour vision.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
BLUE, ORANGE = COLOURS[:2]
GREY, LIGHT_GREY = "#595959", "#DDDDDD"
HEAT_MAP = "cividis"  # the same for every kind of colour vision
STYLE: dict[Any, Any] = {  # within `matplotlib.rc_context`
    "pdf.fonttype": 42,  # journals refuse the Type 3 fonts of Matplotlib's default
    "svg.hashsalt": "figure",  # equal figures become equal files
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.labelsize": 9,
    "figure.constrained_layout.w_pad": 0.08,
}
NO_DATE = {".png": {}, ".pdf": {"CreationDate": None}, ".svg": {"Date": None}}


def save_figure(figure: Figure, *paths: Path) -> None:
    """Write a figure in the format of each path's ending; equal figures become equal files."""
    for path in paths:
        kind = path.suffix.lower()
        if kind not in NO_DATE:
            raise UserError(f"cannot write {path}: use one of the endings {', '.join(NO_DATE)}")
        path.parent.mkdir(parents=True, exist_ok=True)
        with matplotlib.rc_context(STYLE), atomic_path(path) as temporary:
            figure.savefig(temporary, format=kind[1:], dpi=200, metadata=NO_DATE[kind])
