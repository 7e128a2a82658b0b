"""A training that goes wrong: numbers that are not finite, or losses that jump."""

import json
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from my_utils.errors import UserError
from my_utils.files.atomic import atomic_path
from my_utils.training.processes import Processes

WATCHED = ("D", "G")
JUMP = 10  # times one plus the usual loss, far above what a healthy training shows
MEMORY = 0.99  # of the usual loss from one step to the next: about a hundred steps


class DivergenceError(UserError):
    """Going on would spoil the networks; all processes of a run notice it in the same step."""

    def __init__(self, message: str, losses: Mapping[str, Tensor], **details: object) -> None:
        super().__init__(message)
        self.report = {
            "message": message,
            "losses": {name: readable(value.item()) for name, value in losses.items()},
            **details,
        }


class LossWatch:
    """Notices a loss far above its mean over the last steps.

    Args:
        usual: these means by name, empty for a new run; kept up to date here.
    """

    def __init__(self, usual: dict[str, float]) -> None:
        self.usual = usual

    def check(self, losses: Mapping[str, Tensor], processes: Processes, nimg: int) -> None:
        """Take note of a step's losses; DivergenceError where one of them jumped."""
        for name in WATCHED:
            value = processes.mean(losses[name]).item()
            usual = self.usual.get(name, value)
            if not value < JUMP * (1 + usual):
                raise DivergenceError(
                    f"the loss {name} jumped from about {usual:.3g} to {value:.3g} at image {nimg}",
                    losses,
                )
            self.usual[name] = MEMORY * usual + (1 - MEMORY) * value


def write_report(path: Path, error: DivergenceError, **facts: object) -> None:
    """Save what is known about a divergence as JSON."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(error.report | facts, indent=2) + "\n")


def readable(value: float) -> float | str:
    """A number as JSON holds it, which knows none that are not finite."""
    return value if abs(value) < float("inf") else str(value)
