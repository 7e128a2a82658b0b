"""The skin of the demo head as a smooth function of two numbers, built like a clay portrait.

FLAME is licensed, so the project brings a head of its own: first a loft through horizontal sections
gives skull, jaw and neck, then small mounds and hollows of clay make the features. Everything here
is a function of (theta, t): theta is the angle around the head (0 at the nose, positive towards the
subject's left), t runs from the crown (0) over the face to the base of the neck (1).
"""

from functools import cache

import numpy as np
from scipy.interpolate import CubicSpline, PchipInterpolator
from scipy.spatial import cKDTree

# Sections from crown to neck, metres: t, then (y, z) at the front, (y, x, z) at the side,
# (y, z) at the back.
SECTIONS = np.array(
    [
        [0.000, 0.130, -0.055, 0.130, 0.000, -0.055, 0.130, -0.055],  # crown
        [0.060, 0.1265, -0.020, 0.1255, 0.033, -0.056, 0.1255, -0.091],
        [0.130, 0.111, 0.013, 0.109, 0.0575, -0.058, 0.107, -0.124],
        [0.200, 0.090, 0.035, 0.086, 0.0705, -0.059, 0.080, -0.143],  # hairline
        [0.280, 0.065, 0.0475, 0.062, 0.077, -0.060, 0.046, -0.150],  # forehead
        [0.360, 0.043, 0.0505, 0.038, 0.0775, -0.060, 0.014, -0.147],  # brows
        [0.440, 0.022, 0.0470, 0.015, 0.0750, -0.058, -0.014, -0.138],  # eyes
        [0.520, -0.002, 0.0470, -0.008, 0.0720, -0.054, -0.038, -0.126],
        [0.600, -0.025, 0.0500, -0.030, 0.0680, -0.048, -0.058, -0.118],  # below the nose
        [0.670, -0.043, 0.0520, -0.048, 0.0600, -0.041, -0.071, -0.114],  # mouth
        [0.740, -0.066, 0.0515, -0.064, 0.0525, -0.036, -0.082, -0.112],
        [0.800, -0.087, 0.0480, -0.076, 0.0460, -0.036, -0.090, -0.111],  # chin, jaw line
        [0.845, -0.0985, 0.0360, -0.085, 0.0455, -0.038, -0.097, -0.111],
        [0.890, -0.1040, 0.0130, -0.095, 0.0475, -0.042, -0.105, -0.113],  # throat
        [0.930, -0.1180, -0.0010, -0.110, 0.0505, -0.048, -0.118, -0.117],
        [1.000, -0.1650, -0.0050, -0.160, 0.0640, -0.056, -0.160, -0.128],
    ]
)
SECTION_EXPONENT = 2.15  # 2 is an ellipse; a little more flattens the face

EYE_CENTER = np.array(
    [0.0315, 0.0220, 0.0229]
)  # of the subject's left eyeball; the other is mirrored
EYEBALL_RADIUS = 0.0144
LID_RADIUS = EYEBALL_RADIUS + 0.0012
EYE_OPENING = (0.0145, 0.0058, 0.0048)  # half width, height above and below the centre
EAR_CENTER = np.array([0.004, -0.064])  # (y, z)
EAR_HEIGHT, EAR_DEPTH, EAR_TILT = 0.032, 0.0175, 0.28  # half sizes; backward lean
MOUTH_Y, MOUTH_HALF_WIDTH = -0.0440, 0.0255
UPPER_LIP, LOWER_LIP = 0.0085, 0.0100  # heights of the red of the lips at the midline

# Clay: (|x|, y) of the centre, (width, height) as Gaussian sigmas, push along (x outwards, y, z).
CLAY = (
    ((0.021, 0.040), (0.013, 0.0065), (0.0, 0.0, 0.0042)),  # brow ridge
    ((0.000, 0.041), (0.009, 0.009), (0.0, 0.0, 0.0020)),  # glabella
    ((0.032, 0.070), (0.020, 0.016), (0.0, 0.0, 0.0015)),  # frontal eminence
    ((0.033, 0.021), (0.014, 0.0110), (0.0, 0.0, -0.0075)),  # eye socket
    ((0.014, 0.023), (0.006, 0.0085), (0.0, 0.0, -0.0050)),  # inner corner of the socket
    ((0.046, 0.004), (0.014, 0.0120), (0.0020, 0.0, 0.0040)),  # cheekbone
    ((0.028, -0.003), (0.010, 0.0100), (0.0, 0.0, 0.0020)),  # apple of the cheek
    ((0.047, -0.040), (0.013, 0.0180), (-0.0010, 0.0, -0.0035)),  # hollow of the cheek
    ((0.000, -0.041), (0.0210, 0.0150), (0.0, 0.0, 0.0062)),  # muzzle: teeth behind the lips
    ((0.000, -0.0325), (0.0026, 0.0050), (0.0, 0.0, -0.0011)),  # philtrum
    ((0.0055, -0.0325), (0.0022, 0.0050), (0.0, 0.0, 0.0007)),  # its ridges
    ((0.031, -0.0455), (0.0055, 0.0070), (0.0, 0.0, -0.0022)),  # corner of the mouth
    ((0.000, -0.0620), (0.0160, 0.0050), (0.0, 0.0, -0.0040)),  # fold above the chin
    ((0.000, -0.0840), (0.0125, 0.0110), (0.0, -0.001, 0.0075)),  # chin
    ((0.027, -0.0780), (0.0120, 0.0100), (0.0, 0.0, 0.0010)),
    ((0.062, 0.045), (0.0120, 0.0160), (-0.0015, 0.0, -0.0015)),  # temple
    ((0.0130, -0.0165), (0.0046, 0.0046), (0.0008, 0.0, 0.0100)),  # wing of the nose
    ((0.0215, -0.0180), (0.0026, 0.0070), (0.0, 0.0, -0.0020)),  # crease beside the wing
    ((0.0066, -0.0228), (0.0030, 0.0020), (0.0, 0.0012, -0.0036)),  # nostril
    ((0.000, -0.0225), (0.0022, 0.0030), (0.0, -0.001, 0.0020)),  # columella
)

# The bridge of the nose down the midline: y, height above the face, half width.
NOSE = np.array(
    [
        [0.060, 0.0000, 0.0060],
        [0.036, 0.0010, 0.0062],
        [0.026, 0.0030, 0.0060],
        [0.016, 0.0080, 0.0068],
        [0.004, 0.0165, 0.0078],
        [-0.006, 0.0240, 0.0090],
        [-0.0125, 0.0275, 0.0092],
        [-0.0175, 0.0245, 0.0090],
        [-0.0220, 0.0140, 0.0075],
        [-0.0260, 0.0020, 0.0075],
        [-0.0320, 0.0000, 0.0070],
        [-0.0600, 0.0000, 0.0070],
    ]
)


def gaussian(x, width):
    """A bell of height 1 and standard deviation `width`."""
    return np.exp(-0.5 * (x / width) ** 2)


def smoothstep(low, high, x):
    """0 below `low`, 1 above `high`, an S curve between."""
    s = np.clip((x - low) / (high - low), 0, 1)
    return s * s * (3 - 2 * s)


def grid_triangles(rows: int, columns: int) -> np.ndarray:
    """Triangles [F, 3] between the vertices of a grid, numbered row by row."""
    number = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = number[:-1, :-1], number[:-1, 1:], number[1:, :-1], number[1:, 1:]
    return np.concatenate([np.stack([a, c, b], -1), np.stack([b, c, d], -1)]).reshape(-1, 3)


def smooth_maximum(a, b, softness):
    """The larger of a and b with the edge rounded over about `softness`."""
    return 0.5 * (a + b + np.sqrt((a - b) ** 2 + softness**2))


def _section_curves():
    """One spline over t for the seven section columns; the crown is horizontal, not pointed."""
    t, values = SECTIONS[:, 0], SECTIONS[:, 1:]
    start = np.gradient(values[:3], t[:3], axis=0, edge_order=2)[0]
    start[[0, 2, 5]] = 0  # the y columns leave the crown horizontally
    end = (values[-1] - values[-2]) / (t[-1] - t[-2])
    return CubicSpline(t, values, bc_type=((1, start), (1, end)))


_CURVES = _section_curves()


def loft(theta, t):
    """The head without features: [..., 3] for angles `theta` and heights `t`."""
    front_y, front_z, side_y, side_x, side_z, back_y, back_z = np.moveaxis(_CURVES(t), -1, 0)
    sine, cosine = np.sin(theta), np.cos(theta)
    is_front = cosine > 0
    depth = np.where(is_front, front_z - side_z, side_z - back_z)
    power = SECTION_EXPONENT
    tiny = 1e-6
    radius = (
        (np.abs(sine) / np.maximum(side_x, tiny)) ** power
        + (np.abs(cosine) / np.maximum(depth, tiny)) ** power
    ) ** (-1 / power)
    y = side_y + np.where(is_front, front_y - side_y, back_y - side_y) * cosine**2
    return np.stack([radius * sine, y, side_z + radius * cosine], axis=-1)


@cache
def _loft_samples(theta_range: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """(theta, t) [M, 2] over one side of the head, and the points [M, 3] of the loft there."""
    theta, t = np.meshgrid(np.linspace(*theta_range, 140), np.linspace(0.15, 0.98, 260))
    places = np.stack([theta.ravel(), t.ravel()], axis=1)
    return places, loft(*places.T)


def _invert_loft(wanted, axes, theta_range):
    """The (theta, t) [N, 2] where two coordinates of the loft are `wanted` [N, 2]: Newton's method.

    It starts at the nearest sample, which is close enough for three steps to reach a micrometre.
    """
    places, points = _loft_samples(theta_range)
    found = places[cKDTree(points[:, axes]).query(wanted)[1]]
    for _ in range(3):
        here = loft(*found.T)[:, axes]
        slopes = [(loft(*(found + step).T)[:, axes] - here) / 1e-5 for step in 1e-5 * np.eye(2)]
        jacobian = np.stack(slopes, axis=-1)
        found = found + np.linalg.solve(jacobian, (wanted - here)[..., None])[..., 0]
    return found


def locate_front(x, y):
    """The (theta, t) [N, 2] at which the face passes through (x, y)."""
    return _invert_loft(np.stack([x, y], axis=1), (0, 1), (-1.4, 1.4))


def locate_ear(back, up):
    """The (theta, t) [N, 2] under a place of the left ear's outline, in its own coordinates."""
    y = EAR_CENTER[0] + EAR_HEIGHT * up
    z = EAR_CENTER[1] - EAR_DEPTH * (back + EAR_TILT * up)
    return _invert_loft(np.stack([z, y], axis=1), (2, 1), (0.9, 2.6))


def mouth_line(x):
    """Height of the closed mouth over x: a shallow bow with corners slightly lower."""
    return MOUTH_Y + 0.0012 * gaussian(x, 0.006) * -1 - 0.9 * x**2


def lip_heights(x):
    """Heights of the upper (with cupid's bow) and the lower red of the lips over x."""
    taper = np.sqrt(np.clip(1 - (x / MOUTH_HALF_WIDTH) ** 2, 0, 1))
    upper = UPPER_LIP * (taper**1.1 - 0.20 * gaussian(x, 0.0032) * taper)
    return upper, LOWER_LIP * taper


def _lips(x, y):
    """Push along z that raises the two lips and draws the line between them in."""
    upper, lower = lip_heights(x)
    side = smoothstep(1.12, 0.75, np.abs(x) / MOUTH_HALF_WIDTH)
    above = y - mouth_line(x)
    ridge_up = gaussian(above - 0.45 * upper, 0.0036) * 0.0048
    ridge_low = gaussian(above + 0.52 * lower, 0.0040) * 0.0046
    groove = gaussian(above, 0.0016) * -0.0034
    return side * (ridge_up + ridge_low + groove)


def _nose(x, y):
    """Push along z of the bridge and the tip of the nose."""
    curves = PchipInterpolator(NOSE[::-1, 0], NOSE[::-1, 1:])
    height, width = np.moveaxis(curves(np.clip(y, -0.06, 0.06)), -1, 0)
    return height * np.exp(-0.5 * (np.abs(x) / width) ** 2.3)


def ear_outline(reach, angle):
    """A place of the ear at `reach` (1 on the outline) and `angle`: (back, up)."""
    up = reach * np.sin(angle)
    return reach * np.cos(angle) / (1 + 0.35 * smoothstep(0.2, -1.0, up)), up


def _in_ear(points):
    """The same coordinates of points of the loft: (back, up)."""
    up = (points[:, 1] - EAR_CENTER[0]) / EAR_HEIGHT
    return -(points[:, 2] - EAR_CENTER[1]) / EAR_DEPTH - EAR_TILT * up, up


def ear_reach(points):
    """How far from the middle of the ear points of the loft are; 1 on the ear's outline."""
    back, up = _in_ear(points)
    return np.hypot(back * (1 + 0.35 * smoothstep(0.2, -1.0, up)), up)


def _ears(points, theta):
    """Displacement [N, 3] of the ear flaps: attached in front, standing off the skull behind."""
    (back, up), reach = _in_ear(points), ear_reach(points)
    flap = smoothstep(1.13, 0.84, reach) * (np.abs(np.sin(theta)) > 0.6)
    lift = 0.0030 + 0.0095 * smoothstep(-1.0, 0.7, back)
    lift += 0.0022 * gaussian(reach - 0.88, 0.07) - 0.0022 * gaussian(reach - 0.70, 0.07)
    lift += 0.0015 * gaussian(np.hypot(back - 0.25, up), 0.22)
    lift -= 0.0095 * gaussian(np.hypot(back + 0.20, up + 0.18), 0.26)
    lift += 0.0040 * gaussian(np.hypot(back + 0.80, up + 0.15), 0.16)
    lift *= 1 - 0.4 * smoothstep(-0.3, -1.0, up)
    sweep = flap * smoothstep(-0.6, 0.9, back)
    return np.stack([np.sign(points[:, 0]) * flap * lift, 0.003 * sweep * up, -0.012 * sweep], 1)


def lid_gap(x, y):
    """Distance across the image plane from the nearer eyeball's axis."""
    return np.hypot(np.abs(x) - EYE_CENTER[0], y - EYE_CENTER[1])


def opening_profile(across):
    """Share of its height that the eye opening has at `across` (-1..1 between its corners)."""
    return np.clip(1 - across**2, 0, 1) ** 0.625


def lid_heights(x, y):
    """Metres above the upper and below the lower rim of the nearer eye opening, and |across|."""
    half_width, above, below = EYE_OPENING
    across = (np.abs(x) - EYE_CENTER[0]) / half_width
    rise = y - EYE_CENTER[1] - 0.0008 * across
    profile = opening_profile(across)
    return rise - above * profile, -below * profile - rise, np.abs(across)


def skin(theta, t):
    """Positions [N, 3] in metres of the skin with all its features."""
    base = loft(theta, t)
    x, y = base[:, 0], base[:, 1]
    facing = smoothstep(0.0, 0.35, np.cos(theta)) * smoothstep(0.93, 0.86, t)
    push = np.zeros_like(base)
    for (cx, cy), (width, height), (dx, dy, dz) in CLAY:
        for sign in (1, -1) if cx else (1,):
            bell = gaussian(x - sign * cx, width) * gaussian(y - cy, height)
            push += bell[:, None] * [sign * dx, dy, dz]
    push[:, 2] += _nose(x, y) + _lips(x, y)
    points = base + facing[:, None] * push + _ears(base, theta)

    gap = lid_gap(x, y)
    ball = EYE_CENTER[2] + np.sqrt(np.clip(LID_RADIUS**2 - gap**2, 0, None))
    lid = smooth_maximum(points[:, 2], ball, 0.0022)
    crease = (
        -0.0016
        * gaussian(y - EYE_CENTER[1] - 0.0095 + 8 * (np.abs(x) - EYE_CENTER[0]) ** 2, 0.0012)
        * gaussian(np.abs(x) - EYE_CENTER[0], 0.010)
    )
    near = facing * smoothstep(1.25, 0.98, gap / LID_RADIUS)
    points[:, 2] += near * (lid - points[:, 2]) + facing * crease
    return points
