"""Hair for the demo photographs: shells around the scalp, with strands in their texture.

Hair is what a rendering of FLAME leaves open, so it must vary with a photograph's own seed and
never with the parameters of the face; it only follows the pose and the size of the head.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter, map_coordinates

from my_utils.demo.surface import gaussian, grid_triangles, loft, smoothstep

# Where hair ends on the skin: |theta| in degrees, t.
HAIRLINE = PchipInterpolator(
    [0, 20, 38, 50, 58, 66, 74, 79, 88, 102, 114, 126, 150, 190],
    [0.195, 0.2, 0.215, 0.255, 0.31, 0.43, 0.465, 0.4, 0.345, 0.345, 0.41, 0.56, 0.64, 0.65],
)
COLUMNS, ROWS = 66, 30
SHELLS = (0.35, 0.70, 1.0)  # share of the full thickness
NOISE_SHAPE = (48, 512)  # of the strand texture: along strands, around the head

COLORS = {  # albedo, RGB 0..255
    "black": (30, 25, 24),
    "dark brown": (54, 38, 30),
    "brown": (88, 60, 42),
    "light brown": (128, 92, 62),
    "red": (140, 66, 34),
    "blond": (188, 148, 96),
    "light blond": (214, 184, 138),
    "grey": (140, 137, 133),
    "white": (205, 202, 197),
}
COLOR_SHARES = (0.20, 0.22, 0.17, 0.11, 0.06, 0.11, 0.05, 0.05, 0.03)


@dataclass(frozen=True)
class HairStyle:
    """One haircut; lengths in metres."""

    thickness: float  # of the shell above the scalp
    top: float = 0.0  # more of it on top
    fall: float = 0.0  # how far curtains hang below the hairline at the sides and the back
    curl: float = 0.0  # amplitude of the lumps
    fringe: float = 0.0  # how far hair comes down over the forehead, in t
    bun: float = 0.0  # radius of a bun
    share: float = 1.0  # how often, relative to the others


STYLES = {
    "bald": HairStyle(thickness=0.0, share=0.5),
    "short": HairStyle(thickness=0.008, top=0.004, share=1.5),
    "quiff": HairStyle(thickness=0.009, top=0.020, share=1.0),
    "crop": HairStyle(thickness=0.010, top=0.006, fringe=0.055, share=0.8),
    "afro": HairStyle(thickness=0.028, top=0.016, curl=0.006, share=0.7),
    "bob": HairStyle(thickness=0.017, top=0.008, fall=0.085, share=1.2),
    "bob with fringe": HairStyle(thickness=0.017, top=0.007, fall=0.09, fringe=0.085, share=0.8),
    "long": HairStyle(thickness=0.016, top=0.008, fall=0.19, share=1.6),
    "long curls": HairStyle(thickness=0.022, top=0.010, fall=0.16, curl=0.006, share=1.0),
    "bun": HairStyle(thickness=0.007, top=0.003, bun=0.034, share=0.9),
}


@dataclass(frozen=True)
class Hair:
    """The hair of one photograph, in the frame of the unposed mean head."""

    style: HairStyle
    color: np.ndarray  # [3] albedo, 0..255
    shells: np.ndarray  # [shells, H, 3] vertices, innermost first; one topology
    strands: np.ndarray  # [rows, columns] noise of mean 0 and deviation 1
    length: np.ndarray  # [columns] share of the shell at which each strand ends
    hairline_shift: float  # in t


@cache
def shell_topology():
    """Triangles [F, 3] and (column, row) in 0..1 of the vertices [H, 2] of every shell."""
    column, row = np.meshgrid(np.linspace(0, 1, COLUMNS), np.linspace(0, 1, ROWS))
    return grid_triangles(ROWS, COLUMNS), np.stack([column.ravel(), row.ravel()], 1)


def hairline(theta, shift=0.0):
    """The t at which hair ends on the skin."""
    return HAIRLINE(np.abs(np.rad2deg(theta))) + shift


def _shells(
    style: HairStyle, scale: float, shift: float, part: float, lumps: np.ndarray
) -> np.ndarray:
    """Vertices of the shells, innermost first: [shells, H, 3]."""
    row, theta = np.meshgrid(
        np.linspace(0, 1, ROWS), np.linspace(-np.pi, np.pi, COLUMNS), indexing="ij"
    )
    degrees = np.abs(np.rad2deg(theta))
    end = hairline(theta, shift) + style.fringe * smoothstep(42, 28, degrees)
    fall = style.fall * smoothstep(56, 76, degrees)
    on_scalp = 1 - 0.45 * np.clip(fall / 0.06, 0, 1)  # share of the rows that lie on the scalp
    t = 0.004 + (end - 0.004) * np.clip(row / on_scalp, 0, 1)
    scalp, step = loft(theta, t), 1e-3
    normals = np.cross(loft(theta, t + step) - scalp, loft(theta + step, t) - scalp)
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)

    edge = smoothstep(1.0, 0.70, row / on_scalp)
    taper = np.where(fall > 0, np.maximum(edge, smoothstep(0, 0.05, fall)), 0.25 + 0.75 * edge)
    thickness = (style.thickness + style.top * smoothstep(0.30, 0.08, t)) * taper
    over_ears = 0.008 * smoothstep(0.02, 0.06, fall) * smoothstep(0.20, 0.40, t)
    parting = 0.45 * style.thickness * gaussian(theta - part, 0.10) * smoothstep(0.24, 0.10, t)
    shares = np.array(SHELLS)[:, None, None]
    outwards = scale * shares * (thickness + style.curl * lumps)
    outwards = outwards + over_ears * (0.6 + 0.4 * shares) - parting
    points = scalp + normals * (0.0015 + np.maximum(outwards, 0))[..., None]

    hanging = np.clip((row - on_scalp) / np.maximum(1 - on_scalp, 1e-6), 0, 1) * (fall > 0)
    sideways = normals * [1, 0, 1]
    sideways /= np.maximum(np.linalg.norm(sideways, axis=-1, keepdims=True), 1e-6)
    sway = 0.004 * np.sin(np.pi * hanging) - 0.016 * hanging + 1.5 * style.curl * lumps * hanging
    points += sideways * sway[..., None]
    points[..., 1] -= hanging * fall
    points[..., 2] += 0.012 * hanging * smoothstep(110, 75, degrees)
    return points.reshape(len(SHELLS), -1, 3)


def _pull_bun(shells: np.ndarray, radius: float) -> np.ndarray:
    """The shells with their crown pulled out into a ball."""
    center = np.array([0.0, 0.135, -0.105])
    away = shells - center
    distance = np.linalg.norm(away, axis=-1, keepdims=True)
    ball = center + [0, 0.012, -0.004] + away / np.maximum(distance, 1e-6) * radius
    return shells + smoothstep(1.9 * radius, 0.6 * radius, distance) * (ball - shells)


def _noise(rng, shape, blur):
    """Smooth noise of deviation 1, periodic around the head: rows along strands, columns around."""
    field = gaussian_filter(rng.normal(size=shape), blur, mode=("nearest", "wrap"))
    return field / field.std()


def draw_hair(rng: np.random.Generator) -> Hair:
    """A haircut and its colour, or a bald head."""
    names, shares = list(STYLES), np.array([style.share for style in STYLES.values()])
    style = STYLES[names[rng.choice(len(names), p=shares / shares.sum())]]
    color = list(COLORS.values())[rng.choice(len(COLORS), p=COLOR_SHARES)]
    shift = rng.normal(0, 0.012)
    part = rng.choice([-0.45, 0.0, 0.45]) + rng.normal(0, 0.05)
    lumps = _noise(rng, (ROWS, COLUMNS), (1.4, 1.5) if style.curl else (4, 2.5))
    shells = _shells(style, rng.uniform(0.85, 1.2), shift, part, lumps)
    if style.bun:
        shells = _pull_bun(shells, style.bun * rng.uniform(0.9, 1.1))
    fine = _noise(rng, NOISE_SHAPE, (1.2, 1.4) if style.curl else (7, 0.8))
    coarse = _noise(rng, NOISE_SHAPE, (10, 4))
    ragged = _noise(rng, (1, NOISE_SHAPE[1]), (0, 1.2))[0]
    return Hair(
        style=style,
        color=np.array(color) * rng.uniform(0.85, 1.15),
        shells=shells,
        strands=0.75 * fine + 0.65 * coarse,
        length=0.95 + 0.03 * ragged,
        hairline_shift=shift,
    )


def look_up(hair: Hair, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Strand noise and the distance from the strand's end at (column, row) in 0..1, [M, 2]."""
    row, column = (place * [NOISE_SHAPE[1] - 1, NOISE_SHAPE[0] - 1]).T[::-1]
    strands = map_coordinates(hair.strands, [row, column], order=1, mode="nearest")
    length = np.interp(column, np.arange(NOISE_SHAPE[1]), hair.length)
    return strands, length - place[:, 1]
