"""Procedural photographs of the demo head: what FFHQ is to FLAME renderings.

The face lies exactly where the rendering of the same parameters shows it, in the same light; a
photograph adds what a rendering lacks (shadows, gloss, noise) and what it leaves open (hair,
clothes, background, eye colour), the latter drawn from the photograph's own seed alone.
"""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from scipy.ndimage import uniform_filter
from torch import Tensor
from torch.nn import functional as F

from model.camera import orthographic_projection
from model.flame import FlameParams, FlameTexture
from model.rasterizer import interpolate, rasterize
from my_utils.demo.albedo import DISC_ANGLE, IRIS_ANGLE, texture_space
from my_utils.demo.hair import COLUMNS, ROWS, Hair, draw_hair, hairline, look_up, shell_topology
from my_utils.demo.light import (
    Light,
    ambient_occlusion,
    lit_share,
    main_light,
    shade,
    surface_normals,
    unit,
)
from my_utils.demo.mesh import (
    DISCS,
    LEFT_EYE,
    RIGHT_EYE,
    SKIN,
    UV_BOTTOM,
    head_mesh,
    surface_of,
)
from my_utils.demo.parameters import demo_flame
from my_utils.demo.surface import smoothstep
from my_utils.demo.surroundings import background, clothes
from my_utils.demo.variation import JOINTS

OVERSAMPLING = 2
VIEW = np.array([0.0, 0.0, 1.0])
EYE_TINTS = np.array(  # factors of the albedo of the iris
    [
        [1, 1, 1],
        [0.62, 0.58, 0.55],
        [1.05, 1.15, 0.85],
        [0.85, 1.25, 1.10],
        [0.75, 1.2, 1.9],
        [0.95, 1.25, 1.6],
    ]
)
EYE_TINT_SHARES = (0.30, 0.25, 0.12, 0.10, 0.15, 0.08)


class Layer(NamedTuple):
    """One mesh as the camera sees it."""

    hit: np.ndarray  # [S, S]
    depth: np.ndarray  # [S, S]
    values: np.ndarray  # [S, S, C] interpolated attributes


class Picture:
    """A colour image with depth, onto which layers are put one after the other."""

    def __init__(self, image: np.ndarray):
        self.image = image
        self.depth = np.full(image.shape[:2], np.inf)

    def put(self, layer: Layer, color: np.ndarray, alpha: np.ndarray, *, bias: float = 0.0) -> None:
        """Blend a layer's colour [S, S, 3] where it is nearer than what is there."""
        alpha = np.where(layer.hit & (layer.depth < self.depth + bias), alpha, 0)
        self.image += alpha[..., None] * (color - self.image)
        self.depth = np.where(alpha > 0.5, np.minimum(layer.depth, self.depth), self.depth)


def _draw(
    points: np.ndarray,  # [N, H, 3] metres
    faces: np.ndarray,  # [F, 3]
    corners: np.ndarray,  # [N, F, 3, C] attributes of the corners of the faces
    camera: Tensor,  # [1, 3]
    size: int,
) -> list[Layer]:
    """Rasterize N meshes of one topology, each as a layer of its own."""
    vertices = torch.as_tensor(points, dtype=torch.float32)
    projected = orthographic_projection(vertices, camera.expand(len(points), -1))
    fragments = rasterize(projected, torch.as_tensor(faces), size)
    attributes = torch.as_tensor(corners, dtype=torch.float32).flatten(1, 2)
    own_corners = torch.arange(attributes.shape[1]).view(-1, 3)  # of each face
    values = interpolate(fragments, own_corners, attributes)
    depth = fragments.depth[None]
    seen = torch.cat([torch.ones_like(depth), depth, values])
    images = fragments.to_images(seen).permute(0, 2, 3, 1).numpy()
    return [Layer(image[..., 0] > 0, image[..., 1], image[..., 2:]) for image in images]


@cache
def _albedo_of() -> FlameTexture:
    return FlameTexture(texture_space())


@cache
def _iris_mask() -> Tensor:
    """Texels of the two irises: [1, 1, 256, 256] in 0..1."""
    centers = (np.arange(256) + 0.5) / 256
    u, v = np.meshgrid(centers, 1 - centers)
    mask = np.zeros_like(u)
    for part in (LEFT_EYE, RIGHT_EYE):
        left, bottom, radius = DISCS[part]
        angle = np.hypot(u - left, v - bottom) / radius * DISC_ANGLE
        mask += smoothstep(IRIS_ANGLE + 0.02, IRIS_ANGLE - 0.06, angle)
    return torch.as_tensor(mask, dtype=torch.float32)[None, None]


def _follow_scalp(posed: np.ndarray) -> np.ndarray:
    """The affine map [4, 3] that best carries the scalp at rest to the posed one."""
    mesh = head_mesh()
    scalp = (mesh.parts == SKIN) & (mesh.surface[:, 1] < 0.5)
    rest = np.concatenate([mesh.vertices[scalp], np.ones((scalp.sum(), 1))], 1)
    return np.linalg.lstsq(rest, posed[scalp], rcond=None)[0]


def _head_layer(
    posed: np.ndarray,  # [V, 3] metres
    shadow: np.ndarray,  # [V] share of the main light
    params: FlameParams,
    light: Light,
    hair: Hair,
    rng: np.random.Generator,
    size: int,
) -> tuple[Layer, np.ndarray]:
    """The head with shadows, gloss, eye colour and the roots of the hair: layer and colour."""
    mesh = head_mesh()
    flame = demo_flame()
    faces = flame.faces.numpy()
    corner_uv = mesh.uv[mesh.uv_faces] * [2, -2] + [-1, 1]
    eyes = np.isin(mesh.parts, (LEFT_EYE, RIGHT_EYE)).astype(float)
    per_vertex = np.stack([ambient_occlusion(), shadow, eyes], 1)
    corners = [surface_normals(posed[None], faces)[0, faces], corner_uv, per_vertex[faces]]
    (layer,) = _draw(
        posed[None], faces, np.concatenate(corners, axis=-1)[None], params.camera, size
    )
    normals, uv = layer.values[..., :3], layer.values[..., 3:5]
    open_sky, lit, eye = np.moveaxis(layer.values[..., 5:], -1, 0)

    tint = EYE_TINTS[rng.choice(len(EYE_TINTS), p=EYE_TINT_SHARES)] * rng.uniform(0.85, 1.15)
    factor = 1 + _iris_mask() * (torch.tensor(tint, dtype=torch.float32).view(1, 3, 1, 1) - 1)
    albedo = F.grid_sample(
        _albedo_of()(params.texture) * factor,
        torch.as_tensor(uv, dtype=torch.float32)[None],
        mode="bilinear",
        padding_mode="zeros",
        align_corners=False,
    )[0]
    skin = np.clip(albedo.permute(1, 2, 0).numpy(), 4, 252)
    skin = _roots(skin, uv, hair, rng)

    directions = unit(normals)
    facing = np.clip(directions @ light.direction, 0, 1)
    shading = shade(light, normals) - (0.65 * light.strength * facing * (1 - lit))[..., None]
    sky = 1.04 - 0.50 * (1 - open_sky)
    color = skin * shading * sky[..., None]
    halfway = unit(light.direction + VIEW)
    gloss = np.clip(directions @ halfway, 0, 1)
    skin_gloss = 0.05 * gloss**10 + 0.07 * gloss**40
    color += 255 * light.strength * (lit * sky * (1 - eye) * skin_gloss)[..., None]
    color += 170 * (eye * smoothstep(0.982, 0.997, gloss))[..., None]
    return layer, color


def _roots(
    albedo: np.ndarray,  # [S, S, 3]
    uv: np.ndarray,  # [S, S, 2]
    hair: Hair,
    rng: np.random.Generator,
) -> np.ndarray:
    """Colour the scalp below the hair, so that no skin shines through; stubble on bald heads."""
    u, v = (uv[..., 0] + 1) / 2, (1 - uv[..., 1]) / 2
    theta, t = surface_of(u, v)
    end = hairline(theta, hair.hairline_shift)
    cover = smoothstep(0.012, -0.012, t - end) * (v > UV_BOTTOM)
    density = 0.93 if hair.style.thickness else rng.uniform(0.0, 0.45)
    return albedo + (density * cover)[..., None] * (0.8 * hair.color - albedo)


def _put_hair(
    picture: Picture, hair: Hair, shells: np.ndarray, light: Light, camera: Tensor
) -> None:
    """Put the shells of the hair onto the picture, inner ones first."""
    faces, place = shell_topology()
    size = len(picture.image)
    halfway = unit(light.direction + VIEW)
    along = unit(np.gradient(shells.reshape(len(shells), ROWS, COLUMNS, 3), axis=1))
    places = np.broadcast_to(place, (*shells.shape[:2], 2))
    attributes = [surface_normals(shells, faces), along.reshape(shells.shape), places]
    corners = np.concatenate(attributes, axis=-1)[:, faces]
    for number, layer in enumerate(_draw(shells, faces, corners, camera, size)):
        normals, tangent = unit(layer.values[..., :3]), unit(layer.values[..., 3:6])
        strands, left = look_up(hair, layer.values[..., 6:8].reshape(-1, 2))
        strands, left = strands.reshape(size, size), left.reshape(size, size)
        normals = normals * np.sign(normals[..., 2:] + 1e-9)
        shading = np.clip(shade(light, normals), 0.1, None)
        depth_tone = (0.62, 0.82, 1.0)[number]
        tone = np.clip(depth_tone * (1 + 0.28 * strands), 0.25, 1.7)
        across = 1 - (tangent @ halfway) ** 2
        shine = np.clip(across, 0, 1) ** 30 * (0.20 + 0.15 * np.clip(strands, -1, 2))
        gleam = (30 + 0.35 * hair.color) * (light.strength + 0.15) * shine[..., None]
        color = hair.color * tone[..., None] * shading + gleam * depth_tone
        alpha = smoothstep(0.0, 0.06, left)
        if number:
            alpha = alpha * smoothstep(-0.5, 0.3, strands - (-0.9, -0.45)[number - 1])
        picture.put(layer, color, alpha, bias=0.03 if number == 0 else 0.0)


def _put_clothes(
    picture: Picture, posed_yaw: float, light: Light, camera: Tensor, rng: np.random.Generator
) -> None:
    points, faces, colors = clothes(rng)
    turn = 0.4 * posed_yaw
    rotation = np.array(
        [[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]]
    )
    points = (points - JOINTS[0]) @ rotation.T + JOINTS[0]
    attributes = np.concatenate([surface_normals(points[None], faces)[0], colors], axis=1)
    (layer,) = _draw(points[None], faces, attributes[None, faces], camera, len(picture.image))
    shading = np.clip(shade(light, unit(layer.values[..., :3])), 0.2, None)
    picture.put(layer, layer.values[..., 3:] * shading, np.ones(layer.hit.shape))


def _develop(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Average the oversampled image, then tone curve and sensor noise: uint8 [size, size, 3]."""
    size = len(image) // OVERSAMPLING
    image = image.reshape(size, OVERSAMPLING, size, OVERSAMPLING, 3).mean(axis=(1, 3))
    level = np.clip(image / 255 * rng.normal(1.0, 0.02), 0, 1.25)
    level = np.where(level > 0.85, 0.85 + 0.15 * np.tanh((level - 0.85) / 0.15), level)
    level = level - 0.012 * np.sin(2 * np.pi * np.clip(level, 0, 1))
    noise = rng.normal(size=image.shape) * rng.uniform(1.5, 2.8)
    grain = 0.6 * noise + 0.8 * uniform_filter(noise, (2, 2, 0))
    return np.clip(np.round(level * 255 + grain), 0, 255).astype(np.uint8)


def photograph(
    params: FlameParams,  # one row
    style: Sequence[int],  # seed of what the parameters leave open
    *,
    size: int,
) -> np.ndarray:
    """One photograph [size, size, 3], uint8 RGB, of these parameters."""
    rng = np.random.default_rng(style)
    hair = draw_hair(rng)
    light = main_light(params)
    posed = demo_flame()(params)[0].numpy().astype(np.float64)
    carry = _follow_scalp(posed)
    shells = hair.shells @ carry[:3] + carry[3]
    faces = demo_flame().faces.numpy()
    points, all_faces = posed, faces
    if hair.style.thickness:
        points = np.concatenate([posed, shells[1]])
        all_faces = np.concatenate([faces, shell_topology()[0] + len(posed)])
    shadow = lit_share(light.direction, points, all_faces)[: len(posed)]

    canvas = size * OVERSAMPLING
    picture = Picture(background(rng, canvas))
    _put_clothes(picture, float(params.pose[0, 1]), light, params.camera, rng)
    layer, color = _head_layer(posed, shadow, params, light, hair, rng, canvas)
    picture.put(layer, color, np.ones(layer.hit.shape))
    if hair.style.thickness:
        _put_hair(picture, hair, shells, light, params.camera)
    return _develop(picture.image, rng)


def photographs(
    params: FlameParams,
    ids: Sequence[int],
    *,
    size: int,
    seed: int = 0,
) -> np.ndarray:
    """Photographs [N, size, size, 3], uint8 RGB; the ids choose all that is not the face."""
    return np.stack(
        [
            photograph(params[number], [seed, int(face), 1], size=size)
            for number, face in enumerate(ids)
        ]
    )
