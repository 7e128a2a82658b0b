"""Small trainings inside the process of a test."""

import dataclasses
import json

import torch

from my_utils.data.dataset import FaceDataset
from my_utils.data.resources import Resources
from my_utils.runs.checkpoint import CheckpointStore
from my_utils.runs.config import run_config
from my_utils.runs.folder import RunDir
from my_utils.signals import StopRequest
from my_utils.training.loop import training_loop
from my_utils.training.processes import Processes

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
    resources = Resources(demo_folder)
    with RunDir(output, config.run_id) as run, StopRequest() as stop:
        dataset = FaceDataset(resources, config)
        training_loop(config, resources, dataset, run, state, processes=ALONE, stop=stop)
    return CheckpointStore(run.checkpoints).load_newest(), run


def stats(run):
    return [json.loads(line) for line in (run.checkpoints / "stats.jsonl").read_text().splitlines()]


def losses(run):
    """All that a run reported but its speed."""
    return [row | {"sec_per_kimg": None} for row in stats(run)]
