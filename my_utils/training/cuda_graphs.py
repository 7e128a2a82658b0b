"""CUDA graphs of what every step repeats: one launch in place of some thousand.

Small networks wait for Python, which launches their operations one by one; a GPU that replays a
recording of them does not. Recorded operations read and write the memory that they had when they
were recorded, so all that enters a recording has to lie in one place, step after step.
"""

from collections.abc import Callable

import torch
from torch import Tensor

Losses = dict[str, Tensor]


class Recorder:
    """Runs functions that launch the same operations each time: as recordings, once they are made.

    The first call of a function runs as it is, since libraries choose their algorithms then; the
    second is recorded. A recording may use what another has left in memory, where both are always
    replayed in the order in which they were recorded.
    """

    def __init__(self) -> None:
        self._pool = torch.cuda.graph_pool_handle()
        self._known: set[object] = set()
        self._recordings: dict[object, tuple[torch.cuda.CUDAGraph, Losses]] = {}
        self._places: list[Tensor] = []

    def place(self, tensors: tuple[Tensor, ...]) -> list[Tensor]:
        """The same numbers where a recording looks for them; of the same shapes in every step."""
        if not self._places:
            self._places = [tensor.clone() for tensor in tensors]
        for place, tensor in zip(self._places, tensors, strict=True):
            place.copy_(tensor)
        return self._places

    def __call__(self, name: object, function: Callable[[], Losses]) -> Losses:
        """What the function returns; `name` tells it from others, and says what it depends on."""
        if name not in self._known:
            self._known.add(name)
            return function()
        if name not in self._recordings:
            graph = torch.cuda.CUDAGraph()
            # Not "global": the loader's thread pins memory at any time.
            with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
                losses = function()
            self._recordings[name] = graph, losses
        graph, losses = self._recordings[name]
        graph.replay()
        return {name: value.clone() for name, value in losses.items()}
