"""What a training leaves behind once in a while: numbers, pictures, checkpoints and measures."""

import resource
import time
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from my_utils.faces.synthesizer import FaceSynthesizer
from my_utils.files.images import save_picture
from my_utils.runs.checkpoint import CheckpointStore, kimg_name
from my_utils.runs.generators import prune_generators, save_generator
from my_utils.signals import StopRequest
from my_utils.training.batches import Batches
from my_utils.training.log import MetricsLog
from my_utils.training.sample_grid import sample_grid
from my_utils.training.state import TrainingJob, TrainingState

RANKED = ("control_error", "frechet_control", "fid")  # the best generator by each is kept


class Tick(NamedTuple):
    """Where a training stood when it last reported its speed."""

    time: float  # seconds, of an arbitrary clock
    nimg: int
    seconds_waited: float  # for data, since the start


class Reports:
    """Reports on a training. Only the first process writes; all of them measure.

    A checkpoint comes before the measures of the same moment: whatever ends them loses nothing, and
    a resumed run measures first what is missing.
    """

    def __init__(
        self,
        job: TrainingJob,
        state: TrainingState,
        synthesizer: FaceSynthesizer,  # of the averaged generator
        batches: Batches,
    ) -> None:
        self.job, self.state, self.synthesizer, self.batches = job, state, synthesizer, batches
        config, first = job.config, job.processes.is_first
        self._store = CheckpointStore(job.run.checkpoints)
        self._measures = None
        if config.measure_kimg:
            from my_utils.training.measures import TrainingMeasures  # brings torchvision

            share = job.processes.share_of(config.batch)
            self._measures = TrainingMeasures(synthesizer, job.processes, batch=share)
        self._log = MetricsLog(job.run.checkpoints, state.log) if first else None
        self._total = round(config.total_kimg * 1000)
        self._progress = tqdm(
            total=self._total, initial=state.nimg, unit="img", disable=None if first else True
        )
        self._last = Tick(time.perf_counter(), state.nimg, 0.0)
        missing = self._log is not None and not self._log.has_any_of(RANKED, state.nimg)
        if state.nimg and self._due("measure") and job.processes.any(missing):
            self._measure()

    def after_step(self, losses: Mapping[str, Tensor], stop: StopRequest) -> bool:
        """Report what is due after a step; whether the training ends here."""
        self._progress.update(self.job.config.batch)
        stopping = self.job.processes.any(stop.signal is not None)
        finished = self.state.nimg >= self._total
        measuring = self._measures is not None and (self._due("measure") or finished)
        if self._log is not None:
            for name, value in losses.items():
                self._log.report(f"loss/{name}", value)
            regular = self._due("tick") or self._due("measure")
            if regular or finished:
                self._write_numbers(self._log, regular=regular)
            if self._due("sample") or finished:
                self._write_samples(self._log)
            if self._due("checkpoint") or measuring or finished or stopping:
                self._write_checkpoint(self._log)
        if measuring and not stopping:
            with stop.at_once():
                self._measure()
        return finished or stopping

    def __enter__(self) -> "Reports":
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.close()
        if self._log is not None:
            self._log.close()

    def _due(self, kind: str) -> bool:
        interval = getattr(self.job.config, f"{kind}_kimg")
        return interval > 0 and passed(interval, self.state.nimg, self.job.config.batch)

    def _write_numbers(self, log: MetricsLog, *, regular: bool) -> None:
        last = self._last
        now = Tick(time.perf_counter(), self.state.nimg, self.batches.seconds_waited)
        seconds = now.time - last.time
        row = log.tick(
            now.nimg,
            regular=regular,
            sec_per_kimg=seconds / (now.nimg - last.nimg) * 1000,
            data_wait=(now.seconds_waited - last.seconds_waited) / seconds,
            **memory(self.job.processes.device),
        )
        self._last = now
        self._progress.write(status_line(row, total=self._total))

    def _write_samples(self, log: MetricsLog) -> None:
        picture = sample_grid(self.synthesizer, self.job.dataset)
        path = self.job.run.samples / f"samples-{kimg_name(self.state.nimg)}.png"
        save_picture(path, picture)
        log.picture("samples", np.asarray(picture), self.state.nimg)

    def _write_checkpoint(self, log: MetricsLog) -> None:
        # The generator first: a run that is killed in between then does both again.
        config, state = self.job.config, self.state
        self._write_generator(f"generator-{kimg_name(state.nimg)}.safetensors")
        state.log = log.state()
        self._store.save(state.state_dict(), nimg=state.nimg, keep=config.keep_checkpoints)
        prune_generators(
            self._store.folder, keep=config.keep_checkpoints, every_kimg=config.keep_every_kimg
        )

    def _write_generator(self, name: str, measures: Mapping[str, float] | None = None) -> None:
        path, state, config = self._store.folder / name, self.state, self.job.config
        save_generator(path, state.generator_ema, config, nimg=state.nimg, measures=measures)

    def _measure(self) -> None:
        """Add the measures of the averaged generator to the log, and keep it where it is best."""
        assert self._measures is not None
        start = time.perf_counter()
        scores = self._measures()
        if self._log is not None:
            best = [name for name in RANKED if self._log.is_lowest(name, scores.get(name))]
            self._log.add(self.state.nimg, scores)
            for name in best:
                self._write_generator(f"best-{name}.safetensors", scores)
        # The time of a step does not hold that of measuring.
        self._last = self._last._replace(time=self._last.time + time.perf_counter() - start)


def passed(interval_kimg: float, nimg: int, batch: int) -> bool:
    """Whether the step that ended at `nimg` images passed a multiple of the interval."""
    interval = interval_kimg * 1000
    return nimg // interval > (nimg - batch) // interval


def memory(device: torch.device) -> dict[str, float]:
    """The most that this process has held so far, in gigabytes (10^9 bytes)."""
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = {"cpu_gb": kilobytes * 1024 / 1e9}
    if device.type == "cuda":
        found["gpu_gb"] = torch.cuda.max_memory_reserved(device) / 1e9
    return found


def status_line(row: Mapping[str, float], *, total: int) -> str:
    """A row of the log for people: progress, speed, time left, memory, and the losses."""
    left = (total - row["nimg"]) / 1000 * row["sec_per_kimg"]
    gpu = f"  GPU {row['gpu_gb']:.1f} GB" if "gpu_gb" in row else ""
    losses = "  ".join(
        f"{name.removeprefix('loss/')} {value:.3f}"
        for name, value in row.items()
        if name.startswith("loss/")
    )
    return (
        f"kimg {row['nimg'] / 1000:g}  {row['sec_per_kimg']:.1f} s/kimg  {duration(left)} left  "
        f"CPU {row['cpu_gb']:.1f} GB{gpu}  data wait {row['data_wait']:.0%}  {losses}"
    )


def duration(seconds: float) -> str:
    """A time for people, in its two largest units: 3700 -> "1 h 2 min"."""
    minutes, hours = seconds / 60, seconds / 3600
    if minutes < 1:
        return f"{seconds:.0f} s"
    if hours < 1:
        return f"{minutes:.0f} min"
    if hours < 48:
        return f"{int(hours)} h {int(minutes) % 60} min"
    return f"{int(hours / 24)} days {int(hours) % 24} h"
