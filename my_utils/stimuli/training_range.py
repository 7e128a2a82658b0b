"""Where a set goes beyond the faces that the generator has learned from."""

from collections.abc import Sequence

import torch

from model.flame import FlameParams
from my_utils.faces.named_factors import ANGLES, factor_numbers
from my_utils.stimuli.plan import Stimulus

GROUPS = ("shape", "expression", "texture")  # compared by their distance from the mean face


def beyond_training(pictures: Sequence[Stimulus], dataset: FlameParams) -> list[str]:
    """One sentence with numbers for every angle, component and group that leaves the data's range.

    An angle or a component that the design varies is beyond if it is outside the smallest and the
    largest of the data set; a group if it lies farther from the mean face (root of the sum of
    squares) than that of any face of the data set.
    """
    params = FlameParams.cat([picture.face.params for picture in pictures])
    varied = {name for picture in pictures for name in picture.levels if "." in name}
    sentences = []
    for name in (*ANGLES, *sorted(varied)):
        shown, known = factor_numbers(params, name), factor_numbers(dataset, name)
        if shown is None or known is None:
            continue
        low, high = float(known.min()), float(known.max())
        margin = 1e-3 * (high - low) + 1e-3
        outside = (shown < low - margin) | (shown > high + margin)
        if outside.any():
            sentences.append(
                f"{name} goes from {float(shown.min()):.3g} to {float(shown.max()):.3g}, in the "
                f"data from {low:.3g} to {high:.3g}: {_count(outside)} beyond"
            )
    for name in GROUPS:
        shown = getattr(params, name).norm(dim=1)
        most = float(getattr(dataset, name).norm(dim=1).max())
        outside = shown > 1.001 * most
        if outside.any():
            sentences.append(
                f"{name} lies up to {float(shown.max()):.3g} from the mean face, in the data at "
                f"most {most:.3g}: {_count(outside)} beyond"
            )
    if any(bool(picture.eyes.any()) for picture in pictures):
        sentences.append("gaze: the data has eyes at rest only, so the generator may not follow")
    return sentences


def _count(outside: torch.Tensor) -> str:
    number = int(outside.sum())
    return f"{number} picture{'' if number == 1 else 's'} of {len(outside)}"
