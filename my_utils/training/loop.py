"""The training of GIF, straight down: build, then step by step, with reports in between.

A step, in `step.py`, sees one batch of photographs with the renderings of the same faces.
"""

import torch
from torch import Tensor

from model.renderer import FaceRenderer
from my_utils.data.dataset import TrainingPair
from my_utils.errors import UserError
from my_utils.faces.synthesizer import FaceSynthesizer
from my_utils.runs.checkpoint import kimg_name
from my_utils.runs.config import RunConfig
from my_utils.runs.networks import to_device
from my_utils.runs.runtime import step_generator
from my_utils.signals import StopRequest
from my_utils.training.batches import Batches
from my_utils.training.divergence import DivergenceError, LossWatch, write_report
from my_utils.training.reports import Reports
from my_utils.training.state import TrainingJob, TrainingState
from my_utils.training.step import Batch, TrainingStep
from my_utils.training.texture_loss import TextureLoss


def training_loop(job: TrainingJob, state: TrainingState) -> None:
    """Train until `config.total_kimg` images were seen.

    Raises:
        Stopped: Ctrl-C or SIGTERM came; the step was finished and a checkpoint written.
        DivergenceError: a loss or gradient is not finite, and was not used for an update; or
            a loss jumped, where `config.recoveries` allows to go back to a checkpoint.
    """
    config, processes = job.config, job.processes
    check_styles(job, state)
    step, renderer = training_step(job, state)
    synthesizer = FaceSynthesizer(state.generator_ema, renderer, config, job.resources)
    watch = LossWatch(state.usual_losses)
    with (
        Batches(job, state) as batches,
        Reports(job, state, synthesizer, batches) as reports,
        StopRequest() as stop,
    ):
        for sample in batches:
            rng = step_generator(config.seed, processes.rank, state.nimg, state.recoveries)
            try:
                losses = step(batch_on_device(sample, job, state, rng), rng)
                if config.recoveries:
                    watch.check(losses, processes, state.nimg)
            except DivergenceError as error:
                name = f"diverged-{kimg_name(state.nimg)}-process{processes.rank}.json"
                ids = job.dataset.ids[torch.as_tensor(sample.position).numpy()].tolist()
                write_report(job.run.checkpoints / name, error, nimg=state.nimg, face_ids=ids)
                raise
            state.nimg += config.batch
            if reports.after_step(losses, stop):
                break
    stop.answer()


def training_step(job: TrainingJob, state: TrainingState) -> tuple[TrainingStep, FaceRenderer]:
    """The step of a run, and the renderer of its conditions."""
    renderer = job.resources.face_renderer(job.config.render_size).to(job.processes.device)
    return TrainingStep(state, texture_loss(job, renderer), job.processes), renderer


def check_styles(job: TrainingJob, state: TrainingState) -> None:
    """A released checkpoint has one style per training image; more images have none."""
    table, faces = state.generator.style_table, len(job.dataset)
    if table is not None and len(table) < faces:
        raise UserError(
            f"the released checkpoint has styles for {len(table)} images, the data set has {faces}:"
            " train on the faces it was trained on, or on fewer"
        )


def texture_loss(job: TrainingJob, renderer: FaceRenderer) -> TextureLoss | None:
    """The texture-consistency loss of a run, where it has one."""
    if not job.config.texture_weight:
        return None
    device = job.processes.device
    sampler = job.resources.texture_sampler().to(device)
    face_mask = torch.from_numpy(job.resources.face_mask).to(device)
    return TextureLoss(job.config, renderer, sampler, face_mask)


def batch_on_device(
    sample: TrainingPair, job: TrainingJob, state: TrainingState, rng: torch.Generator
) -> Batch:
    """A batch of the data set with the styles of the faces to generate."""
    config, device, positions = job.config, job.processes.device, torch.as_tensor(sample.position)
    if config.fresh_styles:
        blocks = state.generator.synthesis.num_blocks
        z = fresh_styles(config, len(positions), blocks, rng).to(device)
    else:
        z = state.generator.styles(positions)
    sample = sample.to(device)
    image = to_device(sample.image, config, device)
    condition = to_device(sample.condition, config, device)
    return Batch(image, condition, sample.params, z)


def fresh_styles(
    config: RunConfig, count: int, blocks: int, rng: torch.Generator
) -> Tensor:  # [count, z_dim], or [count, blocks, z_dim] where styles are mixed
    """New styles; a share of the faces changes to a second one at a random block (StyleGAN)."""
    z = torch.randn((count, config.z_dim), generator=rng)
    if not config.style_mixing:
        return z
    other = torch.randn((count, config.z_dim), generator=rng)
    first = torch.randint(1, blocks, (count, 1), generator=rng)  # block of the second style
    first[torch.rand((count, 1), generator=rng) >= config.style_mixing] = blocks
    second = torch.arange(blocks) >= first
    return torch.where(second[:, :, None], other[:, None], z[:, None])
