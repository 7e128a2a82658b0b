"""How realism falls as faces are driven away from those of the data set (GIF's sigma sweep)."""

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from model.camera import center_eyes
from model.flame import FLAME, FlameParams
from my_utils.files.figures import COLOURS, STYLE

LEVELS = np.linspace(0, 1.5, 10)  # standard deviations of shape and expression coefficients
COMPONENTS = 10  # of shape and of expression that are perturbed
CLIP = 3  # standard deviations of the noise, but for the jaw's
# Published: yaw reaches (2 pi / 3) / 6 and the jaw (pi / 8) / 6 at the last level.
YAW_PER_LEVEL = (2 * np.pi / 3) / 6 / LEVELS[-1]  # radians
JAW_PER_LEVEL = (np.pi / 8) / 6 / LEVELS[-1]
CHUNK = 64  # meshes made at once

MARKERS = "osD^vPX"  # for print


def perturbation_noise(count: int, *, seed: int) -> Tensor:
    """N(0, 1) noise [count, 22]: shape, expression, yaw and jaw; the same people at every level."""
    rng = torch.Generator().manual_seed(seed)
    noise = torch.randn(count, 2 * COMPONENTS + 2, generator=rng)
    noise[:, :-1].clamp_(-CLIP, CLIP)
    return noise


def perturb(
    params: FlameParams,  # N rows
    noise: Tensor,  # [N, 22]
    level: float,  # standard deviations
    flame: FLAME,
) -> FlameParams:
    """Faces moved by `level` in shape, expression, yaw and jaw, on the CPU, eyes in their place."""
    shape, expression, pose = params.shape.clone(), params.expression.clone(), params.pose.clone()
    shape[:, :COMPONENTS] += level * noise[:, :COMPONENTS]
    expression[:, :COMPONENTS] += level * noise[:, COMPONENTS:-2]
    pose[:, 1] += level * YAW_PER_LEVEL * noise[:, -2]
    pose[:, 3] += level * JAW_PER_LEVEL * noise[:, -1]
    moved = params.replace(shape=shape, expression=expression, pose=pose)
    device = flame.faces.device
    chunks = [moved[start : start + CHUNK] for start in range(0, len(moved), CHUNK)]
    return FlameParams.cat([center_eyes(chunk.to(device), flame).to("cpu") for chunk in chunks])


@matplotlib.rc_context(STYLE)
def sweep_figure(
    curves: Mapping[str, Sequence[float]],  # a value per level, by the name of the generator
    *,
    measure: str,
    title: str,
) -> Figure:
    """One curve per generator over the level of perturbation."""
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.add_subplot()
    for number, (name, values) in enumerate(curves.items()):
        marker, colour = MARKERS[number % len(MARKERS)], COLOURS[number % len(COLOURS)]
        axes.plot(LEVELS, values, marker=marker, color=colour, label=name, clip_on=False, zorder=3)
    yaw, jaw = np.rad2deg([YAW_PER_LEVEL, JAW_PER_LEVEL])
    axes.set_xlabel(
        "noise on shape and expression (standard deviations);\n"
        f"1 goes with {yaw:.1f}° of noise on yaw and {jaw:.1f}° on the jaw"
    )
    axes.set_ylabel(f"{measure}\n(squared feature units, lower is better)", parse_math=False)
    axes.set_ylim(bottom=0)
    axes.set_title(title)
    for text in axes.legend(frameon=False).get_texts():
        text.set_parse_math(False)  # a file name may hold a dollar sign
    return figure
