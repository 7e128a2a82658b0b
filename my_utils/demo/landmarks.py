"""The 68 landmarks of the demo head, in the file that heads have them in.

Each is given by its place as seen from the front and lies where a straight look meets the skin.
"""

from pathlib import Path

import numpy as np

from my_utils.demo.mesh import SKIN, head_mesh
from my_utils.demo.surface import EYE_CENTER, EYE_OPENING, MOUTH_HALF_WIDTH, MOUTH_Y

# Of one half, x outwards and y in metres; mirrored for the other.
JAW = (
    *((0.0715, 0.012), (0.0705, -0.008), (0.068, -0.028), (0.063, -0.047)),
    *((0.054, -0.064), (0.043, -0.077), (0.029, -0.087), (0.014, -0.093)),
)
CHIN = (0.0, -0.095)
BROW = ((0.047, 0.035), (0.040, 0.042), (0.031, 0.044), (0.021, 0.043), (0.012, 0.040))
NOSE = ((0.0, 0.025), (0.0, 0.013), (0.0, 0.001), (0.0, -0.0105))
NOSTRILS = ((0.0115, -0.0205), (0.0058, -0.0222))
BELOW_NOSE = (0.0, -0.0235)
OUTER_LIPS = ((0.016, 0.0055), (0.006, 0.0085), (0.0, 0.0075))  # above the line of the mouth
LOWER_LIPS = ((0.015, -0.0066), (0.007, -0.0095), (0.0, -0.0098))
INNER = (0.008, 0.0014, 0.0028)  # at the line itself: x, height above and depth below


def landmark_places() -> np.ndarray:
    """All 68 as seen from the front, in iBUG's order: [68, 2] metres."""
    jaw = [*_left(JAW), CHIN, *_right(JAW)]
    brows = [*_left(BROW), *_right(BROW)]
    nose = [*NOSE, *_left(NOSTRILS), BELOW_NOSE, *_right(NOSTRILS)]
    return np.array([*jaw, *brows, *nose, *_eye(-1), *_eye(1), *_mouth()])


def _left(half):
    """On the picture's left."""
    return [(-x, y) for x, y in half]


def _right(half):
    """On the picture's right, from the middle outwards."""
    return list(half)[::-1]


def _eye(side):
    """From the corner at the picture's left, over the upper lid."""
    half, above, below = EYE_OPENING
    center = np.array([side * EYE_CENTER[0], EYE_CENTER[1]])
    corners = [(-half, 0), (-half / 3, above), (half / 3, above), (half, 0)]
    return [center + place for place in [*corners, (half / 3, -below), (-half / 3, -below)]]


def _mouth():
    """The outline from the corner at the picture's left over the upper lip, then the line."""
    corner, (x, height, depth) = (MOUTH_HALF_WIDTH, 0.0), INNER
    upper = [*_left(OUTER_LIPS), *_right(OUTER_LIPS[:2])]
    lower = [*list(LOWER_LIPS), *_left(LOWER_LIPS[:2])[::-1]]
    inner_corner = (0.85 * corner[0], 0.0)
    line = [(-inner_corner[0], 0.0), (-x, height), (0, height), (x, height), inner_corner]
    line += [(x, -depth), (0, -depth), (-x, -depth)]
    outline = [(-corner[0], 0.0), *upper, corner, *lower]
    return [(x, MOUTH_Y + y) for x, y in [*outline, *line]]


def landmark_embedding() -> tuple[np.ndarray, np.ndarray]:
    """Triangles [68] and barycentric coordinates [68, 3] of the landmarks."""
    mesh = head_mesh()
    skin = np.flatnonzero((mesh.parts[mesh.faces] == SKIN).all(axis=1))
    corners = mesh.vertices[mesh.faces[skin]]
    found = [_look(place, corners) for place in landmark_places()]
    return skin[[face for face, _ in found]], np.array([weights for _, weights in found])


def _look(place: np.ndarray, corners: np.ndarray) -> tuple[int, np.ndarray]:
    """The front-most triangle at a place seen from the front; where none is, the nearest corner."""
    a, b, c = corners[:, 0, :2], corners[:, 1, :2], corners[:, 2, :2]
    area = _cross(b - a, c - a)
    weights = np.stack([_cross(b - place, c - place), _cross(c - place, a - place)], 1)
    weights = weights / np.where(area == 0, np.inf, area)[:, None]
    weights = np.concatenate([weights, 1 - weights.sum(1, keepdims=True)], 1)
    hit = np.flatnonzero((weights >= 0).all(1) & (area > 0))
    if len(hit):
        depth = (weights[hit] * corners[hit, :, 2]).sum(1)
        front = hit[depth.argmax()]
        return int(front), weights[front]
    distance = np.linalg.norm(corners[..., :2] - place, axis=2) + 10 * (corners[..., 2] < 0)
    face, corner = np.unravel_index(distance.argmin(), distance.shape)
    return int(face), np.eye(3)[corner]


def _cross(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]


def write_landmarks(path: Path) -> None:
    """Write `landmark_embedding.npy`: of its fields those of the 68 points on the surface."""
    faces, weights = landmark_embedding()
    fields = {"full_lmk_faces_idx": faces[None], "full_lmk_bary_coords": weights[None]}
    with path.open("wb") as file:
        np.save(file, np.array(fields, dtype=object))
