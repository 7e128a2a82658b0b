"""The head's arrays survive packing."""

import numpy as np
import safetensors.numpy

from model.flame import FLAME, FlameTexture
from model.renderer import FaceRenderer, MeshRenderer
from my_utils.web.head import VERTEX_UNIT, pack_head
from tests.support.toy_head import toy_flame_assets, toy_texture_space, toy_uv_layout


def toy_renderer():
    flame = FLAME(toy_flame_assets())
    mesh = MeshRenderer(flame.faces, toy_uv_layout(), size=32)
    return FaceRenderer(flame, FlameTexture(toy_texture_space()), mesh)


def test_errors_are_the_largest_of_what_is_packed():
    renderer = toy_renderer()
    packed = pack_head(renderer)
    arrays = safetensors.numpy.load(packed.data)
    directions = renderer.flame.shapedirs.numpy().transpose(2, 1, 0)
    assert arrays["shapedirs"].dtype == np.int16
    error = np.abs(arrays["shapedirs"] * arrays["shapedirs_unit"] - directions).max()
    assert error == packed.vertex_error <= 0.51 * VERTEX_UNIT
    texture = arrays["texture_directions"] * arrays["texture_unit"]
    error = np.abs(texture - renderer.texture.directions.numpy()).max()
    assert error == packed.texture_error < 0.1


def test_units_grow_with_the_range():
    renderer = toy_renderer()
    renderer.flame.shapedirs *= 1000
    arrays = safetensors.numpy.load(pack_head(renderer).data)
    assert np.abs(arrays["shapedirs"]).max() == 32767
    assert arrays["shapedirs_unit"] > VERTEX_UNIT
