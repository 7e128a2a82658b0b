"""The generator: a style vector z and renderings of a FLAME mesh become a photograph of a face.

StyleGAN2 with skip connections (Karras et al. 2020), conditioned as in GIF (Ghosh et al. 2020):
the style modulates every convolution, the renderings are injected where StyleGAN2 adds noise, so
geometry, appearance and lighting come from the renderings and everything else from the style.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from constants import PARAM_DIM
from model.condition import (
    ParameterNormalization,
    check_condition_image,
    condition_channels,
    condition_pyramid,
)
from model.layers import EqualLinear, StyledConv, ToRGB, block_resolutions, channels_at
from model.ops import leaky_relu

MEAN_W_STYLES = 10_000  # averaged for truncation where there is no style table


def seeded_z(seeds: Sequence[int] | Tensor, z_dim: int) -> Tensor:
    """Style vectors [len(seeds), z_dim] on the CPU; a row depends on its own seed only."""
    rows = [
        torch.randn(z_dim, generator=torch.Generator().manual_seed(seed))
        for seed in torch.as_tensor(seeds).tolist()
    ]
    return torch.stack(rows) if rows else torch.empty(0, z_dim)


def pixel_norm(x: Tensor) -> Tensor:
    """Scale every row of [N, C] to a mean square of one."""
    return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + 1e-8)


class MappingNetwork(nn.Module):
    """Maps z, and for vector conditioning the FLAME parameters, to the intermediate style w."""

    mean_w: Tensor  # [w_dim], the mean style for truncation; zero until it is filled

    def __init__(self, z_dim: int, w_dim: int, layers: int, vector_dim: int = 0) -> None:
        super().__init__()
        if layers < 1:
            raise ValueError(f"the mapping network needs at least one layer, not {layers}")
        self.z_dim, self.vector_dim = z_dim, vector_dim
        if vector_dim:
            self.normalization = ParameterNormalization(vector_dim)
            self.embedding = EqualLinear(vector_dim, w_dim)
        sizes = [z_dim + (w_dim if vector_dim else 0)] + [w_dim] * layers
        self.layers = nn.ModuleList(
            EqualLinear(size_in, size_out, lr_multiplier=0.01)
            for size_in, size_out in zip(sizes[:-1], sizes[1:], strict=True)
        )
        self.register_buffer("mean_w", torch.zeros(w_dim))

    def forward(
        self,
        z: Tensor,  # [N, z_dim]
        vector: Tensor | None = None,  # [N, vector_dim]
    ) -> Tensor:  # [N, w_dim]
        if z.ndim != 2 or z.shape[1] != self.z_dim:
            raise ValueError(f"z must be [N, {self.z_dim}], not {list(z.shape)}")
        x = pixel_norm(z)
        if self.vector_dim:
            if vector is None:
                raise ValueError("vector conditioning needs the parameter vector, none was given")
            x = torch.cat([x, pixel_norm(self.embedding(self.normalization(vector)))], dim=1)
        for layer in self.layers:
            x = leaky_relu(layer(x))
        return x

    def truncate(
        self,
        w: Tensor,  # [N, w_dim]
        psi: float,  # 1 leaves w as it is, 0 gives the mean style
    ) -> Tensor:
        """Pull w towards the mean style: less variety, fewer failures."""
        if psi == 1:
            return w
        if self.vector_dim:
            raise ValueError(
                f"truncation_psi must be 1 with vector conditioning, not {psi}: there w carries "
                "the FLAME parameters too, and pulling it to a mean would change the face itself"
            )
        if not self.mean_w.any():
            raise ValueError("the mean style is not known: fill mapping.mean_w with average_w()")
        return self.mean_w + psi * (w - self.mean_w)


class SynthesisBlock(nn.Module):
    """All layers of one resolution: upsampling convolution, convolution, colours.

    The first block starts from the constant and has one convolution only.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        w_dim: int,
        *,
        condition_channels: int,
        condition_padding: str,
        feature_padding: str,
        first: bool,
    ) -> None:
        super().__init__()
        self.conv0 = StyledConv(
            in_channels,
            out_channels,
            w_dim,
            condition_channels=condition_channels,
            condition_padding=condition_padding,
            feature_padding=feature_padding,
            upsample=not first,
        )
        self.conv1 = (
            None
            if first
            else StyledConv(
                out_channels,
                out_channels,
                w_dim,
                condition_channels=condition_channels,
                condition_padding=condition_padding,
                feature_padding=feature_padding,
                upsample=False,
            )
        )
        self.to_rgb = ToRGB(out_channels, w_dim, feature_padding)

    def forward(
        self,
        x: Tensor,  # [N, in_channels, r / 2, r / 2]; 4 x 4 in the first block
        image: Tensor | None,  # [N, 3, r / 2, r / 2], None in the first block
        w: Tensor,  # [N, w_dim]
        condition: Tensor | None,  # [N, C, r, r]
    ) -> tuple[Tensor, Tensor]:  # [N, out_channels, r, r], [N, 3, r, r]
        x = self.conv0(x, w, condition)
        if self.conv1 is not None:
            x = self.conv1(x, w, condition)
        return x, self.to_rgb(x, w, image)


class SynthesisNetwork(nn.Module):
    """Paints the face block by block, from 4 px to the full resolution."""

    def __init__(
        self,
        resolution: int,
        w_dim: int,
        condition_channels: int,
        channel_base: int,
        channel_max: int,
        *,
        antialiased_pyramid: bool = False,
        condition_padding: str = "zeros",
        feature_padding: str = "zeros",
    ) -> None:
        super().__init__()
        self.resolutions = block_resolutions(resolution)
        self.antialiased_pyramid = antialiased_pyramid
        self.num_blocks = len(self.resolutions)
        self.condition_channels = condition_channels
        channels = [channels_at(r, channel_base, channel_max) for r in self.resolutions]
        self.constant = nn.Parameter(torch.randn(1, channels[0], 4, 4))
        self.blocks = nn.ModuleList(
            SynthesisBlock(
                channels[max(k - 1, 0)],
                channels[k],
                w_dim,
                condition_channels=condition_channels,
                condition_padding=condition_padding,
                feature_padding=feature_padding,
                first=k == 0,
            )
            for k in range(self.num_blocks)
        )

    def forward(
        self,
        w: Tensor,  # [N, w_dim], or [N, num_blocks, w_dim] for one style per block
        condition: Tensor | None,  # [N, C, R, R] in [-1, 1]; None without injection
    ) -> Tensor:  # [N, 3, R, R], unbounded: clamp to [-1, 1] to look at it
        if w.ndim == 2:
            w = w[:, None].expand(-1, self.num_blocks, -1)
        if w.shape[1] != self.num_blocks:
            raise ValueError(f"w has {w.shape[1]} styles, the network has {self.num_blocks} blocks")
        x: Tensor = self.constant
        image: Tensor | None = None
        for block, w_block, level in zip(
            self.blocks, w.unbind(1), self._pyramid(condition), strict=True
        ):
            x, image = block(x, image, w_block, level)
        assert image is not None  # every network has a block
        return image

    def _pyramid(self, condition: Tensor | None) -> list[Tensor] | list[None]:
        if not self.condition_channels:
            return [None] * self.num_blocks
        size = self.resolutions[-1]
        condition = check_condition_image(condition, self.condition_channels, size)
        return condition_pyramid(condition, self.resolutions, antialiased=self.antialiased_pyramid)


class Generator(nn.Module):
    """Mapping and synthesis network as one model; the defaults are the published 256 px model.

    Channels at resolution r are min(channel_max, channel_base // r). The features take the memory
    format of the condition image; channels_last is the faster one, except for wide networks on a
    CPU without AVX-512.

    `style_table` [V, z_dim] holds the styles of a released checkpoint, one per training image; in
    a generator trained here it is None, and a style is drawn from its id.
    """

    style_table: Tensor | None

    def __init__(
        self,
        resolution: int = 256,
        condition_kind: str = "render+normal",
        z_dim: int = 512,
        w_dim: int = 512,
        mapping_layers: int = 8,
        channel_base: int = 32768,
        channel_max: int = 512,
        *,
        antialiased_pyramid: bool = False,
        condition_padding: str = "zeros",
        feature_padding: str = "zeros",
    ) -> None:
        super().__init__()
        channels = condition_channels(condition_kind)
        vector_dim = PARAM_DIM if condition_kind == "vector" else 0
        self.resolution, self.condition_kind = resolution, condition_kind
        self.mapping = MappingNetwork(z_dim, w_dim, mapping_layers, vector_dim)
        self.synthesis = SynthesisNetwork(
            resolution,
            w_dim,
            channels,
            channel_base,
            channel_max,
            antialiased_pyramid=antialiased_pyramid,
            condition_padding=condition_padding,
            feature_padding=feature_padding,
        )
        self.register_buffer("style_table", None)

    def styles(
        self,
        ids: Sequence[int] | Tensor,  # N
    ) -> Tensor:  # [N, z_dim]
        """The z of style ids: the same for an id in any batch."""
        if self.style_table is None:
            return seeded_z(ids, self.mapping.z_dim).to(self.mapping.mean_w)
        return self.style_table[torch.as_tensor(ids)]

    @torch.no_grad()
    def average_w(self) -> Tensor:  # [w_dim]
        """The mean of w over the style table, or over 10,000 styles: the mean style."""
        z = self.styles(range(MEAN_W_STYLES)) if self.style_table is None else self.style_table
        total = sum(self.mapping(part).double().sum(dim=0) for part in z.split(4096))
        return (total / len(z)).to(z.dtype)

    def forward(
        self,
        z: Tensor,  # [N, z_dim] standard normal, or [N, num_blocks, z_dim], a style for each block
        condition: Tensor,  # [N, C, R, R] in [-1, 1]; [N, 236] for the kind "vector"
        truncation_psi: float = 1.0,
    ) -> Tensor:  # [N, 3, R, R], unbounded
        if len(z) != len(condition):
            raise ValueError(f"{len(z)} styles do not match {len(condition)} conditions")
        by_vector = self.condition_kind == "vector"
        w = self._map(z, condition if by_vector else None)
        w = self.mapping.truncate(w, truncation_psi)
        return self.synthesis(w, None if by_vector else condition)

    def _map(self, z: Tensor, vector: Tensor | None) -> Tensor:
        """w of one style for each face, or of one for each block."""
        if z.ndim == 2:
            return self.mapping(z, vector)
        count, blocks, _ = z.shape
        vectors = None if vector is None else vector.repeat_interleave(blocks, dim=0)
        return self.mapping(z.flatten(0, 1), vectors).unflatten(0, (count, blocks))
