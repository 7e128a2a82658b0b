"""The rules by which the reference recordings in ../shared/oracles made their inputs."""

import functools
import zlib
from pathlib import Path

import numpy as np

from model.flame import FlameAssets, TextureSpace


def random_state(key: str) -> np.random.RandomState:
    return np.random.RandomState(zlib.crc32(key.encode()) & 0xFFFFFFFF)


def multiscale(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Noise of three sizes in [-1, 1], the last two axes 256 by 256."""
    state, lead = random_state(name), shape[:-2]
    noise = [state.standard_normal((*lead, size, size)) for size in (8, 64, 256)]
    coarse, medium, fine = (
        array.repeat(256 // array.shape[-1], -1).repeat(256 // array.shape[-1], -2)
        for array in noise
    )
    return np.clip(0.5 * (coarse + medium + fine), -1, 1).astype(np.float32)


@functools.lru_cache
def texture_space() -> TextureSpace:
    """The closed form of texture.npz, its first 50 directions, 512 pixels."""
    row, column, channel, k = np.ogrid[:512, :512, :3, :50]
    down, across = 2 * np.pi * (row + 0.5) / 512, 2 * np.pi * (column + 0.5) / 512
    row_sign, column_sign = 1 - 2 * (row % 2), 1 - 2 * (column % 2)
    mean = 120 + 20 * channel + 40 * np.cos((channel + 1) * down) * np.cos(across)
    mean = (mean + 4 * row_sign + 2 * column_sign)[..., 0]
    waves_down = np.cos((k % 7 + 1) * down + 0.3 * channel)
    waves_across = np.cos((k % 11 + 1) * across + 0.1 * k)
    directions = 10 / (1 + k / 10) * waves_down * waves_across + 0.5 * row_sign * column_sign
    return TextureSpace(mean.astype(np.float32), directions.astype(np.float32))


def open_head(
    shared: Path,
    *,
    filled: bool = False,  # with the directions that are zero in the stand-in drawn at random
) -> FlameAssets:
    """The stand-in head of the recordings."""
    head = np.load(shared / "open_head" / "open_head.npz")
    shapedirs, posedirs = head["shapedirs"], head["posedirs"]
    if filled:
        for start, end in ((60, 300), (350, 400)):
            noise = random_state(f"fill.shapedirs.{start}_{end}")
            noise = noise.standard_normal((len(shapedirs), 3, end - start)).astype(np.float32)
            shapedirs[:, :, start:end] = noise * np.float32(2e-4)
        noise = random_state("fill.posedirs").standard_normal(posedirs.shape)
        posedirs = noise.astype(np.float32) * np.float32(1e-3)
    return FlameAssets(
        v_template=head["v_template"],
        faces=head["f"].astype(np.int64),
        shapedirs=shapedirs,
        posedirs=posedirs,
        J_regressor=head["J_regressor"],
        parents=np.array([-1, 0, 1, 1, 1]),
        lbs_weights=head["weights"],
    )
