"""Keeps a training going, or says in one sentence why it cannot."""

from my_utils.data.dataset import FaceDataset
from my_utils.data.resources import Resources
from my_utils.errors import UserError
from my_utils.runs.checkpoint import CheckpointStore
from my_utils.runs.config import RunConfig
from my_utils.runs.folder import RunDir
from my_utils.signals import StopRequest
from my_utils.training.divergence import DivergenceError
from my_utils.training.loop import training_loop
from my_utils.training.processes import Processes


def train(
    config: RunConfig,
    resources: Resources,
    dataset: FaceDataset,
    run: RunDir,
    state: dict | None,  # training state to continue from
    *,
    processes: Processes,
    stop: StopRequest,
) -> None:
    """Train as `training_loop` does, and where that diverges go back to the newest checkpoint.

    The steps after it are then taken with other random numbers, which may avoid what happened.

    Raises:
        UserError: the training diverged more than `config.recoveries` times, memory is short, or
            a data-loading process was killed.
    """
    recoveries = state.get("recoveries", 0) if state else 0
    while True:
        try:
            return training_loop(
                config,
                resources,
                dataset,
                run,
                state,
                processes=processes,
                stop=stop,
                recoveries=recoveries,
            )
        except DivergenceError as error:
            if recoveries >= config.recoveries:
                raise
            recoveries += 1
            if processes.is_first:
                print(f"{error}\nrecovery {recoveries} of {config.recoveries}", flush=True)
            state = CheckpointStore(run.checkpoints).load_newest()
        except RuntimeError as error:
            raise _explained(error, config) from error


def _explained(error: RuntimeError, config: RunConfig) -> Exception:
    """What torch reports of the machine, as a sentence; other errors as they are."""
    reason = str(error).partition("\n")[0]
    if "out of memory" in reason or "can't allocate memory" in reason:
        part = max(4, (config.batch_gpu or config.batch) // 2)
        return UserError(
            f"memory is short ({reason}): repeat the command with --batch_gpu {part}, which "
            "computes a step in parts; the newest checkpoint is intact"
        )
    if "DataLoader worker" in reason:
        return UserError(
            f"a data-loading process was killed ({reason}): repeat the command to continue, with "
            "fewer --workers if memory was short"
        )
    return error
