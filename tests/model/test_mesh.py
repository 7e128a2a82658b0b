"""Vertex normals against a loop, known shapes and a recording."""

import numpy as np
import torch

from model.mesh import vertex_normals
from tests.support.toy_head import toy_flame_assets, toy_uv_layout


def normals_slowly(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    normals = np.zeros_like(vertices)
    for face in faces:
        first, second, third = vertices[face]
        normals[face] += np.cross(second - first, third - first)
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    return normals / np.maximum(lengths, 1e-6)


def toy_mesh() -> tuple[torch.Tensor, torch.Tensor]:
    assets = toy_flame_assets(0)
    offsets = torch.tensor(assets.shapedirs[:, :, :2]).movedim(2, 0)
    return torch.tensor(assets.v_template) + offsets, torch.tensor(assets.faces)


def test_normals_agree_with_the_loop():
    vertices, faces = toy_mesh()
    normals = vertex_normals(vertices, faces)
    for row in range(2):
        expected = normals_slowly(vertices[row].double().numpy(), faces.numpy())
        np.testing.assert_allclose(normals[row].numpy(), expected, atol=1e-5)


def test_normals_of_an_ellipsoid_point_outwards():
    radii = torch.tensor([0.075, 0.11, 0.09])
    vertices, faces = toy_mesh()[0][:1], toy_mesh()[1]
    back = vertices[0, :, 2] < 0  # without the nose
    expected = torch.nn.functional.normalize(vertices[0] / radii**2, dim=1)
    alignment = (vertex_normals(vertices, faces)[0] * expected).sum(dim=1)
    assert alignment[back].min() > 0.97
    turned = vertex_normals(vertices, faces.flip(1))
    torch.testing.assert_close(turned, -vertex_normals(vertices, faces), atol=1e-6, rtol=0)


def test_larger_faces_weigh_more():
    # A vertex between a face looking along z and one three times as large looking along x.
    vertices = torch.tensor([[[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, -3]]])
    faces = torch.tensor([[0, 1, 2], [0, 3, 2]])
    normal = vertex_normals(vertices, faces)[0, 0]
    torch.testing.assert_close(normal, torch.tensor([3.0, 0, 1]) / 10**0.5)


def test_lonely_vertices_and_tiny_faces_give_short_normals_and_no_nan():
    vertices = torch.tensor([[[0.0, 0, 0], [1e-4, 0, 0], [0, 1e-4, 0], [5, 5, 5]]])
    normals = vertex_normals(vertices, torch.tensor([[0, 1, 2]]))
    torch.testing.assert_close(normals[0, 0], torch.tensor([0, 0, 1e-8 / 1e-6]))
    assert torch.equal(normals[0, 3], torch.zeros(3))


def test_normals_are_differentiable():
    vertices = torch.randn(2, 5, 3, dtype=torch.float64, requires_grad=True)
    faces = torch.tensor([[0, 1, 2], [0, 2, 3], [1, 4, 2]])
    assert torch.autograd.gradcheck(lambda v: vertex_normals(v, faces), vertices)


def test_normals_agree_with_the_recording(shared):
    recorded = np.load(shared / "oracles" / "flame_decode.npz")
    faces = np.load(shared / "open_head" / "open_head.npz")["f"].astype(np.int64)
    normals = vertex_normals(torch.tensor(recorded["vertices"]), torch.tensor(faces))
    np.testing.assert_allclose(normals.numpy(), recorded["vertex_normals"], atol=4e-5)


def test_the_toy_layout_fits_the_toy_head():
    uv, faces = toy_uv_layout(), toy_flame_assets(0).faces
    assert uv.faces.shape == faces.shape and uv.faces.max() < len(uv.coordinates)
    owner = {}  # every texture vertex belongs to one vertex of the mesh
    for corner, vertex in zip(uv.faces.ravel(), faces.ravel(), strict=True):
        assert owner.setdefault(corner, vertex) == vertex
