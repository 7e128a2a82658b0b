"""Polishes a trained generator of the demo: no lines, steady hair, calm styles, truer faces.

    python tests/experiments/polish.py --ckpt TRAINED.safetensors --out POLISHED.safetensors

Some hundred thousand images leave faults. Lines: the outline of the skull shows through hair, and a
frame along the border. Hair: its strands stay where they are in the picture while the head turns
below them. Styles: those far from the mean have colors that no photograph has, and tint the skin.
So the generator is its own teacher: its copy learns to draw the same pictures of the same faces in
the same styles, but for four things. Along the border and around the mesh the example is the median
of the neighborhood, which takes thin lines away and leaves edges where they are. The scalp of two
faces between which the head has moved a little is to have the same texture. Styles are only CALM of
the way from their mean, and an ordinary one is number 0, which people see first. Inside the face,
which the parameters determine, the example is a photograph. No discriminator takes part.

About 20 minutes of one core at 128 px.
"""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2])]

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import trange

from model.condition import build_condition, shrink
from model.flame import FlameParams
from model.generator import Generator, MappingNetwork, pixel_norm, seeded_z
from model.texture_sampler import TextureSampler, texel_table_from_uv
from my_utils.cli import positive_int, run_script, script_parser
from my_utils.demo.albedo import face_mask
from my_utils.demo.held_out import face_region, face_renderer
from my_utils.demo.mesh import SKIN, head_mesh
from my_utils.demo.parameters import demo_flame, sample_parameters
from my_utils.demo.photographs import photographs
from my_utils.demo.resources_folder import uv_layout
from my_utils.errors import UserError
from my_utils.files.images import from_uint8
from my_utils.runs.config import RunConfig
from my_utils.runs.generators import load_generator, save_generator
from my_utils.runs.networks import build_generator, network_to_device, to_device
from my_utils.runs.runtime import configure_process
from my_utils.training.ema import ema_decay, update_ema

CPU = torch.device("cpu")
FACES = 4  # of a step, each at two moments
LEARNING_RATE, HALF_LIFE_KIMG = 0.0003, 0.5
FIRST_FACE = 10_000  # beyond those of the demo's pairs
MOVED = 1 / 8  # of the way to another face: how far a head moves at most

FRAME = 8  # pixels along the border
OUTSIDE, INSIDE = 4, 1  # pixels on both sides of the outline of the mesh
MEDIAN = 9  # pixels, side of the square
LINES_WEIGHT = 5  # of a pixel there, beside others
FACE_WEIGHT = 2  # of a pixel of a photographed face
POOLED = (4, 16)  # sizes of the areas whose mean colors are compared beside pixels

STEADY_WEIGHT = 2.5
SCALP_MARGIN = 4  # pixels to the outline of the mesh, where the scalp hides
FOREHEAD_MARGIN = 6  # texels

CALM = 0.8
CANDIDATES = 64  # seeds, of which one has the style that seed 0 is given
MAPPING_STEPS, MAPPING_BATCH, MAPPING_RATE = 4000, 256, 0.002


def main() -> None:
    parser = script_parser(__doc__)
    parser.add_argument("--ckpt", type=Path, required=True, help="the trained generator")
    parser.add_argument("--out", type=Path, required=True, help="the new one")
    parser.add_argument("--steps", type=positive_int, default=500, help="(%(default)s)")
    args = parser.parse_args()
    configure_process(CPU)
    loaded = load_generator(args.ckpt)
    if not loaded.config.demo or loaded.config.condition == "vector":
        raise UserError(f"{args.ckpt} draws no renderings of the demo: pass a generator that does")
    generator = polished(loaded.generator, loaded.config, args.steps)
    save_generator(args.out, generator, loaded.config, nimg=loaded.nimg)


def polished(teacher: Generator, config: RunConfig, steps: int) -> Generator:
    """A generator that draws what the teacher does, but for lines, sticking hair and far styles."""
    teacher, learner, average = (
        network_to_device(network, config, CPU)
        for network in (teacher, build_generator(config), build_generator(config))
    )
    learner.load_state_dict(teacher.state_dict())
    calm_styles(learner.mapping, teacher.mapping)
    average.load_state_dict(learner.state_dict())
    weights, hair = learner.synthesis.parameters(), Hair()
    optimizer = torch.optim.Adam(weights, lr=LEARNING_RATE, betas=(0.0, 0.99), foreach=True)
    falling = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1, 2 - 2 * step / steps)
    )
    rng = torch.Generator().manual_seed(0)
    progress = trange(steps, unit="step")
    for step in progress:
        first = FIRST_FACE + step * FACES
        params = moved_faces(first, rng)
        condition, mask = conditions(params, config)
        with torch.no_grad():
            w = learner.mapping(torch.randn(FACES, config.z_dim, generator=rng)).repeat(2, 1)
            drawn = teacher.synthesis(w, condition)
        example, weight = examples(drawn, params, mask, first)
        image = learner.synthesis(w, condition)
        unlike = unlikeness((image - example) * weight)
        change = hair.change(image, params, mask)
        optimizer.zero_grad()
        (unlike + STEADY_WEIGHT * change).backward()
        optimizer.step()
        falling.step()
        update_ema(average, learner, decay=ema_decay(2 * FACES, HALF_LIFE_KIMG))
        progress.set_postfix(unlike=f"{unlike.item():.4f}", hair=f"{change.item():.4f}")
    ordinary_first_style(average.mapping)
    return average


def calm_styles(learner: MappingNetwork, teacher: MappingNetwork) -> None:
    """Teach a mapping network styles that are only CALM of the way from their mean."""
    optimizer = torch.optim.Adam(learner.parameters(), lr=MAPPING_RATE, foreach=True)
    falling = torch.optim.lr_scheduler.LinearLR(optimizer, 1, 0, total_iters=MAPPING_STEPS)
    rng = torch.Generator().manual_seed(0)
    for _ in range(MAPPING_STEPS):
        z = torch.randn(MAPPING_BATCH, teacher.z_dim, generator=rng)
        with torch.no_grad():
            expected = teacher.truncate(teacher(z), CALM)
        optimizer.zero_grad()
        F.mse_loss(learner(z), expected).backward()
        optimizer.step()
        falling.step()


@torch.no_grad()
def ordinary_first_style(mapping: MappingNetwork) -> None:
    """Reflect z so that seed 0 has the style nearest to the mean; likelihoods stay as they are."""
    z = pixel_norm(seeded_z(range(CANDIDATES), mapping.z_dim))
    nearest = (mapping(z) - mapping.mean_w).norm(dim=1).argmin()
    across = F.normalize(z[0] - z[nearest], dim=0)
    weight = mapping.layers[0].weight
    weight -= 2 * torch.outer(weight @ across, across)


def moved_faces(first: int, rng: torch.Generator) -> FlameParams:
    """FACES faces from a number on, and the same after shape, expression, pose, camera moved."""
    faces = sample_parameters(range(first, first + FACES + 1))
    before = faces[:-1]
    after = before.lerp(faces[1:], MOVED * torch.rand((), generator=rng).item())
    after = after.replace(texture=before.texture, lighting=before.lighting)
    return FlameParams.cat([before, after])


@torch.no_grad()
def conditions(params: FlameParams, config: RunConfig) -> tuple[Tensor, Tensor]:
    """The conditions [N, C, R, R] of N faces and their masks [N, 1, R, R], 1 where the mesh is."""
    rendering = face_renderer(config.render_size)(params)
    condition = build_condition(
        config.condition,
        render=shrink(rendering.image, config.resolution),
        normal_map=shrink(rendering.normal_map, config.resolution),
    )
    mask = (shrink(rendering.mask, config.resolution) >= 0.5).float()
    return to_device(condition, config, CPU), mask


@torch.no_grad()
def examples(
    drawn: Tensor,  # [2 FACES, 3, R, R], what the teacher draws of faces before and after
    params: FlameParams,  # 2 FACES rows
    mask: Tensor,  # [2 FACES, 1, R, R] in {0, 1}, where the mesh is
    first: int,  # number of the first face
) -> tuple[Tensor, Tensor]:
    """The pictures to learn from, and the weights of their pixels.

    Inside the face they are photographs before the head moves, and afterwards nothing.
    """
    size, lines = drawn.shape[-1], where_lines_are(mask)
    example = torch.where(lines, median(drawn, lines), drawn)
    weight = 1 + (LINES_WEIGHT - 1.0) * lines
    before, after = (region > 0 for region in face_region(params, size).chunk(2))
    taken = photographs(params[:FACES], range(first, first + FACES), size=size, seed=0)
    example[:FACES] = torch.where(before, from_uint8(taken), example[:FACES])
    weight[:FACES][before] = FACE_WEIGHT
    weight[FACES:][after] = 0
    return example, weight


def grown(mask: Tensor, pixels: int) -> Tensor:
    return F.max_pool2d(mask, 2 * pixels + 1, 1, pixels)


def shrunk(mask: Tensor, pixels: int) -> Tensor:
    return -grown(-mask, pixels)


def where_lines_are(
    mask: Tensor,  # [N, 1, H, W] in {0, 1}, where the mesh is
) -> Tensor:  # bool [N, 1, H, W]
    """Along the border, and on both sides of the outline of the mesh."""
    frame = F.pad(torch.zeros_like(mask[..., FRAME:-FRAME, FRAME:-FRAME]), [FRAME] * 4, value=1)
    return (frame + grown(mask, OUTSIDE) - shrunk(mask, INSIDE)) > 0


def median(
    image: Tensor,  # [N, 3, H, W]
    where: Tensor,  # bool [N, 1, H, W]
) -> Tensor:
    """The image, in some places the median of each color's neighborhood."""
    around = F.pad(image, [MEDIAN // 2] * 4, mode="replicate")
    around = around.unfold(2, MEDIAN, 1).unfold(3, MEDIAN, 1)  # [N, 3, H, W, MEDIAN, MEDIAN]
    pixels, chosen = image.movedim(1, -1).clone(), where.squeeze(1)
    pixels[chosen] = around.movedim(1, 3)[chosen].flatten(2).median(dim=-1).values
    return pixels.movedim(-1, 1)


def unlikeness(
    difference: Tensor,  # [N, 3, H, W]
) -> Tensor:
    """Mean absolute differences of pixels, of mean colors of areas and of edges, added up."""
    pooled = [F.avg_pool2d(difference, size) for size in POOLED]
    edges = [difference.diff(dim=dim) for dim in (-1, -2)]
    return torch.stack([part.abs().mean() for part in (difference, *pooled, *edges)]).sum()


class Hair:
    """Compares the scalps of faces before and after they have moved, texel by texel."""

    def __init__(self) -> None:
        self.flame, head = demo_flame(), head_mesh()
        table = texel_table_from_uv(uv_layout(), self.flame.faces.numpy())
        self.sampler = TextureSampler(table, self.flame.faces)
        upper = torch.from_numpy((head.parts == SKIN) & (head.surface[:, 1] < 0.5))
        face = torch.from_numpy(face_mask()).float()[None, None] / 255
        self.scalp = torch.zeros_like(face)
        self.scalp.view(-1)[self.sampler.texel] = upper[self.sampler.vertex_ids].all(0).float()
        self.scalp *= grown(face, FOREHEAD_MARGIN) < 0.5

    def change(
        self,
        image: Tensor,  # [2 N, 3, R, R], N faces before and N after
        params: FlameParams,  # 2 N rows
        mask: Tensor,  # [2 N, 1, R, R] in {0, 1}, where the mesh is
    ) -> Tensor:
        """The mean absolute difference of texels that both show, a scalar."""
        inside = shrunk(mask, SCALP_MARGIN)
        sample = self.sampler(torch.cat([image, inside], dim=1), self.flame(params), params.camera)
        shown = sample.texture[:, 3:] * sample.visibility * self.scalp
        before, after = sample.texture[:, :3].chunk(2)
        weight = torch.stack(shown.chunk(2)).prod(dim=0).expand_as(before)
        return ((before - after).abs() * weight).sum() / weight.sum()


if __name__ == "__main__":
    run_script(main)
