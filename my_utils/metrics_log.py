"""Numbers over time: `stats.jsonl` for programs, TensorBoard for people."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter


class MetricsLog:
    """Averages what a tick reports by name and writes one row per tick.

    On resume, rows beyond the resumed image count are dropped, and so is a half-written last
    line, so that the image count in the file only ever grows.
    """

    def __init__(self, folder: Path, *, nimg: int) -> None:
        self._path = folder / "stats.jsonl"
        self._lowest: dict[str, float] = {}
        self._keep_rows_up_to(nimg)
        self._board = SummaryWriter(folder / "tensorboard", purge_step=nimg + 1)
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}

    def _keep_rows_up_to(self, nimg: int) -> None:
        if not self._path.exists():
            return
        rows = []
        for line in self._path.read_text().splitlines():
            try:
                row = json.loads(line)
            except json.JSONDecodeError:
                break
            if row["nimg"] <= nimg:
                rows.append(line)
                self._note_lowest(row)
        self._path.write_text("".join(row + "\n" for row in rows))

    def _note_lowest(self, row: Mapping[str, float]) -> None:
        for name, value in row.items():
            self._lowest[name] = min(value, self._lowest.get(name, value))

    def is_lowest(self, name: str, value: float) -> bool:
        """Whether no row so far, those before a resume included, has so small a value."""
        return value < self._lowest.get(name, float("inf"))

    def report(self, name: str, value: Tensor) -> None:
        """Add a scalar to the mean of this tick; it stays on its device until the tick ends."""
        value = value.detach().to(torch.float64)
        self._sums[name] = self._sums[name] + value if name in self._sums else value
        self._counts[name] = self._counts.get(name, 0) + 1

    def tick(self, nimg: int, **scalars: float) -> dict[str, float]:
        """Write the means and the given scalars as one row, and start over."""
        means = {name: (total / self._counts[name]).item() for name, total in self._sums.items()}
        row = {"nimg": nimg, **means, **scalars}
        self._note_lowest(row)
        with self._path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        for name, value in row.items():
            self._board.add_scalar(name, value, nimg)
        self._board.flush()
        self._sums, self._counts = {}, {}
        return row

    def picture(self, name: str, image: np.ndarray, nimg: int) -> None:
        """Show a uint8 [H, W, 3] picture on the board."""
        self._board.add_image(name, image, nimg, dataformats="HWC")

    def close(self) -> None:
        self._board.close()
