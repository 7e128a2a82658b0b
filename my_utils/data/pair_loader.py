"""Loads batches of training pairs in other processes, into shared memory that is used again.

Fresh shared memory costs a page fault for every 4 KB in each of the two processes, an eighth of the
time that reading and decoding the pictures takes.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler

from my_utils.data.dataset import FaceDataset, TrainingPair

AHEAD = 2  # batches that every process prepares


def pair_loader(
    dataset: FaceDataset,
    batch_size: int,
    sampler: Sampler[int],
    *,
    workers: int,  # 0 loads in this process
    worker_init_fn: Callable[[int], None] | None = None,
    pin_memory: bool = False,
) -> DataLoader[TrainingPair]:
    """Batches of the pairs at the positions of an endless sampler.

    What a batch holds is valid until the next one is asked for, unless it is pinned.
    """
    if not workers:
        return DataLoader(dataset, batch_size, sampler=sampler, pin_memory=pin_memory)
    return DataLoader(
        dataset,
        batch_size,
        sampler=sampler,
        num_workers=workers,
        prefetch_factor=AHEAD,
        collate_fn=ReusedBatches(),
        worker_init_fn=worker_init_fn,
        pin_memory=pin_memory,
    )


class ReusedBatches:
    """Stacks pairs, in every process, into as many batches in turn as can be in use at once."""

    def __init__(self) -> None:
        self._batches: list[list[Tensor]] = []

    def __call__(self, pairs: Sequence[TrainingPair]) -> TrainingPair:
        columns = [
            [torch.as_tensor(value) for value in column] for column in zip(*pairs, strict=True)
        ]
        if len(self._batches) <= AHEAD:  # one more is where the other process works
            batch = [torch.stack(column).share_memory_() for column in columns]
        else:
            batch = self._batches.pop(0)
            for tensor, column in zip(batch, columns, strict=True):
                torch.stack(column, out=tensor)
        self._batches.append(batch)
        return TrainingPair(*batch)
