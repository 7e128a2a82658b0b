"""One step of training: the discriminator learns to judge faces, then the generator to pass.

The discriminator learns to tell photographs from generated faces under the condition they share;
the generator learns to fool it while keeping the skin of one face the same in every pose (GIF,
section 3).
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from model.discriminator import Discriminator
from model.flame import FlameParams
from model.generator import Generator
from model.losses import (
    discriminator_logistic_loss,
    generator_nonsaturating_loss,
    r1_penalty,
)
from my_utils.errors import UserError
from my_utils.runs.config import RunConfig
from my_utils.training.divergence import DivergenceError, readable
from my_utils.training.ema import ema_decay, update_ema
from my_utils.training.precision import in_precision
from my_utils.training.processes import Processes
from my_utils.training.texture_loss import TextureLoss

# Published: both step sizes are scaled for lazy regularisation, the generator's as if it had one.
LAZY_RATIO_GENERATOR = 4 / 5
TEXTURE_FACES = 3  # make the smallest number of pairs between neighbours that can be compared


class Batch(NamedTuple):
    """Photographs with what the networks are told about them, on the device."""

    image: Tensor  # [N, 3, R, R] in [-1, 1]
    condition: Tensor  # [N, C, R, R] in [-1, 1], or [N, 236] for the vector condition
    params: Tensor  # [N, 236]
    z: Tensor  # [N, z_dim] the styles of the faces to generate

    def split(self, size: int) -> "list[Batch]":
        """Parts of at most `size` faces."""
        return [Batch(*rows) for rows in zip(*(rows.split(size) for rows in self), strict=True)]


class TrainingStep:
    """Updates generator, discriminator and averaged generator with one batch.

    Args:
        texture_loss: None where the run has none.
    """

    def __init__(
        self,
        config: RunConfig,
        generator: Generator,
        discriminator: Discriminator,
        generator_ema: Generator,
        texture_loss: TextureLoss | None,
        processes: Processes,
    ) -> None:
        self.config, self.processes, self.texture_loss = config, processes, texture_loss
        self.generator, self.discriminator = generator, discriminator
        self.generator_ema = generator_ema
        self.optimizer_g = lazy_adam(generator, config.learning_rate, LAZY_RATIO_GENERATOR)
        self.optimizer_d = lazy_adam(
            discriminator, config.learning_rate, config.r1_interval / (config.r1_interval + 1)
        )
        self._decay = ema_decay(config.batch, config.ema_half_life_kimg)
        precision = config.precision, processes.device
        self._call_generator = processes.wrap(in_precision(generator, *precision))
        self._call_discriminator = processes.wrap(in_precision(discriminator, *precision))
        self._share = processes.share_of(config.batch)
        self._part = config.batch_gpu or self._share
        if self._share % self._part:
            raise UserError(
                f"--batch_gpu {self._part} does not divide the {self._share} images of a process: "
                "pass one of its divisors"
            )
        if texture_loss and self._part < TEXTURE_FACES:
            raise UserError(
                f"a process computes {self._part} of the {config.batch} images at once, too few "
                f"for the texture loss, which compares {TEXTURE_FACES}: pass a larger --batch"
            )

    def __call__(self, batch: Batch, nimg: int, random: torch.Generator) -> dict[str, Tensor]:
        """Learn from this process's share of a batch; the losses by name.

        Args:
            nimg: images seen before this step.
            random: the random stream of the step, for the texture loss.

        Raises:
            DivergenceError: a loss or gradient is not finite; the network is unchanged.
        """
        step = nimg // self.config.batch
        parts = batch.split(self._part)
        # Both phases judge the same faces, as the discriminator's step leaves the generator alone.
        # The graph of one part is kept for the second phase; several parts are drawn twice.
        drawn = self._draw(parts[0].z, parts[0].condition) if len(parts) == 1 else None

        set_trainable(self.discriminator, True)
        self.optimizer_d.zero_grad(set_to_none=True)
        losses = mean_losses([self._learn_to_judge(part, drawn, step) for part in parts])
        self._update(self.discriminator, self.optimizer_d, losses, nimg)

        set_trainable(self.discriminator, False)
        self.optimizer_g.zero_grad(set_to_none=True)
        losses |= mean_losses([self._learn_to_pass(part, drawn, step, random) for part in parts])
        self._update(self.generator, self.optimizer_g, losses, nimg)
        update_ema(self.generator_ema, self.generator, decay=self._decay)
        return losses

    def _learn_to_judge(self, part: Batch, drawn: Tensor | None, step: int) -> dict[str, Tensor]:
        """Gradients of the discriminator: logistic loss on both kinds of faces, and lazily R1."""
        config = self.config
        if drawn is None:
            with torch.no_grad():
                drawn = self._draw(part.z, part.condition)
        with_r1 = config.r1_gamma > 0 and (step + 1) % config.r1_interval == 0
        image = part.image.requires_grad_(with_r1)
        real_logits = self._judge(image, part.condition)
        fake_logits = self._judge(drawn.detach(), part.condition)
        losses = {"D": discriminator_logistic_loss(real_logits, fake_logits)}
        loss = losses["D"]
        if with_r1:
            losses["r1"] = r1_penalty(real_logits, image).mean()
            gain = config.r1_interval if config.r1_lazy_gain else 1
            loss = loss + gain * config.r1_gamma / 2 * losses["r1"]
        self._backward(loss)
        image.requires_grad_(False)
        return losses

    def _learn_to_pass(
        self, part: Batch, drawn: Tensor | None, step: int, random: torch.Generator
    ) -> dict[str, Tensor]:
        """Gradients of the generator: fool the discriminator, and keep each face's skin."""
        config = self.config
        if drawn is None:
            drawn = self._draw(part.z, part.condition)
        losses = {"G": generator_nonsaturating_loss(self._judge(drawn, part.condition))}
        self._backward(losses["G"])
        if self.texture_loss is not None and step % config.texture_interval == 0:
            params = FlameParams.from_vector(part.params)
            losses["texture"] = self.texture_loss(self._draw, params, random)
            self._backward(config.texture_weight * config.texture_interval * losses["texture"])
        return losses

    def _draw(self, z: Tensor, condition: Tensor) -> Tensor:
        return self._call_generator(z, condition)

    def _judge(self, image: Tensor, condition: Tensor) -> Tensor:
        return self._call_discriminator(image, condition)

    def _backward(self, loss: Tensor) -> None:
        """Add the gradient of a part's loss, as its share of the batch weighs."""
        (loss * (self._part / self._share)).backward()

    def _update(
        self,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        losses: dict[str, Tensor],
        nimg: int,
    ) -> None:
        """Average the gradients over processes and step, unless something is not finite."""
        self.processes.average_gradients(network)
        gradients = {name: p.grad for name, p in network.named_parameters() if p.grad is not None}
        norm = nn.utils.get_total_norm(gradients.values())
        numbers = torch.stack([norm, *(value.to(norm) for value in losses.values())])
        if self.processes.any(not numbers.isfinite().all()):
            values = ", ".join(f"{name} {value.item():.4g}" for name, value in losses.items())
            norms = {name: readable(grad.norm().item()) for name, grad in gradients.items()}
            raise DivergenceError(
                f"training stopped before an update at image {nimg}: a loss or the gradient of "
                f"{type(network).__name__} is not finite (losses: {values}); repeat the command to "
                "continue from the newest checkpoint, perhaps with a smaller --learning_rate, or "
                "with --recoveries 3",
                losses,
                gradient_norms=norms,
            )
        optimizer.step()


def mean_losses(parts: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """The losses of a batch from those of its parts, by name, without their graphs."""
    return {name: torch.stack([part[name].detach() for part in parts]).mean() for name in parts[0]}


def lazy_adam(network: nn.Module, learning_rate: float, ratio: float) -> torch.optim.Adam:
    """Adam with StyleGAN2's correction for a lazy regulariser: step and memory shrink by ratio."""
    return torch.optim.Adam(
        network.parameters(), lr=learning_rate * ratio, betas=(0.0, 0.99**ratio)
    )


def set_trainable(network: nn.Module, trainable: bool) -> None:
    for parameter in network.parameters():
        parameter.requires_grad_(trainable)
