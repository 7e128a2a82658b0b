"""Numbers over time: `stats.jsonl` for programs, TensorBoard for people."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from my_utils.files.atomic import atomic_path, writing


class MetricsLog:
    """Averages what is reported by name, and writes one row per tick.

    A resumed run has the rows of an uninterrupted one: what was reported since the last regular
    tick is part of the training state, and rows after that tick are dropped, as is a half-written
    line, so that the image count in the file only ever grows.

    Args:
        state: that of a log to continue, see `state`; None for a new run.
    """

    def __init__(self, folder: Path, state: dict | None = None) -> None:
        self._path = folder / "stats.jsonl"
        state = state or {"nimg": 0, "sums": {}, "counts": {}}
        self._ticked: int = state["nimg"]
        self._sums: dict[str, Tensor] = dict(state["sums"])
        self._counts: dict[str, int] = dict(state["counts"])
        self._lowest: dict[str, float] = {}
        self._names: dict[int, set[str]] = {}  # of the numbers in the file, by images seen
        self._keep_rows_up_to(self._ticked)
        self._board = SummaryWriter(folder / "tensorboard", purge_step=self._ticked + 1)

    def state(self) -> dict:
        """The images seen at the last regular tick, and what was reported since: plain types."""
        sums = {name: total.cpu() for name, total in self._sums.items()}
        return {"nimg": self._ticked, "sums": sums, "counts": dict(self._counts)}

    def _keep_rows_up_to(self, nimg: int) -> None:
        if not self._path.exists():
            return
        kept = []
        for line in self._path.read_text().splitlines():
            row = _row_of(line)
            if row is not None and row["nimg"] <= nimg:
                kept.append(line)
                self._note(row)
        with atomic_path(self._path) as temporary:
            temporary.write_text("".join(line + "\n" for line in kept))

    def _note(self, row: Mapping[str, float]) -> None:
        self._names.setdefault(int(row["nimg"]), set()).update(row)
        for name, value in row.items():
            self._lowest[name] = min(value, self._lowest.get(name, value))

    def is_lowest(self, name: str, value: float | None) -> bool:
        """Whether no row so far, those before a resume included, has so small a value."""
        return value is not None and value < self._lowest.get(name, float("inf"))

    def has_any_of(self, names: Iterable[str], nimg: int) -> bool:
        """Whether one of these numbers is in the file for this count of images."""
        return not self._names.get(nimg, set()).isdisjoint(names)

    def report(self, name: str, value: Tensor) -> None:
        """Add a scalar to the mean of this tick; it stays on its device until the tick ends."""
        value = value.detach().to(torch.float64)
        self._sums[name] = self._sums[name] + value if name in self._sums else value
        self._counts[name] = self._counts.get(name, 0) + 1

    def tick(self, nimg: int, *, regular: bool = True, **scalars: float) -> dict[str, float]:
        """Write the means and the given scalars as one row, and start over.

        Args:
            regular: False for a row that an uninterrupted run would not have here, such as the
                last one of a run that may be prolonged: the means then go on after it.
        """
        means = {name: (total / self._counts[name]).item() for name, total in self._sums.items()}
        row = self.add(nimg, means | scalars)
        if regular:
            self._ticked, self._sums, self._counts = nimg, {}, {}
        return row

    def add(self, nimg: int, values: Mapping[str, float]) -> dict[str, float]:
        """Write these numbers as a row of their own."""
        row = {"nimg": nimg, **values}
        self._note(row)
        with writing(self._path), self._path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        for name, value in row.items():
            self._board.add_scalar(name, value, nimg)
        self._board.flush()
        return row

    def picture(self, name: str, image: np.ndarray, nimg: int) -> None:
        """Show a uint8 [H, W, 3] picture on the board."""
        self._board.add_image(name, image, nimg, dataformats="HWC")

    def close(self) -> None:
        self._board.close()


def _row_of(line: str) -> dict[str, float] | None:
    """The row that a line of the file holds, None for half a line."""
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) and "nimg" in row else None
