"""From generated pictures to stimuli: size, steadiness, matching, mask and background.

Everything is done in linear light and rounded to 8 bits once, at the end.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from my_utils.stimuli.design import Design, Output
from my_utils.stimuli.drawing import GENERATED, read_mask, read_png
from my_utils.stimuli.image_properties import luminance, to_levels, to_linear
from my_utils.stimuli.matching import LEVELS, Sample
from my_utils.stimuli.plan import Stimulus
from my_utils.stimuli.steadiness import smooth_steps
from my_utils.stimuli.surface import oval


class Unfinished(NamedTuple):
    """A picture before matching and masking."""

    picture: Stimulus
    linear: np.ndarray  # [S, S, 3]
    head: np.ndarray  # [S, S] bool
    face: np.ndarray  # [S, S] bool, what is visible of the face
    cover: np.ndarray  # [S, S] in [0, 1], what the mask shows

    @property
    def visible(self) -> np.ndarray:
        """[S, S] bool: what no mask hides, not even in part."""
        return self.cover == 1

    def sample(self, region: str) -> Sample:
        """As matching takes it, over "face" or "picture" (of which a mask may hide a part)."""
        return Sample(self.linear, self.face if region == "face" else self.visible)


def by_series(pictures: Sequence[Stimulus]) -> list[list[int]]:
    """The numbers of the pictures, the steps of a continuum together."""
    series: dict[tuple, list[int]] = {}
    for number, picture in enumerate(pictures):
        key = picture.series if picture.continuum else (number,)
        series.setdefault(key, []).append(number)
    return list(series.values())


def unfinished_series(
    folder: Path,
    pictures: Sequence[Stimulus],
    keys: Sequence[str],
    design: Design,
    size: int,
    *,
    smooth: bool = True,  # as the design says; False leaves continua as they are
) -> Iterator[list[Unfinished]]:
    """All pictures, one by one or the steps of a continuum together."""
    for numbers in by_series(pictures):
        steps = [resized(read_png(folder / GENERATED / f"{keys[n]}.png"), size) for n in numbers]
        if design.output.greyscale:
            steps = [np.repeat(luminance(step)[..., None], 3, axis=-1) for step in steps]
        if smooth and design.smooth_window and pictures[numbers[0]].continuum:
            steps = list(smooth_steps(steps, design.smooth_window))
        series = []
        for number, linear in zip(numbers, steps, strict=True):
            head, face = read_mask(folder, pictures[number].name)
            cover = _cover(head, face, design.output)
            series.append(Unfinished(pictures[number], linear, head, face & (cover == 1), cover))
        yield series


def resized(
    pixels: np.ndarray,  # uint8 [R, R, 3]
    size: int,
) -> np.ndarray:
    """Linear light [size, size, 3], resampled by Lanczos' filter."""
    linear = LEVELS[pixels]
    if len(linear) == size:
        return linear
    channels = [
        Image.fromarray(linear[..., channel].astype(np.float32)).resize(
            (size, size), Image.Resampling.LANCZOS
        )
        for channel in range(3)
    ]
    return np.clip(np.stack([np.asarray(one) for one in channels], axis=-1), 0, 1).astype(float)


def _cover(head: np.ndarray, face: np.ndarray, output: Output) -> np.ndarray:
    if output.mask == "head":
        return head.astype(float)
    return oval(face) * head if output.mask == "oval" else np.ones(head.shape)


def compose(
    linear: np.ndarray,  # [S, S, 3]
    cover: np.ndarray,  # [S, S] in [0, 1]
    output: Output,
) -> np.ndarray:
    """The finished picture: uint8 [S, S, 3], or [S, S, 4] with an alpha channel."""
    if output.alpha:
        alpha = np.rint(255 * cover).astype(np.uint8)
        return np.concatenate([to_levels(linear), alpha[..., None]], axis=-1)
    background = to_linear(np.array(output.background))
    return to_levels(background + cover[..., None] * (linear - background))
