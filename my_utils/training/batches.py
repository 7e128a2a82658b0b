"""The batches of a run in its order, and how long the training waits for them."""

import time
from collections.abc import Iterator

from torch.utils.data import DataLoader

from my_utils.data.dataset import InfiniteSampler, TrainingPair
from my_utils.errors import UserError
from my_utils.signals import leave_stopping_to_main_process
from my_utils.training.state import TrainingJob, TrainingState


class Batches:
    """This process's share of every batch, without end, from where a state stands on.

    `seconds_waited` is the time that the training has stood still for them.
    """

    def __init__(self, job: TrainingJob, state: TrainingState) -> None:
        config, processes = job.config, job.processes
        sampler = InfiniteSampler(
            len(job.dataset),
            seed=config.seed + state.recoveries,
            start=state.nimg,
            rank=processes.rank,
            world_size=processes.world_size,
        )
        self._loader = DataLoader(
            job.dataset,
            batch_size=processes.share_of(config.batch),
            sampler=sampler,
            num_workers=config.workers,
            worker_init_fn=leave_stopping_to_main_process,
            pin_memory=processes.device.type == "cuda",
        )
        self.seconds_waited = 0.0

    def __iter__(self) -> Iterator[TrainingPair]:
        start = time.perf_counter()
        try:
            for batch in self._loader:
                self.seconds_waited += time.perf_counter() - start
                yield batch
                start = time.perf_counter()
        except UserError as error:  # of a worker process: without the traceback torch adds
            raise UserError(str(error).rpartition("UserError: ")[2].strip()) from None
