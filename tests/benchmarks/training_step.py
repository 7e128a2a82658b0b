"""The four kinds of training step of run 29 at 256 px against the plain formulation.

    python tests/benchmarks/training_step.py
    python tests/benchmarks/training_step.py --kinds D G --batch 2 --precisions float32 bf16
    python tests/benchmarks/training_step.py --device cuda --batch 16 --precisions float32 tf32 bf16

A step is all that updates one network: forward, backward and Adam. The plain formulation, that of
tests/support/plain_networks.py, draws the faces for the discriminator without gradients, and draws
them again for the generator, as published. This project draws them once for both, which is timed in
the generator's step. What the texture loss renders is the demo's head, by the same code on both
sides. Each side has a process of its own; this project's keeps freed memory
(my_utils/files/workers.py).
"""

import argparse
import copy
import sys
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2])]

import torch
from timing import (
    add_device_options,
    add_timing_options,
    compare,
    in_precisions,
    peak_gflops,
    report,
)
from torch import Tensor, nn

from model.losses import (
    discriminator_logistic_loss,
    generator_nonsaturating_loss,
    r1_penalty,
)
from model.texture_sampler import TextureSampler, texel_table_from_uv
from my_utils.demo.albedo import face_mask
from my_utils.demo.held_out import face_renderer
from my_utils.demo.parameters import sample_parameters
from my_utils.demo.resources_folder import uv_layout
from my_utils.runs.config import RUNS, RunConfig
from my_utils.runs.networks import (
    build_discriminator,
    build_generator,
    network_to_device,
    to_device,
)
from my_utils.runs.runtime import configure_process, select_device
from my_utils.training.precision import in_precision
from my_utils.training.state import lazy_adam
from my_utils.training.step import set_trainable
from my_utils.training.texture_loss import TextureLoss
from tests.support.plain_networks import plain_discriminator, plain_generator

CONFIG = RUNS[29]
KINDS = ("D", "D with R1", "G", "G with texture loss")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch", type=int, default=4, help="images of a step (4)")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS, help="(all)")
    add_device_options(parser, precisions=["float32"])
    add_timing_options(parser, repeats=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    peak = peak_gflops(args.device)
    for kind in args.kinds:
        options = kind, args.batch, args.device
        functions = in_precisions(plain_step, our_step, *options, precisions=args.precisions)
        turns = {"repeats": args.repeats, "warmup": args.warmup}
        rows = compare(functions, baseline="plain", images=args.batch, **turns)
        title = f"training step {kind}, run 29, 256 px, batch {args.batch}"
        report(title, rows, json=args.json, peak_gflops=round(peak), **turns)


class Step:
    """The training of a generator and a discriminator that `draw` and `judge` compute.

    Args:
        published: draw the faces for the discriminator's step too.
    """

    def __init__(
        self,
        draw: Callable[[Tensor, Tensor], Tensor],  # of styles and conditions
        judge: Callable[[Tensor, Tensor], Tensor],  # of images and conditions
        generator: nn.Module,
        discriminator: nn.Module,
        pictures: Sequence[Tensor],  # photographs [N, 3, R, R] and conditions [N, 6, R, R]
        *,
        published: bool,
    ) -> None:
        self.draw, self.judge, self.published = draw, judge, published
        self.generator, self.discriminator = generator, discriminator
        self.optimizer_g = lazy_adam(generator, CONFIG.learning_rate, 4 / 5)
        self.optimizer_d = lazy_adam(discriminator, CONFIG.learning_rate, 16 / 17)
        self.image, self.condition = pictures
        self.drawn = self.image.flip(0)
        random = torch.Generator().manual_seed(0)
        self.z = torch.randn(len(self.image), CONFIG.z_dim, generator=random).to(self.image.device)

    @cached_property
    def texture_loss(self) -> TextureLoss:
        """Over renderings of the demo's head."""
        return demo_texture_loss(CONFIG, self.image.device)

    def update_discriminator(self, *, with_r1: bool) -> None:
        set_trainable(self.discriminator, True)
        self.optimizer_d.zero_grad()
        drawn = self.drawn
        if self.published:
            with torch.no_grad():
                drawn = self.draw(self.z, self.condition)
        image = self.image.detach().requires_grad_(with_r1)
        real_logits = self.judge(image, self.condition)
        loss = discriminator_logistic_loss(real_logits, self.judge(drawn, self.condition))
        if with_r1:
            loss = loss + CONFIG.r1_gamma / 2 * r1_penalty(real_logits, image).mean()
        loss.backward()
        self.optimizer_d.step()

    def update_generator(self, *, with_texture: bool) -> None:
        set_trainable(self.discriminator, False)
        self.optimizer_g.zero_grad()
        drawn = self.draw(self.z, self.condition)
        generator_nonsaturating_loss(self.judge(drawn, self.condition)).backward()
        if with_texture:
            params = sample_parameters(range(len(self.z)), seed=0).to(self.z.device)
            loss = self.texture_loss(self.draw, params, torch.Generator().manual_seed(0))
            (CONFIG.texture_weight * loss).backward()
        self.optimizer_g.step()

    def function(self, kind: str) -> Callable[[], None]:
        """That of a kind of step."""
        return {
            "D": partial(self.update_discriminator, with_r1=False),
            "D with R1": partial(self.update_discriminator, with_r1=True),
            "G": partial(self.update_generator, with_texture=False),
            "G with texture loss": partial(self.update_generator, with_texture=True),
        }[kind]


def demo_texture_loss(config: RunConfig, device: torch.device) -> TextureLoss:
    """Over renderings of the demo's head."""
    renderer = copy.deepcopy(face_renderer(config.render_size)).to(device)
    faces = renderer.mesh_renderer.faces
    sampler = TextureSampler(texel_table_from_uv(uv_layout(), faces.cpu().numpy()), faces)
    mask = torch.from_numpy(face_mask())[None, None].float() / 255
    return TextureLoss(config, renderer, sampler.to(device), mask.to(device))


def random_pictures(batch: int) -> list[Tensor]:
    """Photographs and conditions."""
    random, size = torch.Generator().manual_seed(0), CONFIG.resolution
    return [torch.rand(batch, c, size, size, generator=random) * 2 - 1 for c in (3, 6)]


def plain_step(kind: str, batch: int, device_name: str, precision: str) -> Callable[[], None]:
    """The published way."""
    device = torch.device(device_name)
    generator, discriminator = (
        build(CONFIG).to(device) for build in (build_generator, build_discriminator)
    )
    torch.backends.fp32_precision = "tf32" if precision == "tf32" else "ieee"
    draw = partial(plain_generator, dict(generator.named_parameters()))
    judge = partial(plain_discriminator, dict(discriminator.named_parameters()))
    pictures = [picture.to(device) for picture in random_pictures(batch)]
    return Step(draw, judge, generator, discriminator, pictures, published=True).function(kind)


def our_step(kind: str, batch: int, device_name: str, precision: str) -> Callable[[], None]:
    """This project's way."""
    device = select_device(device_name)
    configure_process(device, precision)
    generator = network_to_device(build_generator(CONFIG), CONFIG, device)
    discriminator = network_to_device(build_discriminator(CONFIG), CONFIG, device)
    draw, judge = (in_precision(net, precision, device) for net in (generator, discriminator))
    pictures = [to_device(picture, CONFIG, device) for picture in random_pictures(batch)]
    return Step(draw, judge, generator, discriminator, pictures, published=False).function(kind)


if __name__ == "__main__":
    main()
