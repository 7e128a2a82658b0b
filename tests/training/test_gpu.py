"""A GPU computes what the CPU computes; skipped where there is none."""

import dataclasses

import pytest
import torch

from my_utils.data.resources import Resources
from my_utils.errors import UserError
from my_utils.faces.synthesizer import FaceSynthesizer
from my_utils.runs.config import run_config
from my_utils.runs.networks import build_generator
from my_utils.training import run as recovery
from my_utils.training.processes import Processes
from my_utils.training.state import TrainingJob
from my_utils.training.step import Batch
from tests.support.training_runs import ALONE, tiny
from tests.support.training_steps import batch_of, skin, step_of, weights

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
GPU = torch.device("cuda")
ON_GPU = Processes(0, 1, GPU)


@pytest.fixture(autouse=True)
def exact():
    """Float32 products, as on the CPU."""
    torch.backends.fp32_precision = "ieee"


def on_gpu(rows):
    return Batch(*(row.to(GPU) for row in rows))


def faces(demo_folder, device):
    """Four faces, and their skins, all computed on a device."""
    config, resources = run_config(29, demo=True), Resources(demo_folder)
    torch.manual_seed(0)
    generator = build_generator(config).to(device).eval()
    renderer = resources.face_renderer(config.render_size).to(device)
    synthesizer = FaceSynthesizer(generator, renderer, config, resources)
    drawn = synthesizer(synthesizer.dataset_params()[:4], seeds=range(4))
    params = drawn.params.to(device)
    sampler = resources.texture_sampler().to(device)
    return drawn, sampler(drawn.image, renderer.flame(params), params.camera)


def test_renderings_faces_and_skins_agree(demo_folder):
    (one, skin_one), (other, skin_other) = (faces(demo_folder, d) for d in ("cpu", GPU))
    for name in ("render", "normal_map", "mask"):
        difference = (getattr(one, name) - getattr(other, name).cpu()).abs()
        # A pixel on an edge may fall to either side.
        assert (difference > 2.5 / 255).float().mean() < 0.002
    assert (one.image - other.image.cpu()).abs().mean() < 1e-3
    differing = (skin_one.visibility != skin_other.visibility.cpu()).float().mean()
    assert differing < 0.002
    assert (skin_one.texture - skin_other.texture.cpu()).abs().mean() < 2e-3


def test_a_training_step_agrees():
    config = tiny(29, batch=4, r1_interval=1, texture_interval=1, precision="float32")
    one, other = step_of(config, skin), step_of(config, skin, ON_GPU)
    rows = batch_of(4)
    expected = one(rows, torch.Generator())
    losses = other(on_gpu(rows), torch.Generator())
    for name, value in expected.items():
        torch.testing.assert_close(losses[name].cpu(), value, rtol=1e-3, atol=1e-5)
    for first, second in zip(weights(one), weights(other), strict=True):
        torch.testing.assert_close(second.cpu(), first, rtol=0.01, atol=0.005)


@pytest.mark.parametrize("run_id", [0, 29])
def test_recorded_steps_agree_with_others(run_id):
    config = tiny(run_id, batch=4, r1_interval=2, texture_interval=3, precision="float32")
    one, other = (
        step_of(dataclasses.replace(config, cuda_graphs=graphs), skin, ON_GPU)
        for graphs in (False, True)
    )
    for number in range(8):  # two of each kind as they are, then recordings
        rows = on_gpu(batch_of(4, seed=number))
        expected, losses = (step(rows, torch.Generator()) for step in (one, other))
        for step in (one, other):
            step.state.nimg += 4
        assert losses.keys() == expected.keys()
        for name, value in expected.items():
            torch.testing.assert_close(losses[name], value, rtol=1e-3, atol=1e-5)
    for first, second in zip(weights(one), weights(other), strict=True):
        torch.testing.assert_close(second, first, rtol=0.01, atol=0.005)


def test_out_of_memory_is_a_sentence_with_advice(monkeypatch):
    monkeypatch.setattr(recovery, "training_loop", lambda *_, **__: torch.empty(2**50, device=GPU))
    with pytest.raises(UserError, match="memory is short .* --batch_gpu 4"):
        recovery.train(TrainingJob(tiny(29), None, None, None, ALONE), None)
