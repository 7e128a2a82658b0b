"""The whole mesh of the demo head: skin, lids, a mouth with teeth, and two eyeballs, with UVs.

It has the parts of FLAME's mesh that pictures show, and keeps the two vertices that other code
knows by number: the fronts of the eyeballs.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from constants import EYE_VERTICES
from my_utils.demo.skin import MOUTH_RING_SIZE, skin_topology
from my_utils.demo.surface import (
    EYE_CENTER,
    EYEBALL_RADIUS,
    MOUTH_HALF_WIDTH,
    MOUTH_Y,
    grid_triangles,
    loft,
    mouth_line,
    skin,
    smoothstep,
)

SKIN, LID_MARGIN, MOUTH_BAG, UPPER_TEETH, LOWER_TEETH, LEFT_EYE, RIGHT_EYE = range(7)

# Rings of the bag behind the lips: width factor, height above, depth below, distance behind.
BAG_RINGS = (
    (0.98, 0.0012, 0.0012, 0.0040),
    (1.00, 0.0070, 0.0065, 0.0075),
    (0.98, 0.0120, 0.0110, 0.0150),
    (0.92, 0.0140, 0.0130, 0.0250),
    (0.70, 0.0110, 0.0110, 0.0400),
    (0.20, 0.0040, 0.0040, 0.0460),
)
TEETH_COLUMNS, TEETH_ROWS = 25, 4
BALL_RINGS, BALL_SEGMENTS = 17, 32
BALL_SIZE = 2 + BALL_RINGS * BALL_SEGMENTS

UV_TOP, UV_BOTTOM, UV_HALF_WIDTH, UV_FOCUS = 0.985, 0.175, 0.46, 1.5
# Islands below the skin in UV: centre and radius of discs; left, bottom, width, height of strips.
DISCS = {
    LEFT_EYE: (0.255, 0.08, 0.072),
    RIGHT_EYE: (0.09, 0.08, 0.072),
    MOUTH_BAG: (0.42, 0.08, 0.072),
}
STRIPS = {UPPER_TEETH: (0.52, 0.09, 0.46, 0.06), LOWER_TEETH: (0.52, 0.015, 0.46, 0.06)}


@dataclass(frozen=True)
class HeadMesh:
    """The head at rest. V vertices, T UV vertices, F triangles."""

    vertices: np.ndarray  # [V, 3] metres, FLAME frame
    faces: np.ndarray  # [F, 3]
    parts: np.ndarray  # [V] SKIN ... RIGHT_EYE
    surface: np.ndarray  # [V, 2] (theta, t) of the skin vertices; zero elsewhere
    lip_side: np.ndarray  # [V] +1 above, -1 below the line between the lips, 0 far beside it
    follows: (
        np.ndarray
    )  # [V] whose motion a vertex shares: the mouth bag's is the lips', else its own
    uv: np.ndarray  # [T, 2] u right, v up
    uv_faces: np.ndarray  # [F, 3]


def uv_of(theta, t):
    """Cylinder-like unwrap with the face enlarged: [..., 2] in [0, 1], v up."""
    u = 0.5 + UV_HALF_WIDTH * np.tanh(UV_FOCUS * theta / np.pi) / np.tanh(UV_FOCUS)
    return np.stack([u, UV_TOP + (UV_BOTTOM - UV_TOP) * t], axis=-1)


def surface_of(u, v):
    """The (theta, t) at a place of the unwrap; the inverse of `uv_of`."""
    s = np.clip((u - 0.5) / UV_HALF_WIDTH * np.tanh(UV_FOCUS), -0.95, 0.95)
    return np.arctanh(s) / UV_FOCUS * np.pi, (v - UV_TOP) / (UV_BOTTOM - UV_TOP)


def _between(outer, inner):
    """Two triangles for each step between two closed loops of vertex numbers: [2n, 3]."""
    next_outer, next_inner = np.roll(outer, -1), np.roll(inner, -1)
    return np.concatenate(
        [np.stack([outer, next_outer, inner], 1), np.stack([next_outer, next_inner, inner], 1)]
    )


def eyeball():
    """A unit sphere looking along z, front pole first: vertices [546, 3], triangles [1088, 3]."""
    latitude = np.pi * np.arange(1, BALL_RINGS + 1) / (BALL_RINGS + 1)
    longitude = 2 * np.pi * np.arange(BALL_SEGMENTS) / BALL_SEGMENTS
    circle = np.stack([np.cos(longitude), np.sin(longitude), np.zeros(BALL_SEGMENTS)], 1)
    rings = [circle * np.sin(a) + [0, 0, np.cos(a)] for a in latitude]
    vertices = np.concatenate([[[0, 0, 1.0]], *rings, [[0, 0, -1.0]]])
    number = 1 + np.arange(BALL_RINGS * BALL_SEGMENTS).reshape(BALL_RINGS, BALL_SEGMENTS)
    front, back = np.zeros(BALL_SEGMENTS, int), np.full(BALL_SEGMENTS, BALL_SIZE - 1)
    faces = [np.stack([front, number[0], np.roll(number[0], -1)], 1)]
    faces += [_between(b, a) for a, b in zip(number[:-1], number[1:], strict=True)]
    faces += [np.stack([number[-1], back, np.roll(number[-1], -1)], 1)]
    return vertices, np.concatenate(faces)


def _teeth(part, front_z):
    """One row of teeth as a bent strip: vertices [rows * columns, 3], triangles, UVs."""
    across, down = np.meshgrid(
        np.linspace(-1, 1, TEETH_COLUMNS), np.linspace(0, 1, TEETH_ROWS), indexing="xy"
    )
    angle = across * 1.25
    y = MOUTH_Y + (0.0075 - 0.0090 * down if part == UPPER_TEETH else 0.0008 - 0.0075 * down)
    behind = 0.0 if part == UPPER_TEETH else 0.0022
    x = 0.0235 * np.sin(angle) / np.sin(1.25)
    z = front_z - behind - 0.024 * (1 - np.cos(angle)) / (1 - np.cos(1.25))
    left, bottom, width, height = STRIPS[part]
    uv = np.stack([left + width * (across + 1) / 2, bottom + height * (1 - down)], -1)
    faces = grid_triangles(TEETH_ROWS, TEETH_COLUMNS)
    return np.stack([x, y, z], -1).reshape(-1, 3), faces, uv.reshape(-1, 2)


class _Assembly:
    """Collects parts of the mesh one after the other and keeps their numbers apart."""

    def __init__(self):
        self.vertices, self.parts, self.faces, self.uv, self.uv_faces = [], [], [], [], []
        self.count = self.uv_count = 0

    def add_vertices(self, vertices, part):
        start = self.count
        self.vertices.append(vertices)
        self.parts.append(np.full(len(vertices), part))
        self.count += len(vertices)
        return start + np.arange(len(vertices))

    def add_uv(self, uv):
        start = self.uv_count
        self.uv.append(uv)
        self.uv_count += len(uv)
        return start + np.arange(len(uv))

    def add_faces(self, faces, uv_faces):
        self.faces.append(faces)
        self.uv_faces.append(uv_faces)


def _skin_uv(surface, triangles):
    """UVs of the skin; triangles across the back of the head get vertices beyond the seam."""
    theta = surface[triangles, 0]
    beyond = (np.ptp(theta, axis=1) > np.pi)[:, None] & (theta < 0)
    corners = np.where(beyond, triangles + len(surface), triangles)
    double = np.concatenate([surface, surface + [2 * np.pi, 0]])
    used, uv_faces = np.unique(corners, return_inverse=True)
    return uv_of(*double[used].T), uv_faces.reshape(-1, 3), used


def _add_lid_margins(mesh, points, surface, loops, uv_index):
    """The thickness of the lids: from the rim of each opening back to the eyeball."""
    for loop, side in zip(loops, (1, -1), strict=True):
        center = EYE_CENTER * [side, 1, 1]
        rim = points[loop]
        middle = uv_of(*surface[loop].T).mean(0)
        inside_uv = mesh.add_uv(middle + 0.90 * (uv_of(*surface[loop].T) - middle))
        inside = rim.copy()
        flat = (rim - center)[:, :2]
        depth = np.sqrt(np.clip(EYEBALL_RADIUS**2 - (flat**2).sum(1), 0, None))
        inside[:, 2] = np.minimum(center[2] + depth - 0.0012, rim[:, 2] - 0.001)
        numbers = mesh.add_vertices(inside, LID_MARGIN)
        mesh.add_faces(_between(loop, numbers), _between(uv_index[loop], inside_uv))


def _add_mouth_bag(mesh, points, loop):
    """A closed bag behind the lips, so that an open mouth shows a mouth."""
    u, v, radius = DISCS[MOUTH_BAG]
    turn = 2 * np.pi * np.arange(MOUTH_RING_SIZE) / MOUTH_RING_SIZE
    circle = np.stack([np.cos(turn), np.sin(turn)], 1)
    rim = points[loop]
    outer, outer_uv = loop, mesh.add_uv([u, v] + radius * circle)
    start = mesh.count
    for index, (width, above, below, behind) in enumerate(BAG_RINGS):
        height = np.where(circle[:, 1] > 0, above, below) * circle[:, 1]
        ring = rim * [width, 0, 1]
        ring[:, 1] = mouth_line(ring[:, 0]) + height
        ring[:, 2] = rim[:, 2] - behind
        inner = mesh.add_vertices(ring, MOUTH_BAG)
        inner_uv = mesh.add_uv([u, v] + radius * (1 - (index + 1) / 7) * circle)
        mesh.add_faces(_between(outer, inner), _between(outer_uv, inner_uv))
        outer, outer_uv = inner, inner_uv
    end = mesh.add_vertices(ring.mean(0, keepdims=True), MOUTH_BAG)
    end_uv = mesh.add_uv(np.array([[u, v]]))
    mesh.add_faces(
        _between(outer, np.repeat(end, len(outer)))[: len(outer)],
        _between(outer_uv, np.repeat(end_uv, len(outer)))[: len(outer)],
    )
    return np.arange(start, mesh.count), np.append(np.tile(loop, len(BAG_RINGS)), loop[0])


def _add_eyeballs(mesh):
    """Two spheres whose front poles get the vertex numbers FLAME gives them."""
    ball, faces = eyeball()
    front_offset = EYE_VERTICES[0] - mesh.count
    # The front pole moves from place 0 to the place that makes its number right.
    order = np.insert(np.arange(1, BALL_SIZE), front_offset, 0)
    new_number = np.argsort(order)
    angle = np.arccos(np.clip(ball[:, 2], -1, 1))
    sideways = np.maximum(np.hypot(ball[:, 0], ball[:, 1]), 1e-9)[:, None]
    flat = ball[:, :2] / sideways * np.minimum(angle / 2.0, 1)[:, None]
    for part, side in ((LEFT_EYE, 1), (RIGHT_EYE, -1)):
        u, v, radius = DISCS[part]
        numbers = mesh.add_vertices(
            (EYE_CENTER * [side, 1, 1] + EYEBALL_RADIUS * ball)[order], part
        )
        uv = mesh.add_uv(([u, v] + radius * flat)[order])
        mesh.add_faces(numbers[new_number[faces]], uv[new_number[faces]])


def _lip_side(vertices, parts, surface):
    """Which lip each vertex belongs to, judged before the clay moved it: [V]."""
    is_skin = parts == SKIN
    x, y, z = np.where(is_skin[:, None], loft(*surface.T), vertices).T
    in_front = np.where(is_skin, smoothstep(0.0, 0.03, z), 1)
    near = smoothstep(1.10, 0.40, np.abs(x) / MOUTH_HALF_WIDTH)
    near = near * in_front * (is_skin | (parts == MOUTH_BAG))
    return near * np.sign(y - mouth_line(x))


@cache
def head_mesh() -> HeadMesh:
    """Build the head; takes about two seconds once a process."""
    surface, triangles, loops = skin_topology()
    points = skin(*surface.T)
    mesh = _Assembly()
    mesh.add_vertices(points, SKIN)
    uv, uv_faces, used = _skin_uv(surface, triangles)
    mesh.add_uv(uv)
    mesh.add_faces(triangles, uv_faces)
    uv_index = np.searchsorted(used, np.arange(len(surface)))
    _add_lid_margins(mesh, points, surface, loops[:2], uv_index)
    bag, lip_of_bag = _add_mouth_bag(mesh, points, loops[2])
    front_z = points[loops[2], 2].max() - 0.0085
    for part in (UPPER_TEETH, LOWER_TEETH):
        vertices, faces, uv = _teeth(part, front_z)
        numbers, uv_numbers = mesh.add_vertices(vertices, part), mesh.add_uv(uv)
        mesh.add_faces(numbers[faces], uv_numbers[faces])
    _add_eyeballs(mesh)

    parts = np.concatenate(mesh.parts)
    vertices = np.concatenate(mesh.vertices)
    follows = np.arange(len(vertices))
    follows[bag] = lip_of_bag
    on_surface = np.zeros((len(vertices), 2))
    on_surface[: len(surface)] = surface
    return HeadMesh(
        vertices=vertices,
        faces=np.concatenate(mesh.faces),
        parts=parts,
        surface=on_surface,
        lip_side=_lip_side(vertices, parts, on_surface),
        follows=follows,
        uv=np.concatenate(mesh.uv),
        uv_faces=np.concatenate(mesh.uv_faces),
    )
