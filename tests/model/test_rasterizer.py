"""The rasterizer against scenes written by hand, a loop over pixels, and exact ray casting."""

import numpy as np
import pytest
import torch
import trimesh
from scipy.spatial import Delaunay
from trimesh.ray.ray_pyembree import RayMeshIntersector

from model import rasterizer
from model.rasterizer import Fragments, interpolate, rasterize


def draw(corners, faces, size: int) -> Fragments:
    """Rasterize one image of corners [V, 2 or 3] given in pixels, pixel centres on integers."""
    corners = torch.tensor(corners, dtype=torch.float32)
    if corners.shape[1] == 2:
        corners = torch.cat([corners, torch.zeros(len(corners), 1)], dim=1)
    projected = corners.clone()
    projected[:, :2] = (2 * corners[:, :2] + 1) / size - 1
    return rasterize(projected[None], torch.tensor(faces), size)


def face_ids(fragments: Fragments) -> torch.Tensor:
    """The face at each pixel [N, H, W], -1 on the background."""
    return fragments.to_images(fragments.face[None], background=-1)[:, 0]


def expect(fragments: Fragments, picture: str) -> None:
    """Compare face ids with a picture: a digit for a face, a dot for the background."""
    rows = [
        "".join("." if face < 0 else str(face) for face in row)
        for row in face_ids(fragments)[0].tolist()
    ]
    assert rows == picture.split(), "\n".join(rows)


# --- scenes by hand ---------------------------------------------------------------------------


def test_one_triangle_covers_the_pixel_centres_inside_and_on_its_edges():
    fragments = draw([[1, 1], [6, 1], [1, 6]], [[0, 1, 2]], 8)
    expect(
        fragments,
        """
        ........
        .000000.
        .00000..
        .0000...
        .000....
        .00.....
        .0......
        ........
        """,
    )
    barycentric = fragments.to_images(fragments.barycentric)[0]
    assert barycentric[:, 1, 6].tolist() == [0, 1, 0]
    torch.testing.assert_close(barycentric[:, 2, 3], torch.tensor([0.4, 0.4, 0.2]))


def test_between_the_pixel_centres_nothing_is_drawn():
    expect(draw([[1.1, 1.1], [1.9, 1.2], [1.5, 1.9]], [[0, 1, 2]], 4), ".... .... .... ....")


def test_both_windings_are_drawn():
    corners = [[1, 0], [3, 0], [1, 2]]
    one, other = draw(corners, [[0, 1, 2]], 4), draw(corners, [[0, 2, 1]], 4)
    expect(one, ".000 .00. .0.. ....")
    expect(other, ".000 .00. .0.. ....")
    assert (other.barycentric >= 0).all()


def test_a_shared_edge_leaves_no_hole_and_goes_to_the_lower_face():
    square = [[0, 0], [4, 0], [4, 4], [0, 4]]
    expect(draw(square, [[0, 1, 2], [0, 2, 3]], 5), "00000 10000 11000 11100 11110")
    expect(draw(square, [[0, 2, 3], [0, 1, 2]], 5), "01111 00111 00011 00001 00000")


def test_the_nearer_face_hides_the_farther_one_whatever_the_order():
    far = [[0, 0, 0.5], [3, 0, 0.5], [0, 3, 0.5]]
    near = [[0, 0, -0.5], [1, 0, -0.5], [0, 1, -0.5]]
    fragments = draw(far + near, [[0, 1, 2], [3, 4, 5]], 4)
    expect(fragments, "1100 100. 00.. 0...")
    expect(draw(far + near, [[3, 4, 5], [0, 1, 2]], 4), "0011 011. 11.. 1...")
    depth = fragments.to_images(fragments.depth[None], background=9)[0, 0]
    assert depth[0, 0] == -0.5 and depth[0, 3] == 0.5 and depth[3, 3] == 9


def test_equal_depths_go_to_the_lower_face():
    corners = [[0, 0, 0.3], [3, 0, 0.3], [0, 3, 0.3], [3, 3, 0.3]]
    expect(draw(corners, [[0, 1, 2], [0, 1, 2], [2, 1, 0]], 4), "0000 000. 00.. 0...")
    expect(draw(corners, [[1, 3, 2], [0, 1, 2]], 4), "1110 1100 1000 0000")
    zeros = [[0, 0, 0.0], [3, 0, 0.0], [0, 3, 0.0], [0, 0, -0.0], [3, 0, -3.0], [0, 3, -3.0]]
    expect(draw(zeros, [[0, 1, 2], [3, 4, 5]], 4), "0111 111. 11.. 1...")


def test_crossing_faces_change_over_where_they_meet():
    rising = [[0, 0, 0.1], [6, 0, 0.7], [6, 6, 0.7], [0, 6, 0.1]]
    level = [[0, 0, 0.35], [6, 0, 0.35], [6, 6, 0.35], [0, 6, 0.35]]
    faces = [[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]]
    rows = face_ids(draw(rising + level, faces, 7))[0]
    assert (rows[:, :3] < 2).all() and (rows[:, 3:] >= 2).all()


def test_faces_without_area_are_passed_over():
    corners = [[0, 0], [3, 3], [1, 1], [0, 3]]
    faces = [[0, 1, 2], [0, 0, 1], [2, 2, 2], [0, 1, 3]]
    expect(draw(corners, faces, 4), "3... 33.. 333. 3333")


def test_faces_outside_the_image_are_passed_over():
    corners = [[-9, 0], [-5, 0], [-5, 3], [1, 8], [2, 9], [1, 9], [0, 0], [1, 0], [0, 1]]
    expect(draw(corners, [[0, 1, 2], [3, 4, 5], [6, 7, 8]], 4), "22.. 2... .... ....")


def test_a_face_may_be_larger_than_the_image():
    expect(draw([[-900, -1000], [1000, -1000], [50, 3000]], [[0, 1, 2]], 4), "0000 " * 4)
    expect(draw([[-50, 52], [52, -50], [60, 60]], [[0, 1, 2]], 4), "..00 .000 0000 0000")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_face_without_a_depth_hides_no_other(value):
    corners = [[-1, -1, 0.5], [3, -1, 0.5], [-1, 3, 0.5], [-1, -1, value]]
    faces = torch.tensor([[0, 1, 2], [3, 1, 2]])
    for order in (faces, faces.flip(0)):
        fragments = rasterize(torch.tensor([corners], dtype=torch.float32), order, 8)
        assert len(fragments.face) == 64
        assert (order[fragments.face][:, 0] == 0).all() and fragments.depth.isfinite().all()


def test_vertices_that_are_not_finite_draw_nothing():
    corners = [[0, 0], [3, 0], [0, 3], [float("nan"), 1], [float("inf"), 0]]
    expect(draw(corners, [[0, 1, 3], [0, 4, 2], [0, 1, 2]], 4), "2222 222. 22.. 2...")


def test_an_empty_scene_is_background():
    fragments = draw([[-9, 0], [-5, 0], [-5, 3]], [[0, 1, 2]], 3)
    assert (face_ids(fragments) == -1).all() and not len(fragments.pixel)
    assert interpolate(fragments, torch.tensor([[0, 1, 2]]), torch.ones(1, 3, 2)).shape == (2, 0)


# --- twins ------------------------------------------------------------------------------------


def rasterize_slowly(corners: np.ndarray, faces: np.ndarray, size: int):
    """Edge functions in float64, pixel by pixel; ids, and pixels close to an edge or to a tie."""
    ids, close = np.full((size, size), -1), np.zeros((size, size), dtype=bool)
    for row in range(size):
        for column in range(size):
            hits = []
            for face_id, face in enumerate(faces):
                x, y, depth = (corners[face] - [column, row, 0]).T
                edges = np.roll(x, -1) * np.roll(y, -2) - np.roll(x, -2) * np.roll(y, -1)
                weights = edges / edges.sum()
                close[row, column] |= np.abs(weights).min() < 1e-4 and weights.min() > -1e-4
                if weights.min() >= 0:
                    hits.append((weights @ depth, face_id))
            if hits:
                hits.sort()
                ids[row, column] = hits[0][1]
                close[row, column] |= len(hits) > 1 and hits[1][0] - hits[0][0] < 1e-4
    return ids, close


@pytest.mark.parametrize("seed", range(4))
def test_random_triangles_agree_with_the_loop_over_pixels(seed):
    rng = np.random.default_rng(seed)
    size, faces = 20, rng.permutation(60).reshape(20, 3)
    centres = rng.uniform(-4, 24, (60, 2)) if seed % 2 else rng.uniform(4, 16, (60, 2))
    corners = np.concatenate([centres, rng.uniform(-1, 1, (60, 1))], axis=1)
    corners = corners.astype(np.float32).astype(np.float64)
    fragments = draw(corners, faces, size)
    expected, close = rasterize_slowly(corners, faces, size)
    differs = face_ids(fragments)[0].numpy() != expected
    assert not (differs & ~close).any()
    assert close.mean() < 0.05


@pytest.mark.parametrize("seed", range(30))
def test_triangles_on_the_pixel_grid_own_their_edges_exactly(seed):
    rng = np.random.default_rng(seed)
    corners = rng.integers(-10, 42, (3, 2))
    row, column = np.mgrid[:32, :32]
    x, y = (corners.T[:, :, None, None] - np.stack([column, row])[:, None]).astype(np.int64)
    edges = np.roll(x, -1, 0) * np.roll(y, -2, 0) - np.roll(x, -2, 0) * np.roll(y, -1, 0)
    covered = (edges >= 0).all(axis=0) | (edges <= 0).all(axis=0)
    found = face_ids(draw(corners, [[0, 1, 2]], 32))[0].numpy() == 0
    assert np.array_equal(found, covered & (edges.sum(axis=0) != 0))


@pytest.mark.parametrize("corner", ["top", "bottom", "any"])
def test_a_corner_on_a_pixel_centre_draws_its_pixel(corner):
    rng = np.random.default_rng(0)
    row, column = np.mgrid[:32, :32]
    first = np.stack([column, row], axis=-1).reshape(-1, 1, 2).repeat(2, axis=1)
    others = first + rng.uniform(-0.9, 0.9, first.shape)
    if corner != "any":
        side = 1 if corner == "top" else -1
        others[..., 1] = first[..., 1] + side * np.abs(others[..., 1] - first[..., 1])
    corners = np.concatenate([first[:, :1], others], axis=1).reshape(-1, 2)
    faces = np.arange(len(corners)).reshape(-1, 3)
    # No other pixel centre is within a triangle's reach.
    face_id = face_ids(draw(corners, faces, 32))[0]
    assert torch.equal(face_id, torch.arange(32 * 32).view(32, 32))


def bumpy_sphere() -> tuple[np.ndarray, np.ndarray]:
    """A closed surface of about 20 000 faces with bumps that hide one another."""
    mesh = trimesh.creation.icosphere(subdivisions=5)
    x, y, z = mesh.vertices.T
    radius = 0.6 + 0.1 * np.sin(9 * x + 1) * np.cos(8 * y) + 0.06 * np.sin(15 * z + 5 * x)
    return mesh.vertices * radius[:, None], mesh.faces.astype(np.int64)


def cast_rays(vertices: np.ndarray, faces: np.ndarray, size: int) -> np.ndarray:
    """Ids of the faces that rays through the pixel centres meet first."""
    # Embree computes in float32: a small scene far from the ray origins would lose digits.
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    centres = (2 * np.arange(size) + 1) / size - 1
    x, y = np.meshgrid(centres, centres)
    origins = np.stack([x.ravel(), y.ravel(), np.full(size * size, -2.0)], axis=1)
    directions = np.broadcast_to([0.0, 0.0, 1.0], origins.shape)
    hits = RayMeshIntersector(mesh).intersects_first(origins, directions)
    return hits.reshape(size, size)


def test_a_dense_mesh_agrees_with_ray_casting():
    vertices, faces = bumpy_sphere()
    size = 256
    projected = torch.tensor(vertices, dtype=torch.float32)[None]
    found = face_ids(rasterize(projected, torch.tensor(faces), size))[0].numpy()
    expected = cast_rays(projected[0].double().numpy(), faces, size)
    differs = found != expected
    assert (expected >= 0).mean() > 0.2
    assert differs.mean() <= 0.001
    # Where they differ, both are right: the pixel centre is on the edges of both faces.
    for row, column in np.argwhere(differs):
        point = np.array([(2 * column + 1) / size - 1, (2 * row + 1) / size - 1])
        for face in {found[row, column], expected[row, column]} - {-1}:
            corners = projected[0, faces[face], :2].double().numpy()
            system = np.concatenate([corners.T, np.ones((1, 3))])
            assert np.abs(np.linalg.solve(system, [*point, 1])).min() < 1e-3


@pytest.mark.parametrize("grid", [1, 4, 1000])
def test_neighbouring_faces_leave_no_hole(grid):
    # Corners on a coarse grid: pixel centres lie exactly on many edges and corners.
    rng = np.random.default_rng(grid)
    inner = rng.integers(-8 * grid, 40 * grid, (400, 2)) / grid
    corners = np.concatenate([inner, [[-9, -9], [-9, 41], [41, -9], [41, 41]]])
    faces = Delaunay(corners).simplices.astype(np.int64)
    assert (face_ids(draw(corners, faces, 32)) >= 0).all()


# --- batches, memory, precision ---------------------------------------------------------------


def random_scene(batch: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    vertices = torch.rand(batch, 40, 3, generator=generator) * 2 - 1
    return vertices, torch.randint(0, 40, (30, 3), generator=generator)


def same(one: Fragments, other: Fragments) -> bool:
    tensors = zip(one[1:], other[1:], strict=True)
    return one.shape == other.shape and all(torch.equal(*pair) for pair in tensors)


def test_a_batch_is_its_images():
    vertices, faces = random_scene(3)
    whole = rasterize(vertices, faces, 32)
    alone = [rasterize(image[None], faces, 32) for image in vertices]
    pixel = torch.cat([one.pixel + 32 * 32 * image for image, one in enumerate(alone)])
    _, _, *parts = zip(*alone, strict=True)
    assert same(whole, Fragments((3, 32, 32), pixel, *(torch.cat(part, dim=-1) for part in parts)))


@pytest.mark.parametrize("box_pixels", [60, 700])
def test_chunks_do_not_show(monkeypatch, box_pixels):
    vertices, faces = random_scene(2)
    whole = rasterize(vertices, faces, 24)
    monkeypatch.setattr(rasterizer, "BOX_PIXELS_PER_CHUNK", box_pixels)
    assert same(rasterize(vertices, faces, 24), whole)


def test_double_precision_gives_the_same_faces():
    vertices, faces = random_scene(2)
    single, double = rasterize(vertices, faces, 32), rasterize(vertices.double(), faces, 32)
    assert double.barycentric.dtype == torch.float64
    assert (face_ids(single) != face_ids(double)).sum() <= 2


def test_rasterizing_carries_no_gradient():
    vertices, faces = random_scene(1)
    fragments = rasterize(vertices.requires_grad_(), faces, 16)
    assert not fragments.barycentric.requires_grad and not fragments.depth.requires_grad


# --- interpolation ----------------------------------------------------------------------------


def test_interpolated_positions_are_the_pixel_centres():
    vertices, faces = random_scene(2)
    fragments = rasterize(vertices, faces, 32)
    x, y, depth = interpolate(fragments, faces, vertices)
    row, column = fragments.pixel // 32 % 32, fragments.pixel % 32
    torch.testing.assert_close(x, (2 * column + 1) / 32 - 1, atol=2e-4, rtol=0)
    torch.testing.assert_close(y, (2 * row + 1) / 32 - 1, atol=2e-4, rtol=0)
    torch.testing.assert_close(depth, fragments.depth)


def test_values_come_in_their_places():
    vertices, faces = random_scene(2)
    fragments = rasterize(vertices, faces, 16)
    values = torch.randn(3, len(fragments.pixel))
    images = fragments.to_images(values, background=7)
    assert images.shape == (2, 3, 16, 16) and images.is_contiguous()
    expected = torch.full_like(images, 7)
    for place, column in zip(fragments.pixel.tolist(), values.T, strict=True):
        expected[place // 256, :, place // 16 % 16, place % 16] = column
    assert torch.equal(images, expected)


def test_attributes_may_be_shared_by_the_batch():
    vertices, faces = random_scene(3)
    fragments = rasterize(vertices, faces, 16)
    attributes = torch.randn(1, 40, 5)
    shared = interpolate(fragments, faces, attributes)
    assert shared.shape == (5, len(fragments.pixel))
    assert torch.equal(shared, interpolate(fragments, faces, attributes.expand(3, -1, -1)))


def test_interpolation_passes_gradients_to_the_attributes():
    vertices, faces = random_scene(2)
    fragments = rasterize(vertices.double(), faces, 8)
    attributes = torch.randn(2, 40, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda values: fragments.to_images(interpolate(fragments, faces, values)),
        attributes,
        fast_mode=True,
    )
