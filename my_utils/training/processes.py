"""One process with any number of GPUs, or one process per device under torchrun.

Processes are kept equal by averaging gradients after `backward`, in one flat all-reduce. That is
what DistributedDataParallel does too, but it cannot follow the discriminator step, which runs the
network twice and differentiates through its gradient (R1) before one `backward`.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn

from my_utils.errors import UserError
from my_utils.runs.runtime import select_device


@dataclass(frozen=True)
class Processes:
    """Where this process stands among its siblings, and the device it computes on."""

    rank: int
    world_size: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def share_of(self, batch: int) -> int:
        """Images of a global batch that this process handles."""
        if batch % self.world_size:
            raise UserError(
                f"--batch {batch} does not split over {self.world_size} processes: "
                f"pass a multiple of {self.world_size}"
            )
        return batch // self.world_size

    def wrap(self, module: nn.Module) -> nn.Module:
        """The module to call: split over all visible GPUs when one process sees several."""
        if self.world_size == 1 and self.device.type == "cuda" and torch.cuda.device_count() > 1:
            return nn.DataParallel(module)
        return module

    def average_gradients(self, module: nn.Module) -> None:
        """Replace every gradient by its mean over the processes."""
        if self.world_size == 1:
            return
        gradients = [p.grad for p in module.parameters() if p.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        flat /= self.world_size
        for gradient, mean in zip(
            gradients, flat.split([g.numel() for g in gradients]), strict=True
        ):
            gradient.copy_(mean.view_as(gradient))

    def share_of_rows(self, count: int) -> slice:
        """The rows of `count` that this process handles; `gather_rows` puts all in order again."""
        return slice(self.rank, count, self.world_size)

    def gather_rows(self, rows: Tensor, count: int) -> Tensor:
        """All `count` rows, in every process, of what each computed for its `share_of_rows`."""
        if self.world_size == 1:
            return rows
        most = -(-count // self.world_size)
        padded = torch.cat([rows, rows.new_zeros(most - len(rows), *rows.shape[1:])])
        parts = [torch.empty_like(padded) for _ in range(self.world_size)]
        dist.all_gather(parts, padded)
        return torch.stack(parts, dim=1).flatten(0, 1)[:count]

    def wait(self) -> None:
        """Go on when every process has come here."""
        if self.world_size > 1:
            dist.barrier()

    def any(self, flag: bool) -> bool:
        """True in every process when it is true in one of them."""
        if self.world_size == 1:
            return flag
        value = torch.tensor(float(flag), device=self.device)
        dist.all_reduce(value, op=dist.ReduceOp.MAX)
        return bool(value)

    def mean(self, value: Tensor) -> Tensor:
        """The mean of a scalar over the processes."""
        if self.world_size > 1:
            value = value.clone()
            dist.all_reduce(value)
            value /= self.world_size
        return value


@contextlib.contextmanager
def start_processes(device: str = "auto") -> Iterator[Processes]:
    """Join the siblings torchrun started, or stand alone, until the context ends."""
    world_size = int(os.environ.get("WORLD_SIZE", "1"))
    if world_size == 1:
        yield Processes(0, 1, select_device(device))
        return
    chosen = select_device(device)
    if chosen.type == "cuda":
        chosen = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(chosen)
    dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    try:
        yield Processes(dist.get_rank(), world_size, chosen)
    finally:
        dist.destroy_process_group()
