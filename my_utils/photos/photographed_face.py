"""A face in a photograph of any size: where it is, what its parameters are, and putting it back."""

import functools
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter
from torch import Tensor

from model.flame import FlameParams
from my_utils.data.resources import Resources
from my_utils.errors import UserError
from my_utils.faces.params_file import load_params
from my_utils.files.image_codec import read_photograph
from my_utils.files.images import from_uint8
from my_utils.photos.alignment import OrientedSquare, cut_out, inverse
from my_utils.photos.fitting import FittingHead
from my_utils.untrusted.reader import reading

FEATHER = 1 / 24  # of the crop's side: as wide as the seam is soft


class PhotographedFace(NamedTuple):
    """The face of a photograph, cut out as FFHQ would."""

    crop: Tensor  # [1, 3, S, S] in [-1, 1]
    params: FlameParams  # one row, of the crop
    whole: np.ndarray  # uint8 [H, W, 3]
    square: OrientedSquare  # where in it the crop lies

    def paste(
        self,
        edited: np.ndarray,  # uint8 [R, R, 3], the crop after an edit
    ) -> np.ndarray:
        """The whole photograph with the edited face in it: uint8 [H, W, 3]."""
        height, width = self.whole.shape[:2]
        size = len(edited)
        affine = inverse(self.square.to_picture(size)).ravel().tolist()
        border = max(1, round(size * FEATHER))
        inside = np.zeros((size, size))
        inside[2 * border : -2 * border, 2 * border : -2 * border] = 255
        mask = gaussian_filter(inside, border * 2 / 3).round().astype(np.uint8)
        parts = [
            Image.fromarray(part).transform(
                (width, height), Image.Transform.AFFINE, affine, Image.Resampling.BICUBIC
            )
            for part in (edited, mask)
        ]
        return np.asarray(Image.composite(parts[0], Image.fromarray(self.whole), parts[1]))


class FaceFinder:
    """Finds the faces of photographs and the parameters that fit them.

    Args:
        resources: with the head that is fitted and the landmark networks.
        size: of the crops, in pixels.
    """

    def __init__(self, resources: Resources, *, size: int) -> None:
        self.resources, self.size = resources, size

    @functools.cached_property
    def head(self) -> FittingHead:
        """The head, whose files are read when it is first needed."""
        return FittingHead(self.resources)

    def find(self, path: Path, *, params_file: Path | None = None) -> PhotographedFace:
        """The largest face of a photograph.

        With a params.npz of one face, the photograph is taken for the crop that it belongs to.

        Raises:
            UserError: a file cannot be read, or there is no face.
        """
        with reading(path):
            pixels = read_photograph(path)
        if params_file:
            return self._known(path, pixels, params_file)
        photograph = self.head.align(pixels)
        if photograph is None:
            raise UserError(f"{path} shows no face that the detector finds")
        if photograph.other_faces:
            print(
                f"{path} shows {photograph.other_faces + 1} faces: the largest is taken; cut the "
                "photograph to choose another",
                file=sys.stderr,
            )
        params = self.head.fit([photograph], fine=True).params
        return self._cut(pixels, photograph.square, params)

    def _known(self, path: Path, pixels: np.ndarray, params_file: Path) -> PhotographedFace:
        height, width = pixels.shape[:2]
        if height != width:
            raise UserError(
                f"{path} is {width} x {height} pixels, but a crop with known parameters is square: "
                "leave out --params to have its face found and fitted"
            )
        params, _ = load_params(params_file)
        if len(params) != 1:
            raise UserError(f"{params_file} holds {len(params)} faces, not the photograph's one")
        return self._cut(pixels, OrientedSquare(width / 2, height / 2, width), params)

    def _cut(
        self, pixels: np.ndarray, square: OrientedSquare, params: FlameParams
    ) -> PhotographedFace:
        crop = from_uint8(np.array(cut_out(pixels, square, self.size)))[None]
        return PhotographedFace(crop, params, pixels, square)
