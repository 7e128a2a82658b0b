"""The losses of GIF as pure functions of network outputs; weights and intervals are the loop's.

Adversarial terms follow StyleGAN2; the texture consistency loss is GIF's own.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def discriminator_logistic_loss(
    real_logits: Tensor,  # [N, 1]
    fake_logits: Tensor,  # [M, 1]
) -> Tensor:
    """mean softplus(-D(real)) + mean softplus(D(fake)), a scalar."""
    return F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()


def generator_nonsaturating_loss(
    fake_logits: Tensor,  # [N, 1]
) -> Tensor:
    """mean softplus(-D(fake)), a scalar."""
    return F.softplus(-fake_logits).mean()


def relativistic_loss(
    logits: Tensor,  # [N, 1], of the kind of images that should look more real
    others: Tensor,  # [N, 1], of the other kind, under the same conditions
) -> Tensor:
    """mean softplus(-(D(x) - D(y))), a scalar: x is to look more real than y, its counterpart.

    The relativistic pairing loss (R3GAN, Huang et al. 2024): the discriminator's with photographs
    first, the generator's with generated images first.
    """
    return F.softplus(others - logits).mean()


def r1_penalty(
    real_logits: Tensor,  # one for each image
    image: Tensor,  # [..., 3, H, W], the real images, requiring gradients
) -> Tensor:
    """Squared norm [...] of the logit's gradient by each image (R1, Mescheder et al. 2018).

    The condition takes no part. Can be differentiated again; gamma / 2 is the caller's. Of
    generated images it is R2.
    """
    (gradient,) = torch.autograd.grad(real_logits.sum(), image, create_graph=True)
    return gradient.square().sum(dim=(-3, -2, -1))


def sample_texture_pairs(count: int, *, generator: torch.Generator) -> Tensor:
    """Draw `count` distinct pairs (fewer if there are fewer) of `count` faces, [P, 2], i < j."""
    pairs = torch.combinations(torch.arange(count))
    return pairs[torch.randperm(len(pairs), generator=generator)[:count]]


def texture_consistency_loss(
    textures: Tensor,  # [B, 3, H, W], lifted from images of one style under different FLAME codes
    visibility: Tensor,  # [B, 1, H, W] bool
    face_mask: Tensor,  # [1, 1, H, W] in [0, 1], texels that belong to the face
    pairs: Tensor,  # [P, 2] rows to compare
) -> Tensor:
    """The mean over pairs of mean(face_mask * sigmoid(squared difference)), a scalar.

    A difference counts where both faces are visible. Because sigmoid(0) = 1/2, equal textures give
    mean(face_mask) / 2; the sigmoid bounds what a single texel can contribute.
    """
    if not len(pairs):
        raise ValueError("the texture loss compares pairs of faces: give it two faces at least")
    # Texels outside the mask contribute nothing, and the mask is a small part of the texture.
    texels = face_mask.flatten().nonzero().squeeze(1)
    weight = face_mask.flatten()[texels]
    first, second = pairs.to(textures.device).unbind(1)
    colours, visible = textures.flatten(2)[:, :, texels], visibility.flatten(2)[:, :, texels]
    difference = (colours[first] - colours[second]) * (visible[first] & visible[second])
    total = (difference.square().sigmoid() * weight).sum()
    return total / (len(pairs) * textures[0].numel())
