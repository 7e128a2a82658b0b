"""Points, depth and parts of the head in a picture.

Pixel (0, 0) is the centre of the first pixel. The camera is a scaled orthographic one, which knows
no distance: depth is counted from the plane z = 0 of the head's coordinates, away from the viewer.
"""

from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from model.flame import EYE_JOINTS, FLAME
from my_utils.data.landmarks import CHIN, MOUTH_OUTLINE, Landmarks
from my_utils.stimuli.surface import Surface

PARTS = ("background", "skin", "eyes", "mouth", "neck")  # levels of a segmentation
BACKGROUND, SKIN, EYES, MOUTH, NECK = range(len(PARTS))
SURFACE_ROOM = 0.003  # metres: a point so far behind what is seen counts as seen


class HeadParts(NamedTuple):
    """By what the parts of a head are told."""

    faces: Tensor  # [F, 3] triangles
    eyes: Tensor  # [F] bool, the eyeballs
    neck: Tensor  # [F] bool, below the chin of the head at rest
    landmarks: Landmarks | None  # without them mouth and neck are skin


def head_parts(flame: FLAME, landmarks: Landmarks | None) -> HeadParts:
    """Eyeballs are what follows the joints of the eyes; the neck is what lies below the chin."""
    faces = flame.faces.cpu()
    weights, rest = flame.lbs_weights.cpu(), flame.v_template.cpu()
    eyes = (weights[:, EYE_JOINTS].sum(dim=1) > 0.5)[faces].all(dim=1)
    neck = torch.zeros_like(eyes)
    if landmarks is not None:
        chin = landmarks.locate(rest, faces)[CHIN, 1]
        neck = (rest[:, 1] < chin)[faces].all(dim=1)
    return HeadParts(faces, eyes, neck, landmarks)


def camera_matrix(
    camera: Tensor,  # [1, 3] scale, tx, ty
    size: int,
) -> np.ndarray:
    """The camera as a matrix [2, 4]: pixels of a point (x, y, z, 1) in metres."""
    scale, tx, ty = camera[0].double().tolist()
    half = size / 2
    return np.array(
        [
            [half * scale, 0, 0, half * (scale * tx + 1) - 0.5],
            [0, -half * scale, 0, half * (1 - scale * ty) - 0.5],
        ]
    )


def depth_map(seen: Surface) -> np.ndarray:
    """Metres behind the plane z = 0: [S, S] float32, NaN beside the head."""
    depth = seen.fragments.depth[None] / seen.camera[:, 0].to(seen.fragments.depth)
    return seen.fragments.to_images(depth, background=float("nan"))[0, 0].cpu().numpy()


def project(
    points: Tensor,  # [P, 3] metres
    seen: Surface,
) -> tuple[np.ndarray, np.ndarray]:
    """Pixels [P, 2] of points, and which of them are seen [P]: in the picture, behind nothing."""
    size = len(seen.head)
    world = points.detach().cpu().double().numpy()
    pixels = np.c_[world, np.ones(len(world))] @ camera_matrix(seen.camera, size).T
    column, row = np.rint(pixels).astype(int).T
    inside = (column >= 0) & (row >= 0) & (column < size) & (row < size)
    # A point at an outline may round to beside it: the farthest surface of nine pixels counts.
    depth = np.nan_to_num(depth_map(seen), nan=-np.inf)
    padded = np.pad(depth, 1, constant_values=-np.inf)
    farthest = np.lib.stride_tricks.sliding_window_view(padded, (3, 3)).max(axis=(2, 3))
    visible = np.zeros(len(world), bool)
    visible[inside] = -world[inside, 2] <= farthest[row[inside], column[inside]] + SURFACE_ROOM
    return pixels, visible


def segment(seen: Surface, parts: HeadParts) -> np.ndarray:
    """The part that each pixel shows, as its place in PARTS: uint8 [S, S].

    The mouth is what lies within the outline of the lips, teeth and hollow included.
    """
    size = len(seen.head)
    face = seen.fragments.face.cpu()
    part = torch.full_like(face, SKIN)
    part[parts.neck[face]] = NECK
    part[parts.eyes[face]] = EYES
    image = seen.fragments.to_images(part[None].to(seen.fragments.depth))[0, 0]
    levels = image.cpu().numpy().astype(np.uint8)
    if parts.landmarks is not None:
        points = parts.landmarks.locate(seen.vertices[0].cpu(), parts.faces)
        outline, visible = project(points, seen)
        if visible[list(MOUTH_OUTLINE)].any():
            picture = Image.new("L", (size, size))
            corners = [tuple(pixel) for pixel in outline[list(MOUTH_OUTLINE)].tolist()]
            ImageDraw.Draw(picture).polygon(corners, fill=1)
            levels[(np.asarray(picture) > 0) & (levels == SKIN)] = MOUTH
    return levels
