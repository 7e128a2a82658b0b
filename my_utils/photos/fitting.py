"""From pictures to FLAME parameters, for any head: what scripts and other rooms use of this room.

head = FittingHead(Resources(folder))
photograph = head.align(pixels)  # None where there is no face
fit = head.fit([photograph])
fit.params  # FlameParams of the FFHQ crop photograph.pixels
"""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from constants import RENDER_SIZE
from model.flame import FLAME, FlameParams, FlameTexture, TextureSpace
from model.renderer import FaceRenderer, MeshRenderer
from my_utils.data.resources import Resources
from my_utils.photos.alignment import OrientedSquare, align, cut_out, inverse, transform
from my_utils.photos.appearance_fit import color_residuals, fit_appearance
from my_utils.photos.detector import LandmarkDetector
from my_utils.photos.geometry_fit import LandmarkTerm, fit_geometry
from my_utils.photos.landmark_embedding import (
    FaceMeshEmbedding,
    digest_of,
    embed_landmarks,
    load_embedding,
    save_embedding,
)
from my_utils.photos.network_files import networks_for
from my_utils.photos.photometric_refinement import refine
from my_utils.photos.skin_points import SkinPoints

BATCH = 16  # faces at once: more only take more memory
# Blurs of the steps of photometric refinement, in 1 / 256 of the picture.
COARSE = (4.0, 2.0, 1.0)
FINE = (4.0, 2.0, 1.0, 0.7, 0.7)


class AlignedPhotograph(NamedTuple):
    """The largest face of a picture, cut out as FFHQ would."""

    pixels: np.ndarray  # uint8 [S, S, 3]
    landmarks: np.ndarray  # [468, 2] in pixels of the crop
    square: OrientedSquare  # where the crop lies in the picture
    other_faces: int  # that the picture shows, too


class FittedFaces(NamedTuple):
    """Parameters of N faces and how well they explain the pictures."""

    params: FlameParams  # N rows, of the crops
    landmark_residual: Tensor  # [N] median distance from where expected, pixels of 256
    color_residual: Tensor  # [N] root mean square of color errors on skin, of 255
    skin_used: Tensor  # [N] share of the visible face that looks like skin in soft light

    @staticmethod
    def cat(parts: "Sequence[FittedFaces]") -> "FittedFaces":
        """All faces of several fits."""
        params = FlameParams.cat([part.params for part in parts])
        return FittedFaces(params, *map(torch.cat, list(zip(*parts, strict=True))[1:]))


class FittingHead:
    """A head model and a landmark detector that know each other.

    Args:
        resources: of the head, its texture space, layout and face mask.
        networks: folder of the landmark networks; by default as `networks_for` finds it.
        texture_space: instead of the folder's, in the same layout.

    Raises:
        UserError: a file is missing or damaged, or LiteRT is not installed.
    """

    def __init__(
        self,
        resources: Resources,
        networks: Path | None = None,
        *,
        texture_space: TextureSpace | None = None,
    ):
        resources.require("flame_model", "template_mesh")
        if texture_space is None:
            resources.require("texture_space", "face_mask")
        self.resources, self._texture_space = resources, texture_space
        self.networks = networks or networks_for(resources.paths.root)
        self.detector = LandmarkDetector(self.networks)

    @functools.cached_property
    def renderer(self) -> FaceRenderer:
        if self._texture_space is None:
            return self.resources.face_renderer(RENDER_SIZE)
        flame = FLAME(self.resources.flame)
        mesh_renderer = MeshRenderer(flame.faces, self.resources.uv, size=RENDER_SIZE)
        return FaceRenderer(flame, FlameTexture(self._texture_space), mesh_renderer)

    @functools.cached_property
    def embedding(self) -> FaceMeshEmbedding:
        """The landmarks on this head: from the file beside it, or found now and written there."""
        path = self.resources.paths.face_mesh_embedding
        digest = digest_of(self.renderer, self.networks)
        embedding = load_embedding(path, digest, len(self.renderer.flame.v_template))
        if embedding is None:
            embedding = embed_landmarks(self.renderer, self._landmarks)
            save_embedding(path, embedding, digest)
        return embedding

    @functools.cached_property
    def landmark_term(self) -> LandmarkTerm:
        return LandmarkTerm(self.renderer.flame, self.embedding)

    @functools.cached_property
    def skin(self) -> SkinPoints:
        resources, renderer = self.resources, self.renderer
        return SkinPoints(renderer.flame, renderer.texture, resources.texels, resources.face_mask)

    def _landmarks(self, pixels: np.ndarray) -> np.ndarray | None:
        face = self.detector(pixels)
        return None if face is None else face.landmarks

    def align(
        self,
        pixels: np.ndarray,  # uint8 [H, W, 3]
        *,
        size: int = RENDER_SIZE,  # of the crop
    ) -> AlignedPhotograph | None:
        """The largest face of a picture; None where there is none."""
        face = self.detector(pixels)
        if face is None:
            return None
        square = align(face.landmarks, width=pixels.shape[1], height=pixels.shape[0])
        landmarks = transform(inverse(square.to_picture(size)), face.landmarks)
        return AlignedPhotograph(
            cut_out(pixels, square, size), landmarks.astype(np.float32), square, face.others
        )

    @torch.no_grad()
    def fit(
        self,
        photographs: Sequence[AlignedPhotograph],  # of one size
        *,
        fine: bool = False,  # more exact, a third slower
        person: FlameParams | None = None,  # one row: all show this person, only the rest is fitted
    ) -> FittedFaces:
        """The parameters of all faces."""
        return FittedFaces.cat(
            [
                self._fit(photographs[start : start + BATCH], FINE if fine else COARSE, person)
                for start in range(0, len(photographs), BATCH)
            ]
        )

    def _fit(
        self,
        photographs: Sequence[AlignedPhotograph],
        blurs: Sequence[float],
        person: FlameParams | None,
    ) -> FittedFaces:
        size = len(photographs[0].pixels)
        pictures = torch.from_numpy(np.stack([photograph.pixels for photograph in photographs]))
        pictures = pictures.permute(0, 3, 1, 2).float()
        landmarks = torch.from_numpy(np.stack([photograph.landmarks for photograph in photographs]))
        term, skin = self.landmark_term, self.skin
        target = landmarks[:, term.landmarks] * (2 / size) - 1
        params = fit_geometry(term, target, person)
        params = fit_appearance(skin, pictures, params, person)
        params = refine(term, skin, target, pictures, params, blurs, same_person=person is not None)
        distance = (target - term(params).position).norm(dim=2)
        color_residual, skin_used = color_residuals(skin, pictures, params)
        return FittedFaces(
            params, distance.median(dim=1).values * (RENDER_SIZE / 2), color_residual, skin_used
        )
