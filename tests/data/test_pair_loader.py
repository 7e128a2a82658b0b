"""Batches of pairs: those of the data set, however far the processes that load them are ahead."""

import dataclasses
import itertools
import time

import pytest
import torch

from my_utils.data.dataset import FaceDataset, InfiniteSampler
from my_utils.data.pair_loader import AHEAD, ReusedBatches, pair_loader
from my_utils.data.resources import Resources
from my_utils.runs.config import run_config

BATCH = 2


@pytest.fixture(scope="module")
def dataset(demo_folder):
    config = dataclasses.replace(run_config(29, demo=True), resolution=32, render_size=32)
    return FaceDataset(Resources(demo_folder), config)


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_a_batch_stays_as_it_is_until_the_next_is_asked_for(dataset, workers):
    batches = 3 * (AHEAD + 1)  # so that all memory is used again
    positions = list(itertools.islice(InfiniteSampler(len(dataset), seed=1), batches * BATCH))
    loader = pair_loader(dataset, BATCH, InfiniteSampler(len(dataset), seed=1), workers=workers)
    for number, batch in zip(range(batches), loader, strict=False):
        time.sleep(0.05)  # the processes do all that they may
        expected = positions[number * BATCH : (number + 1) * BATCH]
        assert batch.position.tolist() == expected
        for row, position in enumerate(expected):
            pair = dataset[position]
            for name in ("photograph", "renderings", "params"):
                assert torch.equal(getattr(batch, name)[row], getattr(pair, name))


def test_memory_is_used_again_after_as_many_batches_as_can_be_in_use(dataset):
    collate = ReusedBatches()
    batches = [collate([dataset[n], dataset[n + 1]]) for n in range(AHEAD + 2)]
    addresses = [batch.renderings.data_ptr() for batch in batches]
    assert len(set(addresses)) == AHEAD + 1
    assert addresses[0] == addresses[-1]
    assert all(tensor.is_shared() for tensor in batches[0])
