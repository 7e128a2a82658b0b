"""Smile, blink, disgust ... for a head whose components have no names, from targets of landmarks.

An expression is written down as what some landmarks of the face do, in parts of the distance of
the eyes. The head's own landmarks tell which of its expression components, with how much jaw, come
nearest to that: bounded least squares, the same for every head.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from scipy.optimize import lsq_linear

from constants import EXPRESSION_DIM, PARAM_DIM
from model.flame import FLAME, FlameParams
from my_utils.faces.named_factors import HEAD_DIGEST, NamedExpression, load_named_expressions
from my_utils.files.atomic import atomic_path
from my_utils.photos.fitting import FittingHead
from my_utils.photos.landmark_embedding import FaceMeshEmbedding, digest_of

# Landmarks of the Face Mesh network, those of the picture's left (the right of the face) first.
Pair = tuple[tuple[int, ...], tuple[int, ...]]
CORNERS: Pair = ((61, 76, 62), (291, 306, 292))
CHEEKS: Pair = ((50, 205, 187), (280, 425, 411))
INNER_BROWS: Pair = ((55, 107, 65, 66), (285, 336, 295, 296))
OUTER_BROWS: Pair = ((46, 53, 70, 63, 52, 105), (276, 283, 300, 293, 282, 334))
UPPER_LIDS: Pair = ((159, 158, 160), (386, 385, 387))
LOWER_LIDS: Pair = ((145, 153, 144), (374, 380, 373))
NOSTRILS: Pair = ((129, 64, 98), (358, 294, 327))
UPPER_LIP: Pair = ((0, 37, 39, 13, 82, 81), (0, 267, 269, 13, 312, 311))
LOWER_LIP: Pair = ((17, 84, 181, 14, 87, 178), (17, 314, 405, 14, 317, 402))
CHIN: Pair = ((152, 148, 176), (152, 377, 400))
EYE_CORNERS: Pair = ((33, 133), (263, 362))

Move = tuple[float, float, float]  # outwards, up, forwards, in distances of the eyes
SHUT = "shut"  # upper lids: down to the lower ones
SMILE, FROWN = (
    {CORNERS: (0.11, 0.10, -0.06), CHEEKS: (0.02, 0.04, 0.03), LOWER_LIDS: (0, 0.015, 0)},
    {INNER_BROWS: (-0.03, -0.07, 0.01), OUTER_BROWS: (0, -0.03, 0)},
)
OPEN = {LOWER_LIP: (0, -0.24, -0.05), CHIN: (0, -0.24, -0.06), CORNERS: (-0.02, -0.08, -0.02)}
RAISED = {INNER_BROWS: (0, 0.09, 0), OUTER_BROWS: (0, 0.10, 0), UPPER_LIDS: (0, 0.015, 0)}
DOWN = {CORNERS: (0.01, -0.09, -0.02)}
SNEER = {NOSTRILS: (0.02, 0.05, 0), UPPER_LIP: (0, 0.05, 0.01)}
TARGETS: Mapping[str, Mapping[Pair, Move | str]] = {
    "smile": SMILE,
    "open mouth": OPEN,
    "raised brows": RAISED,
    "frown": FROWN,
    "pout": {CORNERS: (-0.10, 0, 0.03), UPPER_LIP: (0, 0, 0.07), LOWER_LIP: (0, 0, 0.07)},
    "blink": {UPPER_LIDS: SHUT},
    "surprise": RAISED | OPEN | {UPPER_LIDS: (0, 0.04, 0)},
    "anger": FROWN | DOWN | {NOSTRILS: (0.02, 0.02, 0), UPPER_LIDS: (0, -0.03, 0)},
    "sadness": DOWN | {INNER_BROWS: (-0.02, 0.04, 0), OUTER_BROWS: (0, -0.02, 0)},
    "disgust": SNEER | FROWN | {CORNERS: (0, -0.03, 0)},
}

STILL_WEIGHT = 0.15  # of landmarks that no target names, which should stay
SPREAD = 0.02  # of the distance of the eyes: how exactly a target is meant
LARGEST = 3.0  # standard deviations of a component
LARGEST_JAW = 25.0  # degrees
JAW_SPREAD = 15.0  # degrees, that stand for one standard deviation of a component
MOST_LEFT = 0.8  # of what is asked: an expression that misses more is not this head's
ROUNDS = 3  # of linearisation: the jaw turns
SMALLEST = 0.02  # standard deviations below which a component is left out


class Solved(NamedTuple):
    """A named expression of a head, and how well the head can make it."""

    expression: NamedExpression
    asked: float  # millimetres, root mean square over the landmarks that should move
    left: float  # millimetres of that, which the head's components do not reach


def named_expressions_of(head: FittingHead) -> dict[str, NamedExpression]:
    """The named expressions of a head: its own, else solved once, written beside it and printed."""
    path = head.resources.paths.named_expressions
    digest = digest_of(head.renderer, head.networks)
    if path.exists():
        known = load_named_expressions(path)  # it checks the file, too
        if json.loads(path.read_text()).get(HEAD_DIGEST, digest) == digest:
            return known
    solved = solve_expressions(head.renderer.flame, head.embedding)
    for name, one in solved.items():
        print(f"{name}: {one.left:.1f} mm of {one.asked:.1f} mm are out of this head's reach")
    made = {name: one for name, one in solved.items() if one.left <= MOST_LEFT * one.asked}
    save_solved(path, made, digest)
    return load_named_expressions(path)


def save_solved(path: Path, solved: Mapping[str, Solved], digest: str) -> None:
    """Write solved expressions with the digest of the head that they hold for."""
    entries: dict[str, object] = {HEAD_DIGEST: digest}
    for name, (expression, _, _) in solved.items():
        components = {str(k): round(size, 3) for k, size in expression.components.items()}
        entries[name] = {"expression": components, "jaw": round(expression.jaw, 2)}
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(entries, indent=1) + "\n")


def solve_expressions(flame: FLAME, embedding: FaceMeshEmbedding) -> dict[str, Solved]:
    """All expressions of TARGETS on this head."""
    face = _Landmarks(flame, embedding)
    return {name: _solve(face, moves) for name, moves in TARGETS.items()}


class _Landmarks:
    """The landmarks of the mean head in any expression."""

    def __init__(self, flame: FLAME, embedding: FaceMeshEmbedding) -> None:
        self.flame, self.embedding = flame, embedding
        self.ids = embedding.landmarks.tolist()
        self.rest = self.at(np.zeros((1, EXPRESSION_DIM + 1)))[0]  # [K, 3] metres
        eyes = [self._mean(side) for side in EYE_CORNERS]
        self.unit = float(np.linalg.norm(eyes[0] - eyes[1]))

    def at(
        self,
        unknowns: np.ndarray,  # [N, 51] components, and the jaw in JAW_SPREAD degrees
    ) -> np.ndarray:
        """Landmarks [N, K, 3] in metres."""
        vector = torch.zeros(len(unknowns), PARAM_DIM)
        params = FlameParams.from_vector(vector)
        given = torch.from_numpy(unknowns).float()
        params.expression[:] = given[:, :-1]
        params.pose[:, 3] = (given[:, -1] * JAW_SPREAD).deg2rad()
        with torch.no_grad():
            vertices = self.flame(params.to(self.flame.v_template.device)).cpu().numpy()
        corners = vertices[:, self.embedding.vertex_ids]  # [N, K, 3 corners, 3]
        return np.einsum("nkcx,kc->nkx", corners, self.embedding.barycentric)

    def target(self, moves: Mapping[Pair, Move | str]) -> tuple[np.ndarray, np.ndarray]:
        """Displacements [K, 3] in metres that are asked for, and which landmarks [K] they name."""
        displacement, named = np.zeros_like(self.rest), np.zeros(len(self.rest), bool)
        for pair, move in moves.items():
            for side, sign in zip(pair, (-1, 1), strict=True):
                rows = self._rows(side)
                if isinstance(move, str):
                    lower = LOWER_LIDS[0 if sign < 0 else 1]
                    gap = self._mean(lower) - self._mean(side)
                    displacement[rows] = gap * [0, 1, 0]
                else:
                    displacement[rows] = np.array(move) * [sign, 1, 1] * self.unit
                named[rows] = True
        middle = np.abs(self.rest[:, 0] - self.rest[:, 0].mean()) < 0.02 * self.unit
        displacement[middle, 0] = 0
        return displacement, named

    def _rows(self, side: tuple[int, ...]) -> list[int]:
        return [self.ids.index(landmark) for landmark in side if landmark in self.ids]

    def _mean(self, side: tuple[int, ...]) -> np.ndarray:
        rows = self._rows(side)
        return self.rest[rows].mean(axis=0) if rows else np.zeros(3)


def _solve(face: _Landmarks, moves: Mapping[Pair, Move | str]) -> Solved:
    wanted, named = face.target(moves)
    weight = np.where(named, 1.0, STILL_WEIGHT)[:, None] / (SPREAD * face.unit)
    count = EXPRESSION_DIM + 1
    bounds = np.full(count, LARGEST), np.full(count, -LARGEST)
    bounds[0][-1], bounds[1][-1] = LARGEST_JAW / JAW_SPREAD, 0.0
    found, step = np.zeros(count), 0.1
    for _ in range(ROUNDS):
        probes = face.at(np.concatenate([found[None], found + step * np.eye(count)]))
        jacobian = (probes[1:] - probes[0]) / step  # [51, K, 3]
        missing = wanted - (probes[0] - face.rest)
        rows = (jacobian * weight).reshape(count, -1).T
        right = (missing * weight).ravel() + rows @ found
        system = np.concatenate([rows, np.eye(count)])
        found = lsq_linear(system, np.append(right, np.zeros(count)), (bounds[1], bounds[0])).x
    left = (wanted - (face.at(found[None])[0] - face.rest))[named]
    components = {k: float(size) for k, size in enumerate(found[:-1]) if abs(size) > SMALLEST}
    return Solved(
        NamedExpression(components, float(found[-1] * JAW_SPREAD)), _rms(wanted[named]), _rms(left)
    )


def _rms(displacement: np.ndarray) -> float:
    """Root mean square length of displacements [K, 3] in metres, in millimetres."""
    return float(1000 * np.sqrt((displacement**2).sum(axis=1).mean()))
