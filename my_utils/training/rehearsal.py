"""What a training would do: `--dry_run`, which writes nothing."""

import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from my_utils.data.dataset import check_pairing
from my_utils.errors import UserError
from my_utils.runs.runtime import step_generator
from my_utils.training.batches import Batches
from my_utils.training.loop import batch_on_device, training_step
from my_utils.training.reports import duration
from my_utils.training.state import TrainingJob, TrainingState

STEPS = 2  # that are timed


def rehearse(
    job: TrainingJob,
    state: TrainingState,  # fresh; the steps that are timed change it
    saved: Mapping[str, Any] | None,  # what the training would go on from
) -> Iterator[str]:
    """Sentences: what it would start from, what is in its way, how long it would take."""
    if owner := job.run.owner():
        yield f"now: the run is being trained by {owner}; a second training would be refused"
    yield _start(state, saved)
    problems = check_pairing(job.dataset)
    yield from problems or ["pairs: every face has its photograph and its renderings"]
    free = shutil.disk_usage(_existing(job.run.checkpoints)).free
    yield f"disk: {free / 1e9:,.1f} GB are free where it writes"
    images = job.config.total_kimg * 1000 - state.nimg
    if images > 0 and not problems:
        seconds = seconds_per_step(job, state)
        left = duration(seconds * images / job.config.batch)
        yield f"time: {seconds:.2f} s for a step, {left} for all (measured on {STEPS} steps)"


def _start(state: TrainingState, saved: Mapping[str, Any] | None) -> str:
    if saved is None:
        return "start: a new run"
    try:
        state.load_state_dict(saved)
    except UserError as error:
        return f"start: refused, {error}"
    return f"start: continues after {state.nimg:,} images"


def _existing(folder: Path) -> Path:
    """The folder, or the nearest above it that exists."""
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())


def seconds_per_step(job: TrainingJob, state: TrainingState) -> float:
    """The mean over STEPS steps, loading included; nothing of them is kept on the disk."""
    step, _ = training_step(job, state)
    start = time.perf_counter()
    with Batches(job, state) as batches:
        for number, sample in enumerate(batches, start=1):
            rng = step_generator(job.config.seed, job.processes.rank, state.nimg)
            losses = step(batch_on_device(sample, job, state, rng), rng)
            losses["D"].item()  # waits for a GPU
            state.nimg += job.config.batch
            if number == STEPS:
                break
    return (time.perf_counter() - start) / STEPS
