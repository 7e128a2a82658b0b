"""Keeps a training going, or says in one sentence why it cannot."""

from my_utils.errors import UserError
from my_utils.runs.checkpoint import CheckpointStore
from my_utils.runs.config import RunConfig
from my_utils.training.divergence import DivergenceError
from my_utils.training.loop import training_loop
from my_utils.training.state import TrainingJob, TrainingState


def train(job: TrainingJob, state: TrainingState) -> None:
    """Train as `training_loop` does, and where that diverges go back to the newest checkpoint.

    The steps after it are then taken with other random numbers, which may avoid what happened.

    Raises:
        UserError: the training diverged more than `config.recoveries` times, memory is short, or
            a data-loading process was killed.
    """
    allowed = job.config.recoveries
    while True:
        try:
            return training_loop(job, state)
        except DivergenceError as error:
            recoveries = state.recoveries + 1
            if recoveries > allowed:
                raise
            if job.processes.is_first:
                print(f"{error}\nrecovery {recoveries} of {allowed}", flush=True)
            state = TrainingState.new(job.config, job.dataset, job.processes.device)
            if saved := CheckpointStore(job.run.checkpoints).load_newest():
                state.load_state_dict(saved)
            state.recoveries = recoveries
        except RuntimeError as error:
            raise _explained(error, job.config) from error


def _explained(error: RuntimeError, config: RunConfig) -> Exception:
    """What torch reports of the machine, as a sentence; other errors as they are."""
    reason = str(error).partition("\n")[0]
    if "out of memory" in reason or "can't allocate memory" in reason:
        part = max(4, (config.batch_gpu or config.batch) // 2)
        return UserError(
            f"memory is short ({reason}): repeat the command with --batch_gpu {part}, which "
            "computes a step in parts; the newest checkpoint is intact"
        )
    if "by peer" in reason:
        return UserError(
            f"another process of this run has ended ({reason}): see what it said; repeat the "
            "command to continue"
        )
    if "DataLoader worker" in reason:
        return UserError(
            f"a data-loading process was killed ({reason}): repeat the command to continue, with "
            "fewer --workers if memory was short"
        )
    return error
