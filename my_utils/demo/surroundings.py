"""What surrounds the head in the demo photographs: backgrounds out of focus, and clothes.

Both are drawn from the photograph's own seed; no parameter of the face plays a part.
"""

import colorsys

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch.nn import functional as F

from my_utils.demo.surface import gaussian, grid_triangles, smoothstep

CANVAS = 64  # pixels; backgrounds are out of focus, so they are painted small


def random_color(rng, saturation, value):
    """An RGB colour 0..255 of any hue; saturation and value from these ranges."""
    rgb = colorsys.hsv_to_rgb(rng.random(), rng.uniform(*saturation), rng.uniform(*value))
    return 255 * np.array(rgb)


def _calm_color(rng, value):
    """A colour as surroundings have it: mostly sky, leaves, wood or stone."""
    hue = rng.choice([0.09, 0.13, 0.30, 0.57, 0.62]) + rng.normal(0, 0.03)
    rgb = colorsys.hsv_to_rgb(hue % 1, rng.beta(2, 4), rng.uniform(*value))
    return 255 * np.array(rgb)


def _wall(rng, x, y):
    """A plain wall, brighter where a lamp shines on it."""
    color = _calm_color(rng, (0.35, 0.95))
    center, width = rng.uniform(-1, 1, 2), rng.uniform(0.9, 2.0)
    glow = 0.65 + 0.45 * np.exp(-((x - center[0]) ** 2 + (y - center[1]) ** 2) / width**2)
    return color * glow[..., None]


def _gradient(rng, x, y):
    """Two colours that run into each other, as sky and land do."""
    angle = rng.normal(np.pi / 2, 0.6)
    mix = smoothstep(-1.1, 1.1, x * np.cos(angle) + y * np.sin(angle) + rng.normal(0, 0.3))
    first = _calm_color(rng, (0.55, 1.0))
    second = _calm_color(rng, (0.15, 0.7))
    return first * (1 - mix[..., None]) + second * mix[..., None]


def _foliage(rng, x, y):
    """Leaves or crowds far behind: blotches of related colours."""
    base = _calm_color(rng, (0.25, 0.65))
    image = np.zeros((*x.shape, 3)) + base
    for blur, strength in ((9, 34), (4, 24)):
        noise = gaussian_filter(rng.normal(size=x.shape), blur)
        tint = rng.normal(1, 0.1, 3)
        image += strength * (noise / noise.std())[..., None] * tint
    return image


def _lights(rng, x, y):
    """Lights of a town at night, or sun through leaves: bright discs."""
    image = np.zeros((*x.shape, 3)) + _calm_color(rng, (0.08, 0.4))
    for _ in range(rng.integers(8, 22)):
        center, radius = rng.uniform(-1.1, 1.1, 2), rng.uniform(0.06, 0.22)
        disc = smoothstep(radius, radius * 0.8, np.hypot(x - center[0], y - center[1]))
        image += (0.5 * disc)[..., None] * random_color(rng, (0.1, 0.5), (0.5, 1.0))
    return gaussian_filter(image, (1.0, 1.0, 0))


def _room(rng, x, y):
    """Shelves, windows and door frames out of focus: blurred rectangles."""
    image = np.zeros((*x.shape, 3)) + _calm_color(rng, (0.3, 0.85))
    for _ in range(rng.integers(4, 10)):
        center, half = rng.uniform(-1, 1, 2), rng.uniform(0.05, 0.5, 2)
        inside = (np.abs(x - center[0]) < half[0]) & (np.abs(y - center[1]) < 1.6 * half[1])
        image[inside] = _calm_color(rng, (0.15, 1.0))
    return gaussian_filter(image, (2.5, 2.5, 0))


BACKGROUNDS = (_wall, _gradient, _foliage, _lights, _room)


def background(rng: np.random.Generator, size: int) -> np.ndarray:
    """A picture [size, size, 3], 0..255, for behind the head."""
    axis = (np.arange(CANVAS) + 0.5) / CANVAS * 2 - 1
    x, y = np.meshgrid(axis, axis)
    image = BACKGROUNDS[rng.integers(len(BACKGROUNDS))](rng, x, y)
    small = torch.from_numpy(image).permute(2, 0, 1)[None]
    large = F.interpolate(small, size=(size, size), mode="bilinear", align_corners=False)
    return large[0].permute(1, 2, 0).clamp(0, 255).numpy()


def clothes(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shoulders and a collar: vertices [H, 3] around a mean neck, faces, colours [H, 3].

    Columns run around the body, rows from the collar down over the shoulders.
    """
    columns, rows = 48, 20
    angle = np.linspace(-np.pi, np.pi, columns)[None, :]
    row = np.linspace(0, 1, rows)[:, None]
    collar = rng.choice(["round", "open", "high"], p=[0.45, 0.35, 0.20])
    spread = smoothstep(0.10, 0.75, row)
    half_width = 0.062 + 0.125 * spread + 0.01 * row
    half_depth = 0.064 + 0.045 * spread
    x = half_width * np.sin(angle)
    z = -0.066 + half_depth * np.cos(angle) + 0.012 * spread
    slope = 0.022 * spread + 0.16 * smoothstep(0.55, 1.0, row)
    in_front = gaussian(angle, 0.75)
    depth = {"round": 0.022, "open": 0.060, "high": 0.006}[collar]
    top = {"round": -0.112, "open": -0.104, "high": -0.098}[collar]
    neckline = depth * in_front * (1 - row) ** 2
    y = top - neckline - slope - 0.02 * row * np.abs(np.cos(angle)) * spread
    color = random_color(rng, (0.05, 0.85), (0.10, 0.95))
    stripes = np.zeros((rows, columns), dtype=bool)
    if rng.random() < 0.3:
        stripes = np.sin(row * rng.uniform(25, 60) + 0 * angle) > 0.2
    shade = (1 - 0.35 * stripes) * np.where(row < 0.10, 0.80, 1.0)
    colors = shade[..., None] * color
    vertices = np.stack([x + 0 * row, y + 0 * angle, z + 0 * row], -1).reshape(-1, 3)
    return vertices, grid_triangles(rows, columns), colors.reshape(-1, 3)
