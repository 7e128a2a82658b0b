"""One process with any number of GPUs, or one process per device under torchrun.

Processes are kept equal by averaging gradients after `backward`, in one flat all-reduce. That is
what DistributedDataParallel does too, but it cannot follow the discriminator step, which runs the
network twice and differentiates through its gradient (R1) before one `backward`.
"""

import contextlib
import datetime
import os
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn

from my_utils.errors import UserError
from my_utils.runs.runtime import select_device

RENDEZVOUS = datetime.timedelta(minutes=5)  # how long processes wait for each other at the start


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


def _place() -> tuple[int, int, int]:
    """Rank, rank on this machine and number of processes, as torchrun sets them."""
    names = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    values = [os.environ.get(name, "") for name in names]
    numbers = [int(value) for value in (*values[:3], values[4]) if value.isdecimal()]
    if len(numbers) < 4 or not values[3] or not numbers[0] < numbers[2]:
        found = ", ".join(f"{name}={value!r}" for name, value in zip(names, values, strict=True))
        raise UserError(
            f"the environment is not that of torchrun ({found}): start with `torchrun "
            "--nproc_per_node=N train.py ...`, or unset WORLD_SIZE for one process"
        )
    return numbers[0], numbers[1], numbers[2]


@contextlib.contextmanager
def start_processes(device: str = "auto") -> Iterator[Processes]:
    """Join the siblings torchrun started, or stand alone, until the context ends."""
    if os.environ.get("WORLD_SIZE", "1") == "1":
        yield Processes(0, 1, select_device(device))
        return
    rank, local_rank, world_size = _place()
    chosen = select_device(device)
    if chosen.type == "cuda":
        if local_rank >= torch.cuda.device_count():
            raise UserError(
                f"process {local_rank} of this machine has no GPU of its own, as torch sees "
                f"{torch.cuda.device_count()}: start as many processes as there are GPUs"
            )
        chosen = torch.device("cuda", local_rank)
        torch.cuda.set_device(chosen)
    try:
        store, rank, world_size = next(dist.rendezvous("env://", timeout=RENDEZVOUS))
        backend = "nccl" if chosen.type == "cuda" else "gloo"
        dist.init_process_group(backend, store=store, rank=rank, world_size=world_size)
    except (dist.DistError, ValueError) as error:
        where = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
        reason = str(error).partition("\n")[0]
        raise UserError(
            f"process {rank} did not meet the other {world_size - 1} at {where} within "
            f"{RENDEZVOUS.seconds} seconds ({reason}): start all of them, with a port that is free"
        ) from error
    try:
        yield Processes(dist.get_rank(), world_size, chosen)
    finally:
        dist.destroy_process_group()
