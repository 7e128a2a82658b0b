"""The style of a photograph, and weights tuned to draw just this photograph.

A style of its own for each block (w+; Abdal et al. 2019, "Image2StyleGAN") is found by gradient
descent from the mean style. What no style can say, such as one person's hair, is then learned by
the weights themselves around that style (Roich et al. 2022, "Pivotal Tuning"). What the photograph
does not show, such as the hair behind a turned head, stays near the picture drawn before tuning.
Tuned weights serve this style alone: faces in other styles stay as they were.
"""

import copy
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from model.generator import Generator, SynthesisNetwork
from model.layers import StyledConv, ToRGB

STYLE_STEPS, TUNING_STEPS = 80, 120
STYLE_RATE, TUNING_RATE = 0.2, 0.01  # of Adam; a style is counted in deviations from the mean
ADAM_BETAS = (0.9, 0.99)
FALLING = 1 / 3  # of the steps at the end, in which the rate falls to zero
PULL = 0.02  # towards the mean style, for a deviation of one everywhere
HEAD_WEIGHT = 2.0  # of the head's pixels, beside 1 around it
OWN_WEIGHT = 4.0  # of the photograph in tuning, beside 1 of the other view
UNKNOWN_WEIGHT = 0.25  # of pixels of other views that only the generator before tuning tells of
COARSEST = 16  # pixels: pictures are compared at every size down to this one
TUNED = (StyledConv, ToRGB)  # layers whose weights are
STYLE_SAMPLES = 1000  # of which the deviation of styles is taken


class Views(NamedTuple):
    """N pictures that a generator should draw in one style."""

    condition: Tensor  # [N, C, R, R]
    image: Tensor  # [N, 3, R, R] in [-1, 1]
    weight: Tensor  # [N, 1, R, R], 0 where the picture is not known

    def row(self, number: int) -> "Views":
        """One of them."""
        rows = slice(number, number + 1)
        return Views(self.condition[rows], self.image[rows], self.weight[rows])


def head_weight(
    mask: Tensor,  # [N, 1, R, R] where the head is
) -> Tensor:
    """The weight of each pixel: [N, 1, R, R]."""
    reach = mask.shape[-1] // 32
    near = F.max_pool2d(mask, 2 * reach + 1, stride=1, padding=reach)
    return 1 + (HEAD_WEIGHT - 1) * near


def picture_loss(
    drawn: Tensor,  # [N, 3, R, R]
    wanted: Tensor,  # [N, 3, R, R]
    weight: Tensor,  # [N, 1, R, R]
) -> Tensor:
    """Weighted mean absolute differences [N], summed over the sizes R, R / 2 ... 16.

    A pixel of a smaller picture weighs what the pixels weigh that it is the mean of.
    """
    loss = drawn.new_zeros(len(drawn))
    difference = (drawn - wanted) * weight
    while True:
        loss = loss + difference.abs().mean(dim=(1, 2, 3)) / weight.mean(dim=(1, 2, 3))
        if difference.shape[-1] <= COARSEST:
            return loss
        difference = F.avg_pool2d(difference, 2)


def find_style(
    generator: Generator,
    photograph: Views,  # one row
    *,
    steps: int = STYLE_STEPS,
) -> Tensor:
    """The style [1, num_blocks, w_dim] in which the generator draws the photograph best."""
    mean, deviation = _styles(generator)
    offset = mean.new_zeros(1, generator.synthesis.num_blocks, len(mean)).requires_grad_()
    optimizer = torch.optim.Adam([offset], lr=STYLE_RATE, betas=ADAM_BETAS)
    for step in tqdm(range(steps), desc="style", unit="step", disable=None):
        _set_rate(optimizer, STYLE_RATE, step / steps)
        drawn = generator.synthesis(mean + deviation * offset, photograph.condition)
        loss = picture_loss(drawn, photograph.image, photograph.weight).sum()
        loss = loss + PULL * offset.square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return (mean + deviation * offset).detach()


def _styles(generator: Generator) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of the styles, both [w_dim]."""
    mapping, table = generator.mapping, generator.style_table
    count = STYLE_SAMPLES if table is None else min(STYLE_SAMPLES, len(table))
    with torch.no_grad():
        w = mapping(generator.styles(range(count)).to(mapping.mean_w.device))
    return mapping.mean_w, w.std(dim=0)


def tune_weights(
    generator: Generator,
    style: Tensor,  # [1, num_blocks, w_dim]
    photograph: Views,  # one row
    *,
    views: Views | None = None,  # N rows: what is known of the same face, seen otherwise
    steps: int = TUNING_STEPS,
    seed: int = 0,
) -> dict[str, Tensor]:
    """Weights of the synthesis network, by name, that draw the photograph in this style.

    Each step looks at the photograph and at one of the other views.
    """
    synthesis = copy.deepcopy(generator.synthesis)
    if views is not None:
        views = _completed(views, synthesis, style)
    weights = _tuned_weights(synthesis)
    optimizer = torch.optim.Adam(weights.values(), lr=TUNING_RATE, betas=ADAM_BETAS)
    rng = torch.Generator().manual_seed(seed)
    for step in tqdm(range(steps), desc="tuning", unit="step", disable=None):
        _set_rate(optimizer, TUNING_RATE, step / steps)
        seen = photograph
        if views is not None:
            number = int(torch.randint(len(views.image), (), generator=rng))
            seen = Views(*map(torch.cat, zip(photograph, views.row(number), strict=True)))
        drawn = synthesis(style.expand(len(seen.image), -1, -1), seen.condition)
        own, *other = picture_loss(drawn, seen.image, seen.weight)
        loss = OWN_WEIGHT * own + sum(other)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return {name: weight.detach() for name, weight in weights.items()}


@torch.no_grad()
def _completed(views: Views, synthesis: SynthesisNetwork, style: Tensor) -> Views:
    """The views with what the generator draws in this style wherever nothing is known."""
    drawn = torch.cat([synthesis(style, condition) for condition in views.condition.split(1)])
    image = torch.where(views.weight > 0, views.image, drawn)
    return views._replace(image=image, weight=views.weight.clamp(min=UNKNOWN_WEIGHT))


def _tuned_weights(synthesis: SynthesisNetwork) -> dict[str, Tensor]:
    """The weights of the modulated convolutions, from now on with gradients.

    Tuning all others too (condition stacks, modulations) takes twice the time for the same picture.
    """
    return {
        f"{name}.weight": layer.weight.requires_grad_()
        for name, layer in synthesis.named_modules()
        if isinstance(layer, TUNED)
    }


def _set_rate(optimizer: torch.optim.Optimizer, rate: float, progress: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate * min(1, (1 - progress) / FALLING)
