import copy
import dataclasses

import pytest
import torch

from model.camera import center_head
from model.generator import seeded_z
from my_utils.data.resources import Resources
from my_utils.errors import UserError
from my_utils.faces.sampling import random_params
from my_utils.faces.synthesizer import FaceSynthesizer
from my_utils.runs.config import run_config
from my_utils.runs.networks import build_generator


@pytest.fixture(scope="module")
def synthesizer(demo_folder):
    config = dataclasses.replace(
        run_config(29, demo=True), resolution=32, render_size=64, channel_base=128, channel_max=8
    )
    torch.manual_seed(0)
    generator = build_generator(config).eval()
    resources = Resources(demo_folder)
    renderer = resources.face_renderer(config.render_size)
    return FaceSynthesizer(generator, renderer, config, resources)


def test_a_seed_draws_the_same_face_in_any_batch(synthesizer):
    params = synthesizer.dataset_params()[:5]
    whole = synthesizer(params, range(5))
    parts = list(synthesizer.batches(params, range(5), batch=2))
    assert [len(part.image) for part in parts] == [2, 2, 1]
    torch.testing.assert_close(
        torch.cat([part.image for part in parts]), whole.image, rtol=0, atol=1e-2
    )
    assert whole.image.shape == (5, 3, 32, 32) and whole.clamped.abs().max() <= 1
    assert whole.render.shape == (5, 3, 64, 64)


def test_no_faces_are_no_pictures(synthesizer):
    params = random_params([], synthesizer.dataset_params())
    params = center_head(params, synthesizer.renderer.flame)
    assert len(params) == 0
    for styles in ({"seeds": []}, {"z": seeded_z([], synthesizer.config.z_dim)}):
        faces = synthesizer(params, **styles)
        assert faces.image.shape == (0, 3, 32, 32) and faces.render.shape == (0, 3, 64, 64)


def test_styles_are_seeds_or_z(synthesizer):
    params = synthesizer.dataset_params()[:2]
    z = seeded_z([7, 8], synthesizer.config.z_dim)
    assert torch.equal(synthesizer(params, [7, 8]).image, synthesizer(params, z=z).image)
    for wrong in ({}, {"seeds": [1, 2], "z": z}):
        with pytest.raises(ValueError, match="either as seeds or as z"):
            synthesizer(params, **wrong)


def test_a_style_beyond_the_released_table_is_a_sentence(synthesizer):
    released = copy.copy(synthesizer)
    released.generator = copy.deepcopy(synthesizer.generator)
    released.generator.style_table = table = torch.randn(3, synthesizer.config.z_dim)
    params = synthesizer.dataset_params()[:2]
    assert torch.equal(released(params, [2, 0]).image, released(params, z=table[[2, 0]]).image)
    with pytest.raises(UserError, match="style 3 does not exist.*0 to 2"):
        released(params, [0, 3])


def test_truncation_to_zero_is_one_style(synthesizer):
    generator = synthesizer.generator
    generator.mapping.mean_w.copy_(generator.average_w())
    params = synthesizer.dataset_params()[[0, 0]]
    one, two = synthesizer(params, [1, 2], truncation_psi=0.0).image
    torch.testing.assert_close(one, two)
    one, two = synthesizer(params, [1, 2]).image
    assert not torch.allclose(one, two)
