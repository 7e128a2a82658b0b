"""The skin of the demo head as a triangle mesh: where its vertices are and how they join.

Vertices are scattered over the skin, densest where a face needs them, and joined by a Delaunay
triangulation; eye and mouth openings are cut out along rings of vertices, as a modeller lays them.
"""

import numpy as np
from scipy.integrate import cumulative_trapezoid
from scipy.spatial import Delaunay, cKDTree

from my_utils.demo.surface import (
    EAR_CENTER,
    EYE_CENTER,
    EYE_OPENING,
    MOUTH_Y,
    ear_outline,
    ear_reach,
    gaussian,
    lid_gap,
    locate_ear,
    locate_front,
    loft,
    mouth_line,
    smoothstep,
)

EYE_RING_SIZE, MOUTH_RING_SIZE, EAR_RING_SIZE = 32, 40, 54
# Rings around the eye opening: half width, height above, depth below its centre, metres.
EYE_RINGS = np.array(
    [
        EYE_OPENING,
        [0.0154, 0.0074, 0.0061],
        [0.0166, 0.0092, 0.0076],
        [0.0182, 0.0112, 0.0094],
        [0.0200, 0.0136, 0.0116],
        [0.0226, 0.0166, 0.0144],
    ]
)
# Rings around the closed mouth; the first pair of lips touch.
MOUTH_RINGS = np.array(
    [
        [0.0245, 0.00015, 0.00015],
        [0.0252, 0.0018, 0.0020],
        [0.0260, 0.0040, 0.0046],
        [0.0268, 0.0064, 0.0074],
        [0.0280, 0.0088, 0.0102],
        [0.0302, 0.0120, 0.0136],
    ]
)

EAR_RINGS = (1.17, 1.09, 1.01, 0.94, 0.86, 0.76)  # 1 is near the outline of the ear


def _ring(center, extent, size, pointed):
    """An almond around `center`, anticlockwise from the side of larger x: offsets [size, 2]."""
    half_width, above, below = extent
    angle = 2 * np.pi * np.arange(size) / size
    height = np.where(np.sin(angle) > 0, above, below) * np.abs(np.sin(angle)) ** pointed
    offsets = np.stack([half_width * np.cos(angle), np.sign(np.sin(angle)) * height], axis=1)
    return center + offsets


def eye_ring(index):
    """Ring `index` around the opening of the subject's left eye, in x and y: [32, 2]."""
    ring = _ring(EYE_CENTER[:2], EYE_RINGS[index], EYE_RING_SIZE, 1.25)
    across = ring[:, 0] - EYE_CENTER[0]
    ring[:, 1] += 0.06 * across - 0.0012 * smoothstep(-0.006, -0.014, across)
    return ring


def mouth_ring(index):
    """Ring `index` around the mouth, in x and y: [40, 2]."""
    ring = _ring([0.0, 0.0], MOUTH_RINGS[index], MOUTH_RING_SIZE, 1.0)
    ring[:, 1] += mouth_line(ring[:, 0])
    return ring


def _spacing(points):
    """Wanted distance between neighbouring vertices, metres: small at features."""
    x, y, z = np.abs(points.T)[0], points[:, 1], points[:, 2]
    front = smoothstep(-0.03, 0.02, z)
    near_nose = gaussian(x, 0.014) * gaussian(y + 0.013, 0.016) * front
    near_eye = gaussian(x - 0.031, 0.018) * gaussian(y - 0.026, 0.018) * front
    near_mouth = gaussian(x, 0.030) * gaussian(y + 0.046, 0.022) * front
    face = gaussian(x, 0.05) * gaussian(y + 0.01, 0.06) * front
    ear = gaussian(y - EAR_CENTER[0], 0.028) * gaussian(z - EAR_CENTER[1] + 0.004, 0.020)
    ear *= smoothstep(0.03, 0.05, x)
    density = 1 + 1.3 * face + 4.2 * near_nose + 1.6 * near_eye + 1.4 * near_mouth + 2.6 * ear
    return 0.0096 / density


def _scatter(rings):
    """Vertices of the right half x > 0 and their mirror images: (theta, t) [N, 2], rings first.

    Greedy thinning: candidates in a fixed order, each kept unless a kept one is closer than the
    wanted spacing.
    """
    middle_t = np.linspace(0, 1, 1500)[1:]
    middle = np.concatenate(
        [np.stack([np.full_like(middle_t, a), middle_t], 1) for a in (0, np.pi)]
    )
    rng = np.random.default_rng(7)
    cloud = np.stack([rng.uniform(0, np.pi, 60000), rng.uniform(0.004, 1, 60000)], 1)
    edge = np.stack([np.linspace(0.06, np.pi - 0.06, 40), np.ones(40)], 1)
    candidates = np.concatenate([rings, middle, edge, cloud])
    points = loft(*candidates.T)
    spacing = _spacing(points)
    on_middle = np.abs(points[:, 0]) < 1e-7
    dropped = ~on_middle & (points[:, 0] < 0.5 * spacing)
    tree = cKDTree(points)
    gap = lid_gap(points[:, 0], points[:, 1])
    dropped |= (gap < 0.017) & (points[:, 2] > 0) & (np.abs(points[:, 1] - EYE_CENTER[1]) < 0.012)
    mouth = np.hypot(points[:, 0] / 0.028, (points[:, 1] - MOUTH_Y) / 0.011)
    dropped |= (mouth < 1) & (points[:, 2] > 0)
    dropped |= (np.abs(ear_reach(points) - 0.96) < 0.26) & (points[:, 0] > 0.03)
    dropped[: len(rings)] = False
    for index in range(len(candidates)):
        if not dropped[index]:
            close = tree.query_ball_point(points[index], spacing[index])
            dropped[[k for k in close if k > index and k >= len(rings)]] = True
    return candidates[~dropped]


def _flat_disc(theta, t):
    """Conformal map of the loft to a disc with the crown in its middle (for the triangulation)."""
    grid_t, grid_theta = np.linspace(0.002, 1, 400), np.linspace(-np.pi, np.pi, 65)
    points = loft(grid_theta[None, :], grid_t[:, None])
    around = np.linalg.norm(np.diff(points, axis=1), axis=2).sum(1) / (2 * np.pi)
    along = np.linalg.norm(np.gradient(points, grid_t, axis=0), axis=2).mean(1)
    radius = np.exp(cumulative_trapezoid(along / around, grid_t, initial=0))
    rho = np.interp(t, grid_t, radius) * np.minimum(1, t / grid_t[0])
    return np.stack([rho * np.sin(theta), rho * np.cos(theta)], axis=1)


def _is_inside(places, polygon):
    """Which places [N, 2] lie in a polygon [M, 2]: an odd number of edges to their right."""
    (x0, y0), (x1, y1) = polygon.T, np.roll(polygon, -1, axis=0).T
    x, y = places[:, :1], places[:, 1:]
    crosses = (y0 > y) != (y1 > y)
    slope = (x1 - x0) / np.where(y1 == y0, 1, y1 - y0)
    return (crosses & (x0 + (y - y0) * slope > x)).sum(axis=1) % 2 == 1


def _turn_outwards(triangles, surface):
    """The same triangles with their corners anticlockwise seen from outside the head.

    The disc has theta running clockwise, so there it is the other way round.
    """
    flat = _flat_disc(*surface.T)
    a, b = (flat[triangles[:, k]] - flat[triangles[:, 0]] for k in (1, 2))
    anticlockwise = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0] > 0
    return np.where(anticlockwise[:, None], triangles[:, ::-1], triangles)


def skin_topology():
    """Skin vertices (theta, t) and triangles, and the loops of vertices along the openings."""
    eye = np.concatenate([locate_front(*eye_ring(k).T) for k in range(len(EYE_RINGS))])
    lips = np.concatenate([locate_front(*mouth_ring(k).T) for k in range(len(MOUTH_RINGS))])
    lips = lips[lips[:, 0] > -1e-4]
    turn = 2 * np.pi * np.arange(EAR_RING_SIZE) / EAR_RING_SIZE
    ear = np.concatenate([locate_ear(*ear_outline(reach, turn)) for reach in EAR_RINGS])
    half = _scatter(np.concatenate([eye, lips, ear]))
    half[np.abs(half[:, 0]) < 1e-4, 0] = 0  # the mirrored half shares the midline
    mirrored = (half[:, 0] > 0) & (half[:, 0] < np.pi)
    surface = np.concatenate([half, half[mirrored] * [-1, 1]])
    triangles = Delaunay(_flat_disc(*surface.T)).simplices

    loops = []
    for ring in (eye_ring(0), eye_ring(0) * [-1, 1], mouth_ring(0)):
        loops.append(cKDTree(surface).query(locate_front(*ring.T))[1])
    loops[1] = loops[1][::-1]  # anticlockwise again after mirroring
    points = loft(*surface.T)
    for loop in loops:
        middle = points[triangles].mean(axis=1)
        open_ = (middle[:, 2] > 0) & _is_inside(middle[:, :2], points[loop, :2])
        triangles = triangles[~open_]
    return surface, _turn_outwards(triangles, surface), loops
