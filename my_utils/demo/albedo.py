"""The texture space of the demo head: a mean albedo and 50 directions, painted in UV.

Brows, lips and lashes are painted where the geometry has them, because both ask the same loft where
a texel lies on the face. The first directions mean something (skin tone, brows, lips, stubble,
freckles); the rest are smooth blotches, as in a measured texture space.
"""

from functools import cache

import numpy as np
from scipy.ndimage import gaussian_filter

from constants import TEXTURE_DIM
from model.flame import TextureSpace
from my_utils.demo.mesh import (
    DISCS,
    LEFT_EYE,
    LOWER_TEETH,
    MOUTH_BAG,
    RIGHT_EYE,
    STRIPS,
    UPPER_TEETH,
    UV_BOTTOM,
    surface_of,
)
from my_utils.demo.surface import (
    EAR_CENTER,
    EYE_CENTER,
    MOUTH_HALF_WIDTH,
    gaussian,
    lid_heights,
    lip_heights,
    loft,
    mouth_line,
    smoothstep,
)

SIZE, OVERSAMPLING = 256, 2  # painted larger and averaged
IRIS_ANGLE, PUPIL_ANGLE = 0.48, 0.18  # radians from the eye's axis
DISC_ANGLE = 2.0  # radians from the axis at the rim of an eye's UV disc
SKIN_RGB = (172.0, 130.0, 108.0)


class Canvas:
    """Where every texel lies on the head: coordinates [S, S] and masks in 0..1."""

    def __init__(self, size: int):
        self.size = size
        centers = (np.arange(size) + 0.5) / size
        self.u, self.v = np.meshgrid(centers, 1 - centers)
        self.theta, self.t = surface_of(self.u, self.v)
        points = loft(self.theta, np.clip(self.t, 0.002, 1))
        self.x, self.y, self.z = np.moveaxis(points, -1, 0)
        self.on_skin = (self.v > UV_BOTTOM - 0.008).astype(float)
        self.front = smoothstep(-0.01, 0.02, self.z) * self.on_skin
        self.away = np.abs(self.x)

    def spot(self, center, width):
        """A soft spot on both sides of the face."""
        return (
            self.front
            * gaussian(self.away - center[0], width[0])
            * gaussian(self.y - center[1], width[1])
        )

    def noise(self, rng, blur, *, stretch=1.0):
        """Smooth noise with mean 0 and standard deviation 1; `blur` in texels of 256."""
        scale = self.size / 256
        field = gaussian_filter(
            rng.normal(size=(self.size, self.size)), (blur * scale * stretch, blur * scale)
        )
        return (field - field.mean()) / field.std()


class Features:
    """Masks [S, S] of the painted features."""

    def __init__(self, c: Canvas, rng: np.random.Generator):
        above, below, across = lid_heights(c.x, c.y)
        lid_zone = c.front * smoothstep(1.25, 0.95, across)
        self.inside_eye = lid_zone * smoothstep(0.0006, -0.0006, np.maximum(above, below))
        self.lashes = lid_zone * smoothstep(0.0022, 0.0004, np.abs(above + 0.0002))
        self.lower_lashes = lid_zone * 0.5 * smoothstep(0.0014, 0.0002, np.abs(below))
        self.lid = lid_zone * (above > 0) * smoothstep(0.0070, 0.0030, above)
        self.crease = lid_zone * gaussian(above - 0.0052, 0.0007)
        self.under_eye = c.spot((0.030, 0.0105), (0.010, 0.0035))

        start, end = 0.0105, 0.0500
        along = np.clip((c.away - start) / (end - start), 0, 1)
        ridge = 0.0375 + 0.0075 * np.sin(np.pi * np.clip(along, 0, 1) ** 0.85 * 0.78)
        thickness = 0.0047 * (1 - 0.50 * along)
        body = smoothstep(1.15, 0.35, np.abs(c.y - ridge) / thickness)
        ends = smoothstep(start - 0.003, start + 0.008, c.away) * smoothstep(
            end, end - 0.012, c.away
        )
        strands = 0.94 + 0.12 * c.noise(rng, 0.5, stretch=2.0)
        self.brows = c.front * body * ends * np.clip(strands, 0.2, 1.2)

        upper, lower = lip_heights(c.x)
        lift = c.y - mouth_line(c.x)
        width = smoothstep(1.02, 0.90, c.away / MOUTH_HALF_WIDTH)
        edge = 0.0009
        self.upper_lip = (
            c.front * width * smoothstep(upper + edge, upper - edge, lift) * (lift >= 0)
        )
        self.lower_lip = (
            c.front * width * smoothstep(lower + edge, lower - edge, -lift) * (lift < 0)
        )
        self.lips = self.upper_lip + self.lower_lip
        self.lip_line = (
            c.front * smoothstep(1.1, 0.9, c.away / MOUTH_HALF_WIDTH) * gaussian(lift, 0.0007)
        )
        self.nostrils = c.spot((0.0066, -0.0230), (0.0024, 0.0011))
        self.wing_crease = c.spot((0.0185, -0.0170), (0.0016, 0.0050))
        self.nose = c.spot((0.0, -0.010), (0.010, 0.009))
        self.cheeks = c.spot((0.036, -0.010), (0.014, 0.012))
        self.chin = c.spot((0.0, -0.083), (0.014, 0.010))
        self.ears = gaussian(c.y - EAR_CENTER[0], 0.03) * gaussian(c.z - EAR_CENTER[1], 0.018)
        self.ears *= (c.away > 0.05) * c.on_skin
        self.forehead = c.spot((0.0, 0.070), (0.040, 0.016))
        beard = smoothstep(-0.020, -0.034, c.y + 0.28 * np.clip(c.z + 0.01, -1, 0.0))
        cheek_free = 1 - 0.9 * gaussian(c.away - 0.040, 0.014) * gaussian(c.y + 0.026, 0.016)
        beard *= cheek_free * smoothstep(0.93, 0.86, c.t) * smoothstep(-0.055, -0.02, c.z)
        self.stubble = beard * c.on_skin * (1 - np.clip(1.4 * self.lips, 0, 1))
        self.scalp = c.on_skin * smoothstep(0.060, 0.095, c.y + 0.45 * np.clip(-c.z, 0, 0.1))
        folds = gaussian(c.away - 0.023 - 0.30 * (-0.020 - c.y), 0.0014) * gaussian(
            c.y + 0.033, 0.008
        )
        rows = sum(gaussian(c.y - y + 2.5 * c.x**2, 0.0009) for y in (0.058, 0.067, 0.077))
        crow = sum(
            gaussian(c.y - EYE_CENTER[1] + k * (c.away - 0.047), 0.0008) for k in (0.5, 0.0, -0.5)
        ) * gaussian(c.away - 0.054, 0.005)
        self.wrinkles = c.front * (folds + 0.7 * rows * gaussian(c.x, 0.035) + 0.6 * crow)


def _mix(image, color, mask):
    """Paint `color` over `image` in place where `mask` is above 0."""
    image += np.clip(mask, 0, 1)[..., None] * (np.asarray(color, float) - image)


def _paint_eyes(c: Canvas, image: np.ndarray) -> np.ndarray:
    """Two discs with pupil, iris and white; returns the mask of the whites."""
    whites = np.zeros_like(c.u)
    for part in (LEFT_EYE, RIGHT_EYE):
        u, v, radius = DISCS[part]
        right, up = (c.u - u) / radius, (c.v - v) / radius
        angle = np.hypot(right, up) * DISC_ANGLE
        disc = smoothstep(1.16 * DISC_ANGLE, 1.12 * DISC_ANGLE, angle)
        redness = smoothstep(0.55, 1.15, np.abs(right) * DISC_ANGLE)
        white = np.array([226.0, 219, 213]) - redness[..., None] * np.array([14.0, 52, 56])
        white *= (1 - 0.30 * smoothstep(0.10, 0.42, up * DISC_ANGLE))[..., None]
        _mix(image, white, disc)
        around = np.arctan2(up, right)
        fibres = 1 + 0.10 * np.sin(23 * around) + 0.07 * np.sin(41 * around + 1.3)
        shade = fibres * (1.20 - 0.45 * smoothstep(0.20, IRIS_ANGLE, angle))
        iris = shade[..., None] * np.array([104.0, 78, 56])
        soft = 0.035
        _mix(image, (46, 36, 32), smoothstep(IRIS_ANGLE + soft, IRIS_ANGLE - soft, angle))
        _mix(image, iris, smoothstep(IRIS_ANGLE - 0.02, IRIS_ANGLE - 0.09, angle))
        _mix(image, (14, 11, 11), smoothstep(PUPIL_ANGLE + soft, PUPIL_ANGLE - soft, angle))
        whites += disc
    return whites


def _paint_mouth_inside(c: Canvas, image: np.ndarray) -> np.ndarray:
    """The bag behind the lips and the two rows of teeth; returns their mask."""
    u, v, radius = DISCS[MOUTH_BAG]
    reach = np.hypot(c.u - u, c.v - v) / radius
    bag = smoothstep(1.16, 1.12, reach)
    depth = smoothstep(1.0, 0.35, reach)[..., None]
    _mix(image, np.array([150.0, 74, 70]) * (1 - depth) + depth * np.array([38.0, 14, 14]), bag)
    for part in (UPPER_TEETH, LOWER_TEETH):
        left, bottom, width, height = STRIPS[part]
        across, up = (c.u - left) / width, (c.v - bottom) / height
        strip = (np.abs(across - 0.5) < 0.53) & (np.abs(up - 0.5) < 0.62)
        from_gum = 1 - up if part == UPPER_TEETH else up
        gap = np.abs(np.sin(np.pi * 11 * (across - 0.5) + np.pi / 2))
        tooth = np.array([228.0, 219, 202]) * (0.72 + 0.28 * smoothstep(0.0, 0.30, gap))[..., None]
        tooth = tooth * (1 - 0.55 * np.abs(2 * across - 1) ** 2)[..., None]
        gum = smoothstep(0.34, 0.24, from_gum + 0.10 * (1 - gap))
        _mix(image, tooth, strip)
        _mix(image, (176, 98, 92), gum * strip)
        bag = np.maximum(bag, strip)
    return bag


def _paint_mean(c: Canvas, f: Features, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The mean albedo, RGB, and how far skin tone changes each texel."""
    image = np.ones((c.size, c.size, 3)) * SKIN_RGB
    for blur, strength in ((12, 2.0), (3, 1.6), (0.9, 1.8)):
        image += strength * c.noise(rng, blur)[..., None] * [1.0, 1.05, 1.05]
    image += (0.9 * f.nose + 0.8 * f.cheeks + 0.5 * f.chin + 0.9 * f.ears)[..., None] * [9, -7, -6]
    image += f.forehead[..., None] * [5, 5, 4]
    image -= f.stubble[..., None] * [7, 5, 3]
    image -= f.scalp[..., None] * [12, 12, 11]
    image -= f.under_eye[..., None] * [13, 13, 7]
    image -= f.lid[..., None] * [12, 16, 13]
    image -= (f.crease + 0.7 * f.wing_crease)[..., None] * [34, 34, 30]
    image -= 0.35 * f.wrinkles[..., None] * [22, 22, 19]
    tone = c.on_skin * (1 - 0.45 * np.clip(f.lips, 0, 1)) * (1 - 0.75 * np.clip(f.brows, 0, 1))
    _mix(image, (60, 43, 35), 0.90 * f.brows)
    _mix(image, (158, 86, 82), 0.86 * f.upper_lip)
    _mix(image, (172, 97, 91), 0.86 * f.lower_lip)
    _mix(image, (78, 32, 32), 0.75 * f.lip_line)
    _mix(image, (52, 28, 24), 0.85 * f.nostrils)
    _mix(image, (150, 90, 82), f.inside_eye)
    _mix(image, (34, 24, 22), 0.88 * f.lashes)
    _mix(image, (70, 46, 40), f.lower_lashes)
    tone = tone * (1 - 0.8 * np.clip(f.lashes + f.inside_eye + f.nostrils, 0, 1))
    islands = np.clip(_paint_eyes(c, image) + _paint_mouth_inside(c, image), 0, 1)
    return image, tone * (1 - islands)


def _paint_directions(
    c: Canvas, f: Features, tone: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """The 50 directions, RGB, per standard deviation: [256, 256, 3, 50]."""
    skin = tone * c.on_skin
    freckles = smoothstep(1.3, 2.2, c.noise(rng, 0.8)) * np.clip(
        c.spot((0.026, -0.004), (0.020, 0.014)) + 0.3 * f.forehead, 0, 1
    )
    painted = (
        (skin, (-24.0, -25.0, -24.0)),
        (skin, (3.0, -0.5, -5.0)),
        (f.brows, (-17, -14, -12)),
        (f.stubble, (-11, -9, -6)),
        (f.lips, (6, -9, -6)),
        (f.cheeks + 0.5 * f.nose, (4, -5, -4)),
        (f.brows, (11, 6, 2)),
        (freckles, (-12, -14, -13)),
        (f.under_eye + 0.5 * f.lid, (-6, -7, -3)),
        (f.lid, (-9, -9, -4)),
        (f.wrinkles, (-9, -9, -8)),
        (f.scalp, (-9, -9, -9)),
        (f.lips, (-9, -7, -5)),
        (f.lashes + f.lower_lashes, (-10, -8, -8)),
        (skin * f.forehead, (6, 6, 6)),
        (f.nose + f.ears + f.chin, (6, -4, -4)),
    )
    directions = [_shrink(mask[..., None] * np.array(color, float)) for mask, color in painted]
    small, skin = Canvas(SIZE), _shrink(skin)
    for number in range(TEXTURE_DIM - len(directions)):
        blotches = small.noise(rng, 14 * 0.94**number) * 1.3 * 0.96**number
        color = np.array([1.0, 1.0, 1.0]) + 0.15 * rng.normal(size=3)
        directions.append((blotches * skin)[..., None] * color)
    return np.stack(directions, axis=-1)


def _shrink(image):
    """Painted image, averaged to the size of the texture space."""
    shape = (SIZE, OVERSAMPLING, SIZE, OVERSAMPLING, *image.shape[2:])
    return image.reshape(shape).mean(axis=(1, 3))


@cache
def texture_space() -> TextureSpace:
    """The demo's texture space: 256 x 256, 50 components, in half precision as in its file."""
    rng = np.random.default_rng(3)
    canvas = Canvas(SIZE * OVERSAMPLING)
    features = Features(canvas, rng)
    mean, tone = _paint_mean(canvas, features, rng)
    directions = _paint_directions(canvas, features, tone, rng)
    return TextureSpace(*(_as_in_file(image) for image in (_shrink(mean), directions)))


def _as_in_file(image):
    """BGR, rounded to half precision."""
    return image[:, :, ::-1].astype(np.float16).astype(np.float32)


@cache
def face_mask() -> np.ndarray:
    """The texels of the face without scalp, neck and ears: uint8 [256, 256], 0 or 255."""
    c = Canvas(SIZE)
    below_hair = c.y < 0.078 - 6.0 * c.x**2
    above_throat = c.t < 0.815
    in_front = c.z > -0.005 + 0.30 * np.clip(-0.03 - c.y, 0, 1)
    face = below_hair & above_throat & in_front & (c.on_skin > 0) & (np.abs(c.theta) < 1.6)
    for part in (LEFT_EYE, RIGHT_EYE):
        u, v, radius = DISCS[part]
        face |= np.hypot(c.u - u, c.v - v) < radius
    return np.where(face, 255, 0).astype(np.uint8)
