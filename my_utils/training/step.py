"""One step: the discriminator phase (Dmain, R1), then the generator phase (Gmain, texture).

Both networks see the same condition. The texture loss keeps the skin of one face the same in every
pose (GIF, section 3).
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from model.augment import augment
from model.flame import FlameParams
from model.losses import (
    discriminator_logistic_loss,
    generator_nonsaturating_loss,
    r1_penalty,
    relativistic_loss,
)
from my_utils.errors import UserError
from my_utils.training.cuda_graphs import Recorder
from my_utils.training.divergence import DivergenceError, readable
from my_utils.training.ema import ema_decay, update_ema
from my_utils.training.precision import in_precision
from my_utils.training.processes import Processes
from my_utils.training.state import TrainingState
from my_utils.training.texture_loss import TextureLoss

TEXTURE_FACES = 3  # make the smallest number of pairs between neighbours that can be compared


class Batch(NamedTuple):
    """Photographs with what the networks are told about them, on the device."""

    image: Tensor  # [N, 3, R, R] in [-1, 1]
    condition: Tensor  # [N, C, R, R] in [-1, 1], or [N, 236] for the vector condition
    params: Tensor  # [N, 236]
    z: Tensor  # [N, z_dim] the styles of the faces to generate, or [N, blocks, z_dim]

    def split(self, size: int) -> "list[Batch]":
        """Parts of at most `size` faces."""
        return [Batch(*rows) for rows in zip(*(rows.split(size) for rows in self), strict=True)]


class TrainingStep:
    """Updates generator, discriminator and averaged generator of a state with one batch.

    Args:
        texture_loss: None where the run has none.
    """

    def __init__(
        self, state: TrainingState, texture_loss: TextureLoss | None, processes: Processes
    ) -> None:
        self.state, self.texture_loss, self.processes = state, texture_loss, processes
        config = self.config = state.config
        self._decay = ema_decay(config.batch, config.ema_half_life_kimg)
        precision = config.precision, processes.device
        self._generate = processes.wrap(in_precision(state.generator, *precision))
        self._discriminate = processes.wrap(in_precision(state.discriminator, *precision))
        self._faces: Tensor | None = None  # of both phases, with their graph, where one part is all
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
        self._recorder = Recorder() if self._can_be_recorded() else None

    def __call__(self, batch: Batch, rng: torch.Generator) -> dict[str, Tensor]:
        """Learn from this process's share of a batch; the losses by name.

        Args:
            rng: the random stream of the step, for augmentation and the texture loss.

        Raises:
            DivergenceError: a loss or gradient is not finite; the network is unchanged.
        """
        state, config = self.state, self.config
        if self._recorder:
            batch = Batch(*self._recorder.place(batch))
        parts = batch.split(self._part)
        with_r1 = config.r1_gamma > 0 and (self._number + 1) % config.r1_interval == 0

        set_trainable(state.discriminator, True)
        state.optimizer_d.zero_grad(set_to_none=not self._recorder)
        losses = self._run(("D", with_r1), partial(self._discriminator_phase, parts, with_r1, rng))
        self._update(state.discriminator, state.optimizer_d, losses)

        set_trainable(state.discriminator, False)
        state.optimizer_g.zero_grad(set_to_none=not self._recorder)
        losses |= self._run(("G", with_r1), partial(self._generator_phase, parts, rng))
        if self.texture_loss is not None and self._number % config.texture_interval == 0:
            losses |= mean_losses([self._texture_part(part, rng) for part in parts])
        self._update(state.generator, state.optimizer_g, losses)
        update_ema(state.generator_ema, state.generator, decay=self._decay)
        return losses

    def _can_be_recorded(self) -> bool:
        """Whether all of a step but its random numbers is the same work in one place of a GPU."""
        on_gpu = self.processes.device.type == "cuda"
        split = self._part != self._share or isinstance(self._generate, nn.DataParallel)
        return on_gpu and self.config.cuda_graphs and not split and not self.config.augment

    @property
    def _number(self) -> int:
        """How many steps came before this one."""
        return self.state.nimg // self.config.batch

    def _run(self, name: object, phase: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
        return self._recorder(name, phase) if self._recorder else phase()

    def _discriminator_phase(
        self, parts: list[Batch], with_r1: bool, rng: torch.Generator
    ) -> dict[str, Tensor]:
        """The discriminator's gradients over all parts of the batch, and its losses."""
        # Both phases see the same faces, as the discriminator phase leaves the generator alone. The
        # graph of one part is kept for the generator phase; several parts are generated twice.
        if len(parts) == 1:
            self._faces = self._generate(parts[0].z, parts[0].condition)
        return mean_losses([self._discriminator_part(part, with_r1, rng) for part in parts])

    def _discriminator_part(
        self, part: Batch, with_r1: bool, rng: torch.Generator
    ) -> dict[str, Tensor]:
        config, fake = self.config, self._faces
        if fake is None:
            with torch.no_grad():
                fake = self._generate(part.z, part.condition)
        losses_of = self._pairing if config.relativistic else self._logistic
        losses = losses_of(part.image, fake.detach(), part.condition, with_r1, rng)
        loss, gain = losses["D"], config.r1_interval if config.r1_lazy_gain else 1
        for name, gamma in (("r1", config.r1_gamma), ("r2", config.r2_gamma)):
            if name in losses:
                loss = loss + gain * gamma / 2 * losses[name]
        self._backward(loss)
        return losses

    def _logistic(
        self, image: Tensor, fake: Tensor, condition: Tensor, with_r1: bool, rng: torch.Generator
    ) -> dict[str, Tensor]:
        """Dmain: maximise the logits of photographs, minimise those of generated images.

        R1 keeps the gradient of the logits small at photographs, R2 at generated images.
        """
        image = image.detach().requires_grad_(with_r1)
        fake = fake.requires_grad_(with_r1 and self.config.r2_gamma > 0)
        real_logits = self._logits(image, condition, rng)
        fake_logits = self._logits(fake, condition, rng)
        losses = {"D": discriminator_logistic_loss(real_logits, fake_logits)}
        if with_r1:
            losses["r1"] = r1_penalty(real_logits, image).mean()
            if self.config.r2_gamma > 0:
                losses["r2"] = r1_penalty(fake_logits, fake).mean()
        return losses

    def _pairing(
        self, image: Tensor, fake: Tensor, condition: Tensor, with_r1: bool, rng: torch.Generator
    ) -> dict[str, Tensor]:
        """Dmain: a photograph is to have a larger logit than the generated image beside it.

        Both go through the discriminator together, and so do the gradients of R1 and R2.
        """
        images = torch.stack([image, fake], dim=1).requires_grad_(with_r1)
        logits = self._logits(images, torch.stack([condition, condition], dim=1), rng)
        losses = {"D": relativistic_loss(*logits.unbind(1))}
        if with_r1:
            losses["r1"], losses["r2"] = r1_penalty(logits, images).mean(dim=0)
        return losses

    def _generator_phase(self, parts: list[Batch], rng: torch.Generator) -> dict[str, Tensor]:
        """The generator's adversarial gradients over all parts of the batch, and its losses."""
        losses = mean_losses([self._generator_part(part, rng) for part in parts])
        self._faces = None
        return losses

    def _generator_part(self, part: Batch, rng: torch.Generator) -> dict[str, Tensor]:
        fake = self._faces
        if fake is None:
            fake = self._generate(part.z, part.condition)
        # Gmain: maximise the logits of generated images.
        fake_logits = self._logits(fake, part.condition, rng)
        if self.config.relativistic:
            with torch.no_grad():
                real_logits = self._logits(part.image, part.condition, rng)
            losses = {"G": relativistic_loss(fake_logits, real_logits)}
        else:
            losses = {"G": generator_nonsaturating_loss(fake_logits)}
        self._backward(losses["G"])
        return losses

    def _texture_part(self, part: Batch, rng: torch.Generator) -> dict[str, Tensor]:
        """The gradients of the texture loss: the skin of one face is the same in every pose."""
        assert self.texture_loss is not None
        loss = self.texture_loss(self._generate, FlameParams.from_vector(part.params), rng)
        self._backward(self.config.texture_weight * self.config.texture_interval * loss)
        return {"texture": loss - self.texture_loss.floor}

    def _logits(self, image: Tensor, condition: Tensor, rng: torch.Generator) -> Tensor:
        """The discriminator's, of what augmentation leaves of the pairs."""
        if self.config.augment:
            colored = 3 if "render" in self.config.condition else 0
            rows = image.shape[:-3]  # [N], or [N, 2] of pairs
            image, condition = augment(
                image.flatten(0, -4),
                condition.flatten(0, -4),
                colored=colored,
                probability=self.config.augment,
                rng=rng,
            )
            image, condition = image.unflatten(0, rows), condition.unflatten(0, rows)
        return self._discriminate(image, condition)

    def _backward(self, loss: Tensor) -> None:
        """Add the gradient of a part's loss, as its share of the batch weighs."""
        (loss * (self._part / self._share)).backward()

    def _update(
        self,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        losses: dict[str, Tensor],
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
                f"training stopped before an update at image {self.state.nimg}: a loss or the "
                f"gradient of {type(network).__name__} is not finite (losses: {values}); repeat "
                "the command to continue from the newest checkpoint, perhaps with a smaller "
                "--learning_rate, or with --recoveries 3",
                losses,
                gradient_norms=norms,
            )
        optimizer.step()


def mean_losses(parts: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """The losses of a batch from those of its parts, by name, without their graphs."""
    return {name: torch.stack([part[name].detach() for part in parts]).mean() for name in parts[0]}


def set_trainable(network: nn.Module, trainable: bool) -> None:
    for parameter in network.parameters():
        parameter.requires_grad_(trainable)
