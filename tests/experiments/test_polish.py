"""What polishing asks of a picture, against SciPy and on heads that move."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from model.camera import orthographic_projection
from model.rasterizer import interpolate, rasterize
from my_utils.demo.held_out import face_renderer
from my_utils.demo.parameters import demo_flame
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


@pytest.mark.parametrize("config", [tiny(29, demo=False), tiny(24)])
def test_other_generators_are_refused(tmp_path, config):
    path = tmp_path / "generator.safetensors"
    save_generator(path, build_generator(config), config, nimg=0)
    words = ("--ckpt", path, "--out", tmp_path / "new")
    done = run("../tests/experiments/polish.py", *words, folder=tmp_path)
    assert done.returncode == 2
    assert "draws no renderings of the demo" in done.stderr
    assert not (tmp_path / "new").exists()
