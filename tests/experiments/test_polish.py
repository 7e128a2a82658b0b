"""What polishing asks of a picture, against SciPy and on heads that move."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from model.camera import orthographic_projection
from model.generator import MappingNetwork, seeded_z
from model.rasterizer import interpolate, rasterize
from my_utils.demo.held_out import face_region, face_renderer
from my_utils.demo.parameters import demo_flame
from my_utils.demo.photographs import photographs as demo_photographs
from my_utils.files.images import from_uint8
from my_utils.runs.generators import save_generator
from my_utils.runs.networks import build_generator
from tests.experiments import polish
from tests.support.script_runs import run
from tests.support.training_runs import tiny


def test_lines_are_looked_for_along_border_and_outline():
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 24:40, 24:40] = 1
    found = polish.where_lines_are(mask)[0, 0].numpy()
    inside = ndimage.binary_erosion(mask[0, 0].numpy(), np.ones((3, 3)), polish.INSIDE)
    around = ndimage.binary_dilation(mask[0, 0].numpy(), np.ones((3, 3)), polish.OUTSIDE)
    frame = np.ones((64, 64), bool)
    frame[polish.FRAME : -polish.FRAME, polish.FRAME : -polish.FRAME] = False
    np.testing.assert_array_equal(found, frame | (around & ~inside))


def test_medians_are_scipys_where_they_are_asked_for():
    torch.manual_seed(0)
    image, where = torch.randn(2, 3, 24, 24), torch.rand(2, 1, 24, 24) < 0.3
    size = (1, 1, polish.MEDIAN, polish.MEDIAN)
    expected = torch.from_numpy(ndimage.median_filter(image.numpy(), size, mode="nearest"))
    found = polish.median(image, where)
    torch.testing.assert_close(found, torch.where(where, expected, image), rtol=0, atol=0)


def test_stripes_that_turn_with_the_head_change_less_than_stripes_that_stay():
    params, hair = polish.moved_faces(0, torch.Generator().manual_seed(0)), polish.Hair()
    renderer = face_renderer(128).mesh_renderer
    projected = orthographic_projection(demo_flame()(params), params.camera)
    fragments = rasterize(projected, renderer.faces, 128)
    u = fragments.to_images(interpolate(fragments, renderer.uv_faces, renderer.uv))[:, :1]
    mask = fragments.to_images(torch.ones_like(fragments.depth)[None])
    turned = (30 * u).sin().expand(-1, 3, -1, -1)
    still = turned[: polish.FACES].repeat(2, 1, 1, 1)
    turned, still = (hair.change(image, params, mask) for image in (turned, still))
    assert 0 < turned < still / 2


def test_photographs_are_the_example_inside_faces_that_have_not_moved():
    params = polish.moved_faces(0, torch.Generator().manual_seed(0))
    drawn, mask = torch.rand(2 * polish.FACES, 3, 64, 64), torch.zeros(2 * polish.FACES, 1, 64, 64)
    example, weight = polish.examples(drawn, params, mask, first=0)
    unmoved, moved = slice(polish.FACES), slice(polish.FACES, None)
    photographs = demo_photographs(params[unmoved], range(polish.FACES), size=64, seed=0)
    face = face_region(params, 64) > 0
    lines = polish.where_lines_are(mask) & ~face
    expected = torch.where(lines, polish.median(drawn, lines), drawn)
    expected[unmoved] = torch.where(face[unmoved], from_uint8(photographs), expected[unmoved])
    known = weight.expand_as(drawn) > 0
    torch.testing.assert_close(example[known], expected[known])
    assert (weight[lines] == polish.LINES_WEIGHT).all()
    assert (weight[unmoved][face[unmoved]] == polish.FACE_WEIGHT).all()
    assert (weight[moved][face[moved]] == 0).all()


def test_seed_0_has_the_style_nearest_to_the_mean():
    torch.manual_seed(0)
    mapping = MappingNetwork(16, 16, 2)
    mapping.mean_w += mapping(torch.randn(1000, 16)).mean(dim=0).detach()
    z = seeded_z(range(polish.CANDIDATES), 16)
    before = mapping(z)
    singular_values = torch.linalg.svdvals(mapping.layers[0].weight)
    polish.ordinary_first_style(mapping)
    nearest = int((before - mapping.mean_w).norm(dim=1).argmin())
    torch.testing.assert_close(mapping(z)[[0, nearest]], before[[nearest, 0]])
    torch.testing.assert_close(torch.linalg.svdvals(mapping.layers[0].weight), singular_values)


@pytest.mark.parametrize("config", [tiny(29, demo=False), tiny(24)])
def test_other_generators_are_refused(tmp_path, config):
    path = tmp_path / "generator.safetensors"
    save_generator(path, build_generator(config), config, nimg=0)
    words = ("--ckpt", path, "--out", tmp_path / "new")
    done = run("../tests/experiments/polish.py", *words, folder=tmp_path)
    assert done.returncode == 2
    assert "draws no renderings of the demo" in done.stderr
    assert not (tmp_path / "new").exists()
