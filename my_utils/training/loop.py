"""The training of GIF, straight down: build, restore, then step by step, with reports in between.

A step, in `training_step`, sees one batch of photographs with the renderings of the same faces.
"""

import time
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from model.condition import ParameterNormalization
from model.generator import Generator
from my_utils.data.dataset import FaceDataset, InfiniteSampler, TrainingPair
from my_utils.data.resources import Resources
from my_utils.errors import UserError
from my_utils.faces.synthesizer import FaceSynthesizer
from my_utils.files.images import save_picture
from my_utils.runs.checkpoint import NETWORKS, OPTIMIZERS, CheckpointStore, kimg_name
from my_utils.runs.config import RunConfig
from my_utils.runs.folder import RunDir
from my_utils.runs.generators import prune_generators, save_generator
from my_utils.runs.networks import (
    build_discriminator,
    build_generator,
    load_weights,
    network_to_device,
    to_device,
)
from my_utils.runs.runtime import seeded, step_generator
from my_utils.signals import StopRequest, leave_stopping_to_main_process
from my_utils.training.divergence import DivergenceError, LossWatch, write_report
from my_utils.training.log import MetricsLog
from my_utils.training.measures import RANKED, TrainingMeasures
from my_utils.training.processes import Processes
from my_utils.training.sample_grid import sample_grid
from my_utils.training.step import Batch, TrainingStep
from my_utils.training.texture_loss import TextureLoss


def training_loop(
    config: RunConfig,
    resources: Resources,
    dataset: FaceDataset,
    run: RunDir,
    state: dict | None,  # training state to continue from
    *,
    processes: Processes,
    stop: StopRequest,
    recoveries: int = 0,  # how often the run went back to a checkpoint: each time other numbers
) -> None:
    """Train until `config.total_kimg` images were seen or a stop is requested.

    Raises:
        DivergenceError: a loss or gradient is not finite, and was not used for an update; or
            a loss jumped, where `config.recoveries` asks to look for that.
    """
    device = processes.device
    batch = processes.share_of(config.batch)

    # Networks, optimizers, and what the losses and pictures need.
    with seeded(config.seed):
        generator = network_to_device(build_generator(config), config, device)
        discriminator = network_to_device(build_discriminator(config), config, device)
        generator_ema = network_to_device(build_generator(config), config, device)
    if config.ema_from_generator:
        generator_ema.load_state_dict(generator.state_dict())
    generator_ema.eval().requires_grad_(False)
    if config.condition == "vector":
        for network in (generator, discriminator, generator_ema):
            set_parameter_statistics(network, *dataset.parameter_statistics())
    renderer = resources.face_renderer(config.render_size).to(device)
    texture_loss = None
    if config.texture_weight:
        face_mask = torch.from_numpy(resources.face_mask).to(device)
        texture_sampler = resources.texture_sampler().to(device)
        texture_loss = TextureLoss(config, renderer, texture_sampler, face_mask)
    training_step = TrainingStep(
        config, generator, discriminator, generator_ema, texture_loss, processes
    )
    synthesizer = FaceSynthesizer(generator_ema, renderer, config, resources)

    measures = None
    if config.measure_kimg:
        measures = TrainingMeasures(synthesizer, processes, batch=batch)

    # Restore.
    nimg = 0
    networks = dict(zip(NETWORKS, (generator, discriminator, generator_ema), strict=True))
    adams = (training_step.optimizer_g, training_step.optimizer_d)
    optimizers = dict(zip(OPTIMIZERS, adams, strict=True))
    if state is not None:
        nimg = state["nimg"]
        for name, part in networks.items():
            load_weights(part, state[name], "the training state")
        check_styles(generator, len(dataset))
        for name, optimizer in optimizers.items():
            optimizer.load_state_dict(state[name])
    so_far = {"log": None, "usual_losses": {}} | (state or {})

    store = CheckpointStore(run.checkpoints)
    log = MetricsLog(run.checkpoints, so_far["log"]) if processes.is_first else None
    watch = LossWatch(so_far["usual_losses"])
    sampler = InfiniteSampler(
        len(dataset),
        seed=config.seed + recoveries,
        start=nimg,
        rank=processes.rank,
        world_size=processes.world_size,
    )
    loader = DataLoader(
        dataset,
        batch_size=batch,
        sampler=sampler,
        num_workers=config.workers,
        worker_init_fn=leave_stopping_to_main_process,
        pin_memory=device.type == "cuda",
    )
    total = round(config.total_kimg * 1000)
    progress = tqdm(
        total=total, initial=nimg, unit="img", disable=None if processes.is_first else True
    )
    tick_start, tick_nimg = time.perf_counter(), nimg

    for sample in batches_of(loader):
        random = step_generator(config.seed, processes.rank, nimg, recoveries)
        if config.fresh_styles:
            z = torch.randn((batch, config.z_dim), generator=random).to(device)
        else:
            z = generator.styles(torch.as_tensor(sample.position))
        image = to_device(sample.image, config, device)
        condition = to_device(sample.condition, config, device)
        faces = Batch(image, condition, sample.params.to(device), z)
        try:
            losses = training_step(faces, nimg, random)
            if config.recoveries:
                watch.check(losses, processes, nimg)
        except DivergenceError as error:
            name = f"diverged-{kimg_name(nimg)}-process{processes.rank}.json"
            positions = torch.as_tensor(sample.position)
            ids = dataset.ids[positions.numpy()].tolist()
            write_report(run.checkpoints / name, error, nimg=nimg, face_ids=ids)
            raise

        # Once in a while: numbers, pictures, checkpoints.
        nimg += config.batch
        progress.update(config.batch)
        if log is not None:
            for name, value in losses.items():
                log.report(f"loss/{name}", value)
        stopping = processes.any(stop.signal is not None)
        finished = nimg >= total
        ticking = passed(config.tick_kimg, nimg, config.batch)
        measuring = measures is not None and passed(config.measure_kimg, nimg, config.batch)
        seconds = time.perf_counter() - tick_start
        scores = measures() if measures is not None and (measuring or finished) else {}
        if log is not None and (ticking or measuring or finished):
            best = [name for name in RANKED if name in scores and log.is_lowest(name, scores[name])]
            speed = {"sec_per_kimg": seconds / (nimg - tick_nimg) * 1000}
            row = log.tick(nimg, regular=ticking or measuring, **speed, **scores)
            tick_start, tick_nimg = time.perf_counter(), nimg
            progress.write(status_line(row))
            for name in best:
                path = run.checkpoints / f"best-{name}.safetensors"
                save_generator(path, generator_ema, config, nimg=nimg, measures=scores)
        if log is not None and (passed(config.sample_kimg, nimg, config.batch) or finished):
            picture = sample_grid(synthesizer, dataset)
            save_picture(run.samples / f"samples-{kimg_name(nimg)}.png", picture)
            log.picture("samples", np.asarray(picture), nimg)
        saving = passed(config.checkpoint_kimg, nimg, config.batch) or finished or stopping
        if log is not None and saving:
            # The generator first: a run that is killed in between then does both again.
            path = run.checkpoints / f"generator-{kimg_name(nimg)}.safetensors"
            save_generator(path, generator_ema, config, nimg=nimg)
            now: dict = {name: part.state_dict() for name, part in (networks | optimizers).items()}
            now |= {"nimg": nimg, "config": config.to_dict(), "recoveries": recoveries}
            now |= {"log": log.state(), "usual_losses": watch.usual}
            store.save(now, nimg=nimg, keep=config.keep_checkpoints)
            prune_generators(
                run.checkpoints, keep=config.keep_checkpoints, every_kimg=config.keep_every_kimg
            )
        if finished or stopping:
            break

    progress.close()
    if log is not None:
        log.close()


def check_styles(generator: Generator, faces: int) -> None:
    """A released checkpoint has one style per training image; more images have none."""
    table = generator.style_table
    if table is not None and len(table) < faces:
        raise UserError(
            f"the released checkpoint has styles for {len(table)} images, the data set has {faces}:"
            " train on the faces it was trained on, or on fewer"
        )


def batches_of(loader: DataLoader) -> Iterator[TrainingPair]:
    """The loader's batches; a UserError of a worker process loses the traceback torch adds."""
    try:
        yield from loader
    except UserError as error:
        raise UserError(str(error).rpartition("UserError: ")[2].strip()) from None


def set_parameter_statistics(network: nn.Module, mean: Tensor, std: Tensor) -> None:
    """Tell every normalisation of the parameter vector what the data set looks like."""
    for module in network.modules():
        if isinstance(module, ParameterNormalization):
            module.set_statistics(mean, std)


def passed(interval_kimg: float, nimg: int, batch: int) -> bool:
    """Whether the step that ended at `nimg` images passed a multiple of the interval."""
    interval = interval_kimg * 1000
    return nimg // interval > (nimg - batch) // interval


def status_line(row: dict[str, float]) -> str:
    losses = "  ".join(
        f"{name.removeprefix('loss/')} {value:.3f}"
        for name, value in row.items()
        if name.startswith("loss/")
    )
    return f"kimg {row['nimg'] / 1000:g}  sec/kimg {row['sec_per_kimg']:.1f}  {losses}"
