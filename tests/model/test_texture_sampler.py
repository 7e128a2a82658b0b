"""Textures lifted from images: there and back again, a slow twin, and a recording."""

import numpy as np
import pytest
import torch

from model.flame import FLAME, FlameParams
from model.mesh import UvLayout, vertex_normals
from model.renderer import SH_FACTORS, MeshRenderer
from model.texture_sampler import TexelTable, TextureSampler, texel_table_from_uv
from tests.support.recordings import multiscale, open_head
from tests.support.toy_head import toy_flame_assets, toy_uv_layout

SIZE = 64


@pytest.fixture(scope="module")
def table() -> TexelTable:
    return texel_table_from_uv(toy_uv_layout(), toy_flame_assets(0).faces, SIZE)


@pytest.fixture(scope="module")
def sampler(table) -> TextureSampler:
    return TextureSampler(table, toy_flame_assets(0).faces, SIZE)


def toy_views(yaws: list[float]) -> tuple[torch.Tensor, torch.Tensor]:
    """Vertices and cameras of the toy head turned to these yaws (radians), filling the image."""
    vector = torch.zeros(len(yaws), 236)
    vector[:, 151] = torch.tensor(yaws)
    return FLAME(toy_flame_assets(0))(FlameParams.from_vector(vector)), torch.tensor(
        [[7.0, 0.0, 0.0]]
    ).repeat(len(yaws), 1)


# --- the table --------------------------------------------------------------------------------


def test_every_texel_of_the_table_shows_its_own_place(table):
    uv, faces = toy_uv_layout(), toy_flame_assets(0).faces
    face_of = {tuple(corners): face for face, corners in enumerate(faces)}
    texels = np.array([face_of[tuple(corners)] for corners in table.vertex_ids])
    places = (uv.coordinates[uv.faces[texels]] * table.barycentric[..., None]).sum(axis=1)
    np.testing.assert_allclose(places[:, 0], (table.x + 0.5) / SIZE, atol=1e-5)
    np.testing.assert_allclose(places[:, 1], 1 - (table.y + 0.5) / SIZE, atol=1e-5)


def test_the_table_covers_the_layout_once(table):
    uv = toy_uv_layout()
    one, two, three = uv.coordinates[uv.faces].transpose(1, 2, 0).astype(np.float64)
    across, along = two - one, three - one
    area = np.abs(across[0] * along[1] - across[1] * along[0]).sum() / 2
    assert abs(len(table.x) / SIZE**2 - area) < 0.01
    assert len(set(zip(table.x.tolist(), table.y.tolist(), strict=True))) == len(table.x)


def test_overlapping_layouts_take_the_lower_face():
    coordinates = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], dtype=np.float32)
    faces = np.array([[0, 1, 2], [0, 1, 3]])
    table = texel_table_from_uv(UvLayout(coordinates, faces), np.array([[5, 6, 7], [5, 6, 8]]), 8)
    in_both = table.y > table.x  # below the falling diagonal: the half of the first face
    assert (table.vertex_ids[in_both, 2] == 7).all()
    assert (table.vertex_ids[:, 2] == 8).any()


def test_the_table_agrees_with_the_recording(shared):
    recorded = np.load(shared / "oracles" / "texture_lift.npz")
    faces = np.load(shared / "open_head" / "open_head.npz")["f"].astype(np.int64)
    table = texel_table_from_uv(UvLayout(recorded["uv_vt"], recorded["uv_ft"]), faces)
    assert np.array_equal(table.y * 256 + table.x, recorded["valid_pixel_ids"])
    # Where this unwrap overlaps itself the recording took the outermost surface instead.
    same = (table.vertex_ids == recorded["valid_pixel_3d_faces"]).all(axis=1)
    assert same.mean() > 0.98
    apart = np.abs(table.barycentric - recorded["valid_pixel_b_coords"])[same]
    assert apart.max() < 1e-3


# --- lifting ----------------------------------------------------------------------------------


def test_a_painted_texture_comes_back_where_the_surface_faces_the_viewer(sampler):
    row, column = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    squares = (row // 8 + column // 8) % 2 == 0
    paint = torch.where(squares, 220.0, 40.0).expand(1, 3, -1, -1)
    lighting = torch.zeros(3, 9, 3)
    lighting[:, 0] = 1 / SH_FACTORS[0]
    vertices, camera = toy_views([0.0, 0.6, -0.6])
    render = MeshRenderer(sampler.faces, toy_uv_layout(), 256)
    rendering = render(vertices, camera, lighting, paint)
    texture, visibility = sampler(rendering.image, vertices, camera)

    # Towards the silhouette a texel is thinner than a pixel and its neighbours blend in.
    steep = sampler(rendering.normal_map, vertices, camera).texture[:, 2] < 0  # beyond 60 degrees
    inner = (row % 8 >= 2) & (row % 8 < 6) & (column % 8 >= 2) & (column % 8 < 6)
    right = (texture[:, 0] > 0) == squares
    for view in range(3):
        visible = visibility[view, 0]
        assert 0.3 < visible.float().mean() < 0.6
        assert right[view, visible & inner & ~steep[view]].all()
        assert right[view, visible].float().mean() > 0.9
    both_sides = (visibility[1] | visibility[2]).float().mean()
    assert both_sides > visibility[0].float().mean() + 0.1  # each profile shows more of one side


def lift_slowly(image, vertices, camera, table):
    """Texture [3, SIZE, SIZE] and visibility texel by texel; `image` is linear in x and y."""
    normals = vertex_normals(vertices[None], torch.tensor(toy_flame_assets(0).faces))[0].numpy()
    scale, right, up = camera.tolist()
    texture = np.full((3, SIZE, SIZE), np.nan)
    visible = np.zeros((SIZE, SIZE), dtype=bool)
    for x, y, corners, weights in zip(*table, strict=True):
        point, normal = weights @ vertices.numpy()[corners], weights @ normals[corners]
        across, down = scale * (point[0] + right), -scale * (point[1] + up)
        texture[:, y, x] = image(across, down)
        visible[y, x] = normal[2] > 0
    return texture, visible


def test_texels_agree_with_the_slow_twin(sampler, table):
    vertices, camera = toy_views([0.4])

    def ramp(across, down):
        return np.array([0.5 * across, 0.5 * down, 0.3 * across - 0.2 * down])

    centres = (2 * np.arange(128) + 1) / 128 - 1
    image = torch.tensor(ramp(*np.meshgrid(centres, centres)), dtype=torch.float32)[None]
    lifted, visibility = sampler(image, vertices, camera)
    texture, visible = lift_slowly(ramp, vertices[0], camera[0], table)
    known = ~np.isnan(texture)
    np.testing.assert_allclose(lifted[0].numpy()[known], texture[known], atol=1e-5)
    assert (visibility[0, 0].numpy() != visible).sum() <= 2


def test_texels_outside_the_table_show_the_centre_and_are_invisible(sampler, table):
    vertices, camera = toy_views([0.0])
    image = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    texture, visibility = sampler(image, vertices, camera)
    outside = np.ones((SIZE, SIZE), dtype=bool)
    outside[table.y, table.x] = False
    assert outside.any() and not visibility[0, 0].numpy()[outside].any()
    centre = image[0, :, 15:17, 15:17].mean(dim=(1, 2))
    shown = texture[0][:, torch.tensor(outside)]
    torch.testing.assert_close(shown, centre[:, None].expand_as(shown))


def test_turning_the_head_around_shows_the_other_side(sampler):
    vertices, camera = toy_views([0.0, np.pi])
    visibility = sampler(torch.zeros(2, 3, 16, 16), vertices, camera).visibility
    assert (visibility[0] & visibility[1]).float().mean() < 0.02
    assert (visibility[0] | visibility[1]).float().mean() > 0.8


def test_the_gradient_reaches_the_image_only(sampler):
    vertices, camera = toy_views([0.3])
    vertices, camera = vertices.requires_grad_(), camera.requires_grad_()
    image = torch.randn(1, 3, 16, 16, requires_grad=True)
    texture, visibility = sampler(image, vertices, camera)
    (texture * visibility).square().sum().backward()
    assert image.grad.abs().sum() > 0
    assert vertices.grad is None and camera.grad is None
    double = sampler.double()
    assert torch.autograd.gradcheck(
        lambda picture: double(picture, vertices.double(), camera.double()).texture,
        torch.randn(1, 3, 8, 8, dtype=torch.float64, requires_grad=True),
        fast_mode=True,
    )
    sampler.float()


def test_the_lift_agrees_with_the_recording(shared):
    recorded = np.load(shared / "oracles" / "texture_lift.npz")
    texels = recorded["valid_pixel_ids"]
    table = TexelTable(
        recorded["x_coords"][texels],
        recorded["y_coords"][texels],
        recorded["valid_pixel_3d_faces"],
        recorded["valid_pixel_b_coords"],
    )
    flame = FLAME(open_head(shared))
    params = FlameParams.from_vector(torch.tensor(recorded["params"]))
    image = torch.tensor(multiscale("lift.image", (3, 3, 256, 256)))
    assert np.array_equal(image[0, 0, 0, :8].numpy(), recorded["image_head"])
    sampler = TextureSampler(table, flame.faces)
    texture, visibility = sampler(image, flame(params), params.camera)
    np.testing.assert_allclose(texture.numpy(), recorded["texture"], atol=2e-4)
    differs = visibility.numpy() != recorded["visibility"]
    assert not (differs & ~recorded["visibility_uncertain"]).any()
