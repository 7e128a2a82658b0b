"""A small head in FLAME's layout: an ellipsoid with joints, smooth directions, UVs and a texture.

Tests of every part use it, so that none needs a licensed file or waits for 5023 vertices.
"""

import numpy as np

from model.flame import FlameAssets, TextureSpace
from model.mesh import UvLayout

RINGS, SEGMENTS = 15, 20  # between the poles; 302 vertices, 600 faces
RADII = np.array([0.075, 0.11, 0.09])  # metres: half width, half height, half depth
# The vertices of the front nearest to where eyes would be (the image's right, then its left).
TOY_EYE_VERTICES = (5 * SEGMENTS + 12, 5 * SEGMENTS + 8)


def _sphere() -> np.ndarray:
    """Unit vertices [302, 3]: rings from the top down, each from the back once round, and poles."""
    polar = np.pi * np.arange(1, RINGS + 1) / (RINGS + 1)
    azimuth = 2 * np.pi * np.arange(SEGMENTS) / SEGMENTS + np.pi
    sine = np.sin(polar)[:, None]
    x, z = sine * np.sin(azimuth), sine * np.cos(azimuth)
    y = np.broadcast_to(np.cos(polar)[:, None], x.shape)
    rings = np.stack([x, y, z], axis=-1).reshape(-1, 3)
    return np.concatenate([rings, [[0, 1, 0], [0, -1, 0]]])


def _grid_faces(columns: int, top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """Faces [600, 3] of rings with so many columns; `top`, `bottom` [SEGMENTS] are pole ids."""
    faces = []
    for segment in range(SEGMENTS):
        right = (segment + 1) % columns
        faces.append((top[segment], segment, right))
        for ring in range(RINGS - 1):
            above, below = ring * columns, (ring + 1) * columns
            faces.append((above + segment, below + segment, below + right))
            faces.append((above + segment, below + right, above + right))
        last = (RINGS - 1) * columns
        faces.append((last + segment, bottom[segment], last + right))
    return np.array(faces, dtype=np.int64)


def toy_uv_layout() -> UvLayout:
    """A cylindrical unwrap without overlaps, cut along the back; poles are a row of points."""
    columns = SEGMENTS + 1
    u = 0.02 + 0.96 * np.arange(columns) / SEGMENTS
    v = 0.95 - 0.9 * np.arange(1, RINGS + 1) / (RINGS + 1)
    rings = np.stack(np.broadcast_arrays(u[None], v[:, None]), axis=-1).reshape(-1, 2)
    middles = 0.02 + 0.96 * (np.arange(SEGMENTS) + 0.5) / SEGMENTS
    poles = [np.stack([middles, np.full(SEGMENTS, height)], axis=-1) for height in (0.95, 0.05)]
    coordinates = np.concatenate([rings, *poles]).astype(np.float32)
    top = RINGS * columns + np.arange(SEGMENTS)
    return UvLayout(coordinates, _grid_faces(columns, top, top + SEGMENTS))


def _smooth_fields(
    points: np.ndarray,  # [V, 3] on the unit sphere
    count: int,
    scale: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Random low-frequency displacement fields [V, 3, count], about `scale` metres."""
    x, y, z = points.T
    basis = np.stack([np.ones_like(x), x, y, z, x * y, y * z, x * z, x * x - z * z], axis=1)
    weights = rng.standard_normal((basis.shape[1], 3 * count)) * scale / 2
    return (basis @ weights).reshape(len(points), 3, count).astype(np.float32)


def _skinning(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights [V, 5] and joint regressor [5, V] of root, neck, jaw and two eyes."""
    jaw = np.clip(-2 * points[:, 1], 0, 1) * np.clip(2 * points[:, 2], 0, 1) * 0.9
    neck = np.clip(points[:, 1] + 1, 0, 1) * (1 - jaw) * 0.5
    weights = np.stack([1 - jaw - neck, neck, jaw, np.zeros_like(jaw), np.zeros_like(jaw)], axis=1)
    for joint, vertex in zip((3, 4), TOY_EYE_VERTICES, strict=True):
        weights[vertex] = np.eye(5)[joint]
    centres = np.array([[0, -0.9, -0.1], [0, -0.6, -0.2], [0, -0.1, 0.1], [0.3, 0.3, 0.8]])
    centres = np.concatenate([centres, centres[3:] * [-1, 1, 1]])
    closeness = np.exp(-8 * np.square(centres[:, None] - points).sum(axis=2))
    return weights, closeness / closeness.sum(axis=1, keepdims=True)


def toy_flame_assets(seed: int = 0) -> FlameAssets:
    """The head: 302 vertices, 600 faces, 300 + 100 directions, pose correctives."""
    rng = np.random.default_rng(seed)
    points = _sphere()
    nose = 0.02 * np.exp(-20 * np.square(points - [0, 0, 1]).sum(axis=1))
    template = points * RADII + nose[:, None] * [0, 0, 1]
    weights, regressor = _skinning(points)
    poles = np.full(SEGMENTS, RINGS * SEGMENTS)
    faces = _grid_faces(SEGMENTS, poles, poles + 1)
    return FlameAssets(
        v_template=template.astype(np.float32),
        faces=faces,
        shapedirs=_smooth_fields(points, 400, 4e-4, rng),
        posedirs=_smooth_fields(points, 36, 1e-3, rng),
        J_regressor=regressor.astype(np.float32),
        parents=np.array([-1, 0, 1, 1, 1]),
        lbs_weights=weights.astype(np.float32),
    )


def toy_texture_space(size: int = 64, seed: int = 0, components: int = 50) -> TextureSpace:
    """Skin-coloured waves [size, size, 3], BGR in 0..255, with a few levels per component."""
    rng = np.random.default_rng(seed)
    row, column = np.mgrid[:size, :size] * (2 * np.pi / size)
    skin = np.array([110.0, 140.0, 190.0])
    mean = skin + 12 * np.cos(3 * row)[..., None] + 12 * np.sin(4 * column)[..., None]
    phases = rng.uniform(0, 2 * np.pi, (2, 3, components))
    waves = np.arange(components) % 5 + 1
    down = np.cos(row[..., None, None] * waves + phases[0])
    across = np.cos(column[..., None, None] * waves + phases[1])
    directions = 4 * down * across / np.sqrt(1 + np.arange(components))
    return TextureSpace(mean.astype(np.float32), directions.astype(np.float32))
