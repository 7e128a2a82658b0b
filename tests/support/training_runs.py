"""Small trainings inside the process of a test."""

import dataclasses
import json

import torch

from my_utils.data.dataset import FaceDataset
from my_utils.data.resources import Resources
from my_utils.runs.checkpoint import CheckpointStore
from my_utils.runs.config import run_config
from my_utils.runs.folder import RunDir
from my_utils.training.loop import training_loop
from my_utils.training.processes import Processes
from my_utils.training.state import TrainingJob, TrainingState

OF_THE_MACHINE = ("sec_per_kimg", "data_wait", "cpu_gb", "gpu_gb")
ALONE = Processes(0, 1, torch.device("cpu"))


def tiny(run_id, **changes):
    small = dict(
        resolution=32,
        render_size=32,
        z_dim=8,
        w_dim=8,
        mapping_layers=2,
        channel_base=128,
        channel_max=8,
        batch=4,
        r1_interval=2,
        texture_interval=2,
        total_kimg=0.016,
        tick_kimg=0.008,
        sample_kimg=0.016,
        checkpoint_kimg=0.008,
    )
    return dataclasses.replace(run_config(run_id, demo=True), **(small | changes)).validate()


def train(config, demo_folder, output, state=None):
    """Train a new run, or go on with the state dict of one."""
    resources = Resources(demo_folder)
    with RunDir(output, config.run_id) as run:
        dataset = FaceDataset(resources, config)
        fresh = TrainingState.new(config, dataset, ALONE.device)
        if state is not None:
            fresh.load_state_dict(state)
        training_loop(TrainingJob(config, resources, dataset, run, ALONE), fresh)
    return CheckpointStore(run.checkpoints).load_newest(), run


def stats(run):
    return [json.loads(line) for line in (run.checkpoints / "stats.jsonl").read_text().splitlines()]


def losses(run):
    """All that a run reported but its speed and memory."""
    return [comparable(row) for row in stats(run)]


def comparable(row):
    return {name: value for name, value in row.items() if name not in OF_THE_MACHINE}
