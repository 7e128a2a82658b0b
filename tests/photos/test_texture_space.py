"""A texture space out of photographs: the unwrap, lifted skins, and skins seen in part."""

import numpy as np
import torch

from model.mesh import UvLayout
from model.texture_sampler import texel_table_from_uv
from my_utils.data.flame_files import load_texture_space, load_uv_layout
from my_utils.data.head_writer import save_template_mesh, save_texture_space
from my_utils.photos.texture_space import (
    SkinLifter,
    cylindrical_layout,
    face_mask,
    fill_in,
    outer_texels,
    plain_texture_space,
    spread_over_head,
    texture_space_of,
)
from tests.support.toy_head import toy_uv_layout
from tests.support.toy_photos import toy_embedding, toy_faces, toy_flame, toy_renderer


def toy_layout():
    flame = toy_flame()
    return cylindrical_layout(flame.v_template.numpy(), flame.faces.numpy())


def test_the_unwrap_covers_the_texture_once():
    flame, layout = toy_flame(), toy_layout()
    assert layout.coordinates.min() >= 0
    assert layout.coordinates.max() <= 1
    corners = layout.coordinates[layout.faces]
    across = np.ptp(corners[..., 0], axis=1) > 0.3
    assert across.mean() < 0.07  # none but those at the poles
    areas = np.linalg.det(corners[:, 1:] - corners[:, :1]) / 2
    assert (areas > -1e-6).mean() > 0.97  # hardly one is turned over
    assert abs(areas.sum() - 0.96**2) < 0.1
    table = texel_table_from_uv(layout, flame.faces.numpy())
    points = (flame.v_template[table.vertex_ids] * torch.tensor(table.barycentric)[..., None]).sum(
        1
    )
    in_front = np.abs(table.x - 128) < 3
    assert (points[in_front, 2] > 0).float().mean() > 0.95


def test_texels_show_the_outermost_surface():
    """A second head inside the first, before it in the list of faces, is not seen."""
    flame, layout = toy_flame(), toy_layout()
    vertices, faces = flame.v_template.numpy(), flame.faces.numpy()
    center = vertices.mean(axis=0)
    inner = center + (vertices - center) * [0.8, 1, 0.8]
    both = np.concatenate([inner, vertices])
    twice = np.concatenate([faces, faces + len(vertices)])
    table = outer_texels(UvLayout(layout.coordinates, np.tile(layout.faces, (2, 1))), both, twice)
    assert (table.vertex_ids >= len(vertices)).all()
    plain = texel_table_from_uv(layout, faces)
    once = outer_texels(layout, vertices, faces)
    assert np.array_equal(once.x, plain.x)
    assert (once.vertex_ids == plain.vertex_ids).all(axis=1).mean() > 0.98


def test_files_are_in_the_published_layout(tmp_path):
    flame, layout = toy_flame(), toy_layout()
    faces = flame.faces.numpy()
    save_template_mesh(tmp_path / "a.obj", flame.v_template.numpy(), faces, layout)
    found = load_uv_layout(tmp_path / "a.obj", faces)
    assert np.allclose(found.coordinates, layout.coordinates, atol=1e-6)
    assert np.array_equal(found.faces, layout.faces)
    save_texture_space(tmp_path / "a.npz", plain_texture_space(), layout)
    space = load_texture_space(tmp_path / "a.npz")
    assert space.directions.shape == (256, 256, 3, 3)


def test_the_mask_is_the_hull_of_the_landmarks():
    flame, layout = toy_flame(), toy_layout()
    embedding = toy_embedding()
    mask = face_mask(embedding, layout, flame.faces.numpy()) > 127
    assert 0.05 < mask.mean() < 0.6
    assert mask[:, 128].any()
    assert not mask[:, :20].any()


def test_skins_are_lifted_without_their_light():
    layout = toy_uv_layout()  # in which the toy is rendered
    params = toy_faces(2)
    pictures = (toy_renderer()(params).image + 1) * 127.5
    table = texel_table_from_uv(layout, toy_flame().faces.numpy())
    albedo, seen = SkinLifter(table, toy_flame())(pictures, params)
    truth = toy_renderer().texture(params.texture).permute(0, 2, 3, 1).numpy()
    assert 0.1 < seen.mean() < 0.6
    assert np.median(np.abs(albedo - truth)[seen]) < 8


def test_skins_that_were_seen_in_part_are_completed():
    rng = np.random.default_rng(0)
    directions = 20 * rng.standard_normal((3, 40, 3))
    data = 120 + np.tensordot(rng.standard_normal((60, 3)), directions, 1)
    known = rng.random((60, 40)) > 0.2
    mean, components = fill_in(np.where(known[..., None], data, 0), known)
    assert np.abs(mean - data.mean(axis=0)).mean() < 3
    flat = components.reshape(120, -1)
    modelled = flat @ flat.T
    centered = (data - data.mean(axis=0)).reshape(60, -1)
    true = centered.T @ centered / 60
    assert np.linalg.norm(modelled - true) < 0.3 * np.linalg.norm(true)
    assert (np.diff(np.square(flat).sum(axis=0)) < 1e-3).all()  # the largest first


def test_around_the_face_is_its_tone():
    inside = np.zeros((64, 64), bool)
    inside[20:44, 20:44] = True
    mean = np.full((inside.sum(), 3), [200.0, 150.0, 100.0])
    space = spread_over_head(mean, np.ones((inside.sum(), 3, 2)), inside)
    assert np.allclose(space.mean[0, 0], [100, 150, 200])  # BGR
    assert np.allclose(space.mean[32, 32], [100, 150, 200])
    assert space.directions.shape == (64, 64, 3, 2)


def test_hair_is_no_skin():
    rng = np.random.default_rng(0)
    tones = rng.normal(150, 10, (40, 1, 1, 1))
    albedo = np.broadcast_to(tones, (40, 32, 32, 3)).copy()
    albedo[:10, :8] = 10  # black hair over ten foreheads
    mask = np.zeros((32, 32))
    mask[4:28, 4:28] = 1
    space = texture_space_of(albedo, np.ones((40, 32, 32), bool), mask)
    assert abs(space.mean[6, 16, 0] - space.mean[20, 16, 0]) < 3
