"""Takes the lines along the border and the outline of the mesh from a generator of the demo.

    python tests/experiments/without_lines.py --ckpt BEFORE.safetensors --out AFTER.safetensors

Features that continue with zeros beyond the border draw a frame, and an edge of the condition draws
the outline of the skull through hair. The same weights with replicating padding draw other hair and
other backgrounds, since all layers had learned where the zeros are. So the generator is its own
teacher: its copy with the other padding learns to draw the same pictures from the same styles and
renderings, but for two things. Nothing is said of a frame of BAND pixels; and near the outline of
the mesh the picture is the median of its neighborhood, which takes thin lines away and leaves edges
where they are. No photograph and no discriminator takes part. The mapping network stays as it is: a
style means what it meant.

About 40 minutes of one core at 128 px.
"""

import dataclasses
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2])]

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import trange

from constants import DEMO_GENERATOR
from model.condition import build_condition, shrink
from model.generator import Generator
from my_utils.cli import positive_int, run_script, script_parser
from my_utils.demo.held_out import face_renderer
from my_utils.demo.parameters import sample_parameters
from my_utils.runs.config import RunConfig
from my_utils.runs.generators import load_generator, save_generator
from my_utils.runs.networks import build_generator, network_to_device, to_device
from my_utils.runs.runtime import configure_process
from my_utils.training.ema import ema_decay, update_ema

CPU = torch.device("cpu")
BATCH, LEARNING_RATE, HALF_LIFE_KIMG = 8, 0.001, 0.5
BAND = 8  # pixels along the border
NEAR = 4  # pixels on both sides of the outline
MEDIAN = 7  # pixels, side of the square
FIRST_FACE = 10_000  # beyond those of the demo's pairs
POOLED = (4, 16)  # sizes of the areas whose mean colors are compared beside pixels


def main() -> int:
    parser = script_parser(__doc__)
    parser.add_argument("--ckpt", type=Path, default=DEMO_GENERATOR, help="(the shipped one)")
    parser.add_argument("--out", type=Path, required=True, help="the new generator")
    parser.add_argument("--steps", type=positive_int, default=2000, help="(%(default)s)")
    args = parser.parse_args()
    configure_process(CPU)
    loaded = load_generator(args.ckpt)
    config = dataclasses.replace(loaded.config, feature_padding="replicate")
    generator = taught(loaded.generator, config, args.steps)
    save_generator(args.out, generator, config, nimg=loaded.nimg)
    return 0


def taught(teacher: Generator, config: RunConfig, steps: int) -> Generator:
    """A generator with the padding of `config` that draws what the teacher does, without lines."""
    learner, average = build_generator(config), build_generator(config)
    for network in (learner, average):
        network.load_state_dict(teacher.state_dict())
    networks = (network_to_device(net, config, CPU) for net in (teacher, learner, average))
    teacher, learner, average = networks
    weights = learner.synthesis.parameters()
    optimizer = torch.optim.Adam(weights, lr=LEARNING_RATE, betas=(0.0, 0.99), foreach=True)
    falling = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1, 2 - 2 * step / steps)
    )
    rng = torch.Generator().manual_seed(0)
    progress = trange(steps, unit="step")
    for step in progress:
        condition, mask = conditions(range(step * BATCH, (step + 1) * BATCH), config)
        with torch.no_grad():
            w = teacher.mapping(torch.randn(BATCH, config.z_dim, generator=rng))
            expected = without_outline(teacher.synthesis(w, condition), mask)
        loss = inner_loss(learner.synthesis(w, condition) - expected)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        falling.step()
        update_ema(average, learner, decay=ema_decay(BATCH, HALF_LIFE_KIMG))
        progress.set_postfix(loss=f"{loss.item():.4f}")
    return average


@torch.no_grad()
def conditions(faces: range, config: RunConfig) -> tuple[Tensor, Tensor]:
    """The conditions [N, C, R, R] of faces that the demo's pairs do not have, and their masks."""
    params = sample_parameters([FIRST_FACE + face for face in faces])
    rendering = face_renderer(config.render_size)(params)
    condition = build_condition(
        config.condition,
        render=shrink(rendering.image, config.resolution),
        normal_map=shrink(rendering.normal_map, config.resolution),
    )
    mask = (shrink(rendering.mask, config.resolution) >= 0.5).float()
    return to_device(condition, config, CPU), mask


def without_outline(
    image: Tensor,  # [N, 3, H, W]
    mask: Tensor,  # [N, 1, H, W] in {0, 1}, where the mesh is
) -> Tensor:
    """The image, near the outline of the mesh the median of each color's neighborhood."""
    size = 2 * NEAR + 1
    grown, shrunk = (sign * F.max_pool2d(sign * mask, size, 1, NEAR) for sign in (1, -1))
    near = ((grown - shrunk) > 0).squeeze(1)
    around = F.pad(image, [MEDIAN // 2] * 4, mode="replicate")
    around = around.unfold(2, MEDIAN, 1).unfold(3, MEDIAN, 1)  # [N, 3, H, W, MEDIAN, MEDIAN]
    image = image.clone()
    pixels = image.permute(0, 2, 3, 1)
    pixels[near] = around.permute(0, 2, 3, 1, 4, 5)[near].flatten(2).median(dim=-1).values
    return image


def inner_loss(
    difference: Tensor,  # [N, 3, H, W]
) -> Tensor:
    """Mean absolute differences of pixels, of mean colors of areas and of edges, off the border."""
    difference = difference[..., BAND:-BAND, BAND:-BAND]
    pooled = [F.avg_pool2d(difference, size) for size in POOLED]
    edges = [difference.diff(dim=dim) for dim in (-1, -2)]
    return torch.stack([part.abs().mean() for part in (difference, *pooled, *edges)]).sum()


if __name__ == "__main__":
    sys.exit(run_script(main))
