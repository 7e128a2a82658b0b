import numpy as np
import torch

from model.flame import FLAME, FlameParams, FlameTexture
from model.renderer import FaceRenderer, MeshRenderer
from my_utils.viewer.pictures import GAP, PICTURE_SIZE, RememberedRendering, enlarge, side_by_side
from tests.support.toy_head import toy_flame_assets, toy_texture_space, toy_uv_layout


def test_only_another_question_is_rendered_again():
    assets = toy_flame_assets()
    mesh_renderer = MeshRenderer(torch.as_tensor(assets.faces), toy_uv_layout(), size=16)
    renderer = FaceRenderer(FLAME(assets), FlameTexture(toy_texture_space()), mesh_renderer)
    remembered = RememberedRendering(renderer)
    params = FlameParams.from_vector(torch.zeros(1, 236)).replace(
        camera=torch.tensor([[8.0, 0, 0]])
    )
    neck, eyes = torch.zeros(1, 3), torch.zeros(1, 6)
    first = remembered(params, neck=neck, eyes=eyes)
    assert torch.equal(first.normal_map, renderer(params).normal_map)
    assert remembered(params.to("cpu"), neck=neck.clone(), eyes=eyes) is first

    for changed in (
        dict(params=params.replace(camera=torch.tensor([[7.0, 0, 0]])), neck=neck, eyes=eyes),
        dict(params=params, neck=neck + 0.3, eyes=eyes),
        dict(params=params, neck=neck, eyes=eyes + 0.3),
    ):
        remembered(params, neck=neck, eyes=eyes)
        again = remembered(**changed)
        assert torch.equal(again.normal_map, renderer(**changed).normal_map)
        assert not torch.equal(again.normal_map, first.normal_map)


def test_pictures_of_any_size_fill_the_panel():
    for size in (64, 128, 512):
        image = torch.full((3, size, size), 1.0)
        assert enlarge(image).shape == (PICTURE_SIZE, PICTURE_SIZE, 3)
        assert (enlarge(image) == 255).all()


def test_two_pictures_stand_side_by_side():
    black, grey = torch.full((3, 64, 64), -1.0), torch.zeros(3, 64, 64)
    both = side_by_side(black, grey)
    height, width, _ = both.shape
    assert width == PICTURE_SIZE and height == (PICTURE_SIZE - GAP) // 2
    columns = both.mean(axis=(0, 2))
    np.testing.assert_array_equal(columns[:height], 0)
    np.testing.assert_array_equal(columns[height:-height], 255)
    np.testing.assert_array_equal(columns[-height:], 128)
