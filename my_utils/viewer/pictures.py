"""The pictures of the viewer: rendered again only where something changed, and enlarged."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from model.flame import FlameParams
from model.renderer import FaceRenderer, Rendering
from my_utils.files.images import to_uint8

PICTURE_SIZE = 320  # pixels, of the generated face; two renderings share this width
GAP = 8  # pixels between them


class RememberedRendering:
    """A renderer that gives its last answer again to the same question, as for another style."""

    def __init__(self, renderer: FaceRenderer) -> None:
        self.renderer, self.flame = renderer, renderer.flame
        self._question: Tensor | None = None

    def __call__(self, params: FlameParams, *, neck: Tensor, eyes: Tensor) -> Rendering:
        """As FaceRenderer."""
        question = torch.cat([params.to_vector(), neck, eyes], dim=1)
        if self._question is None or not torch.equal(question, self._question):
            self._answer = self.renderer(params, neck=neck, eyes=eyes)
            self._question = question
        return self._answer


def enlarge(
    image: Tensor,  # [3, H, W] in [-1, 1]
    size: int = PICTURE_SIZE,
) -> np.ndarray:
    """The picture as uint8 [size, size, 3], smoothly resized."""
    resized = Image.fromarray(to_uint8(image)).resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(resized)


def side_by_side(
    left: Tensor,  # [3, H, W] in [-1, 1]
    right: Tensor,  # likewise
) -> np.ndarray:
    """Two pictures with a white gap between, together PICTURE_SIZE wide: uint8 [H, W, 3]."""
    size = (PICTURE_SIZE - GAP) // 2
    gap = np.full((size, GAP, 3), 255, np.uint8)
    return np.hstack([enlarge(left, size), gap, enlarge(right, size)])
