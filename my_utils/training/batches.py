"""The batches of a run in its order, and how long the training waits for them."""

import time
import traceback
from collections.abc import Iterator

from my_utils.data.dataset import InfiniteSampler, TrainingPair
from my_utils.data.pair_loader import pair_loader
from my_utils.errors import UserError
from my_utils.signals import leave_stopping_to_main_process
from my_utils.training.state import TrainingJob, TrainingState


class Batches:
    """This process's share of every batch, without end, from where a state stands on.

    A context manager: its end is the end of the worker processes, whatever has happened.
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
        self._loader = pair_loader(
            job.dataset,
            processes.share_of(config.batch),
            sampler,
            workers=config.workers,
            worker_init_fn=leave_stopping_to_main_process,
            pin_memory=processes.device.type == "cuda",
        )
        self.seconds_waited = 0.0

    def __enter__(self) -> "Batches":
        self._iterator = iter(self._loader)
        return self

    def __exit__(self, *exception: object) -> None:
        del self._iterator  # the last reference to it, which ends its processes

    def __iter__(self) -> Iterator[TrainingPair]:
        while True:
            start = time.perf_counter()
            try:
                batch = next(self._iterator)
            except Exception as error:
                # Frames of the loader refer to it too: processes that it does not end, which leave
                # SIGTERM to this one, would keep this one from ending.
                traceback.clear_frames(error.__traceback__)
                if isinstance(error, UserError):  # without the traceback that torch adds
                    raise UserError(str(error).rpartition("UserError: ")[2].strip()) from None
                raise
            self.seconds_waited += time.perf_counter() - start
            yield batch
