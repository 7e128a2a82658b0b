"""How the demo head varies: identity and expression directions, joints, skinning, correctives.

A direction is a displacement of all vertices per standard deviation. The first ones are made by
hand and mean something (a wider jaw, a smile); the rest are smooth noise of shrinking amplitude, so
that the head has as many directions as FLAME's file.
"""

from functools import cache

import numpy as np
from scipy.optimize import nnls

from model.flame import FlameAssets
from my_utils.demo.mesh import (
    LEFT_EYE,
    LID_MARGIN,
    LOWER_TEETH,
    MOUTH_BAG,
    RIGHT_EYE,
    SKIN,
    UPPER_TEETH,
    HeadMesh,
    head_mesh,
)
from my_utils.demo.surface import (
    EYE_CENTER,
    EYE_OPENING,
    LID_RADIUS,
    MOUTH_HALF_WIDTH,
    MOUTH_Y,
    gaussian,
    lid_gap,
    lid_heights,
    opening_profile,
    smoothstep,
)

IDENTITY_COUNT, EXPRESSION_COUNT = 300, 100
JOINTS = np.array(
    [
        [0.0, -0.150, -0.068],  # root
        [0.0, -0.105, -0.050],  # neck
        [0.0, -0.004, -0.042],  # jaw: the axis through both jaw joints, in front of the ears
        EYE_CENTER,
        EYE_CENTER * [-1, 1, 1],
    ]
)
PARENTS = np.array([-1, 0, 1, 1, 1])
ROOT, NECK, JAW = 0, 1, 2
WAVES = 24  # of which a field of smooth noise is made


class Sculptor:
    """The places and masks of the head in which directions are expressed; all arrays have V rows.

    What lies under the skin would cut through it if it did not move along with it. So identity is a
    field sampled at `anchor`: the vertex itself on open skin, the centre of the eye for an eyeball
    and its lids, which move as a whole, and for teeth the plane of the mouth in which they lie
    beside each other, so that they get broad and narrow with the cheeks before them.
    """

    def __init__(self, mesh: HeadMesh):
        self.mesh = mesh
        self.points = mesh.vertices
        self.side = np.tanh(self.points[:, 0] / 0.004)
        inner = np.isin(mesh.parts, (MOUTH_BAG, UPPER_TEETH, LOWER_TEETH))
        self.inner = inner
        self.is_skin = np.isin(mesh.parts, (SKIN, LID_MARGIN))
        self.front = smoothstep(-0.02, 0.02, self.points[:, 2])
        self.upper = np.where(self.is_skin, (1 + mesh.lip_side) / 2, mesh.lip_side > 0)
        self.lower = np.where(self.is_skin, (1 - mesh.lip_side) / 2, mesh.lip_side < 0)
        eye = np.isin(mesh.parts, (LEFT_EYE, RIGHT_EYE, LID_MARGIN))
        gap = lid_gap(self.points[:, 0], self.points[:, 1])
        self.eye = np.where(eye, 1, self.front * smoothstep(0.026, 0.0145, gap))
        centers = EYE_CENTER * np.stack(
            [np.sign(self.points[:, 0]), np.ones(len(gap)), np.ones(len(gap))], 1
        )
        anchor = self.points + self.eye[:, None] * (centers - self.points)
        anchor[inner, 1:] = MOUTH_Y, 0.055
        self.anchor = anchor

    def bump(self, center, width, move, *, sides=(1, -1), on=None):
        """A soft push [V, 3] at |x|, y of `center`; `move` is (outwards, up, forwards) metres."""
        x, y, z = (self.anchor if on is None else on).T
        total = np.zeros((len(x), 3))
        for side in sides if center[0] else (1,):
            bell = gaussian(x - side * center[0], width[0]) * gaussian(y - center[1], width[1])
            bell *= smoothstep(-0.05, 0.01, z)
            outwards = side if center[0] else np.tanh(x / 0.008)
            total += np.stack([bell * outwards * move[0], bell * move[1], bell * move[2]], 1)
        return total

    def lids(self, upper, lower):
        """Move the rims [V, 3] towards each other by these shares of the opening."""
        x, y, _ = self.points.T
        above, below, across = lid_heights(x, y)
        skin = self.is_skin * self.front
        is_upper = skin * (above > below) * smoothstep(0.0145, 0.0, above)
        is_lower = skin * (above <= below) * smoothstep(0.0120, 0.0, below)
        opening = (EYE_OPENING[1] + EYE_OPENING[2]) * opening_profile(across)
        dy = opening * (lower * is_lower - upper * is_upper)
        ball = LID_RADIUS**2 - (across * EYE_OPENING[0]) ** 2
        rise = y - EYE_CENTER[1]
        depth = [np.sqrt(np.clip(ball - h**2, 1e-6, None)) for h in (rise, rise + dy)]
        return np.stack([np.zeros_like(dy), dy, (depth[1] - depth[0]) + 0.02 * np.abs(dy)], 1)


def identity_directions(s: Sculptor) -> list[np.ndarray]:
    """The identity directions with a meaning, most visible first: [V, 3] metres each."""
    x, y, z = s.anchor.T
    zero = np.zeros_like(x)
    below = smoothstep(0.03, -0.10, y)
    skull = smoothstep(-0.02, 0.10, y)
    ear = gaussian(y - 0.004, 0.03) * gaussian(z + 0.066, 0.02) * smoothstep(0.070, 0.085, abs(x))
    cheek_width = 0.040 * x * gaussian(y + 0.035, 0.045)
    return [
        np.stack([0.030 * x, zero, 0.006 * z], 1),  # broad, narrow
        np.stack([-0.012 * x * below, -0.0060 * below, zero], 1),  # long, short face
        s.bump((0.046, -0.068), (0.022, 0.026), (0.0042, -0.0010, 0.0010)),  # jaw
        s.bump((0.044, -0.022), (0.020, 0.024), (0.0030, 0, 0.0034))
        + np.stack([0.3 * cheek_width, zero, zero], 1),  # full, hollow cheeks
        s.bump((0, -0.012), (0.0105, 0.0130), (0, -0.0011, 0.0025)),  # projection of the nose
        s.bump((0.012, -0.015), (0.009, 0.010), (0.0017, 0, 0.0004)),  # width of the nose
        s.bump((0, -0.078), (0.020, 0.016), (0, -0.0010, 0.0036)),  # chin
        s.bump((0.018, 0.040), (0.020, 0.009), (0, -0.0010, 0.0026)),  # brow ridge
        np.stack(
            [zero, zero, -0.0060 * gaussian(y - 0.095, 0.025) * smoothstep(-0.06, 0.03, z)], 1
        ),
        s.bump((0, -0.0375), (0.018, 0.0045), (0, 0.0007, 0.0014), on=s.points) * s.is_skin[:, None]
        + s.bump((0, -0.0515), (0.018, 0.0050), (0, -0.0008, 0.0015), on=s.points)
        * s.is_skin[:, None],  # full lips
        s.lids(-0.09, -0.05),  # large eyes
        s.bump((0.0315, 0.022), (0.020, 0.020), (0.0008, 0, 0)),  # eyes apart
        np.stack([0.07 * x * smoothstep(-0.08, -0.12, y), zero, zero], 1),  # neck
        s.bump((0.022, MOUTH_Y), (0.012, 0.014), (0.0019, 0, -0.0004)),  # wide mouth
        s.bump((0, 0.012), (0.007, 0.012), (0, 0, 0.0024)),  # bridge of the nose
        np.stack([zero, 0.0060 * skull, zero], 1),  # high skull
        np.stack([np.sign(x) * 0.0045 * ear, zero, -0.001 * ear], 1),  # ears stand off
        np.stack([zero, zero, 0.05 * (z + 0.05) * smoothstep(0.0, -0.10, z)], 1),  # deep skull
        s.bump((0.026, 0.041), (0.018, 0.007), (0, 0.0020, 0)),  # high brows
        s.bump((0.045, 0.022), (0.010, 0.012), (0, 0.0014, 0)),  # slanted eyes
        s.bump((0, -0.014), (0.012, 0.014), (0, 0.0022, 0)),  # snub nose
        s.bump((0, -0.032), (0.022, 0.009), (0, -0.0018, 0.0006), on=s.anchor),  # long upper lip
        np.stack([0.0016 * smoothstep(0.03, -0.09, y) * smoothstep(-0.03, 0.04, z), zero, zero], 1),
    ]


def expression_directions(s: Sculptor) -> list[np.ndarray]:
    """The expression directions with a meaning: [V, 3] metres each."""
    points, skin = s.points, s.is_skin[:, None]
    upper, lower = s.upper[:, None] * skin, s.lower[:, None] * skin
    corner = (MOUTH_HALF_WIDTH, MOUTH_Y)

    def at(center, width, move, **options):
        return skin * s.bump(center, width, move, on=points, **options)

    def smile(**options):
        pull = at(corner, (0.0105, 0.0110), (0.0034, 0.0032, -0.0024), **options)
        pull += at((0.012, MOUTH_Y), (0.009, 0.012), (0.0010, 0.0004, -0.0012), **options)
        fold = at((0.034, -0.024), (0.008, 0.014), (0.0012, 0.0014, 0.0014), **options)
        return pull + fold + at((0.036, -0.002), (0.014, 0.011), (0, 0.0016, 0.0016), **options)

    part_up = upper * s.bump((0, MOUTH_Y + 0.004), (0.0125, 0.011), (0, 0.0020, 0.0002), on=points)
    part_low = lower * s.bump((0, MOUTH_Y - 0.006), (0.0135, 0.013), (0, -0.0024, 0), on=points)
    pucker = at(corner, (0.011, 0.012), (-0.0034, 0, 0.0018))
    pucker += at((0, MOUTH_Y), (0.013, 0.009), (0, 0, 0.0034))
    frown = at((0.014, 0.041), (0.010, 0.0075), (-0.0014, -0.0026, 0.0008))
    sneer = at((0.013, -0.016), (0.007, 0.008), (0.0008, 0.0018, 0.0004))
    brows = at((0.026, 0.044), (0.020, 0.0100), (0, 0.0034, 0.0003))
    return [
        smile() + 0.45 * part_up + 0.30 * part_low + s.lids(0.04, 0.10),
        part_up + part_low,
        pucker,
        brows + s.lids(-0.06, 0),
        frown + s.lids(0.05, 0.02),
        s.lids(0.18, 0.06),
        sneer + upper * s.bump((0, MOUTH_Y + 0.006), (0.020, 0.010), (0, 0.0016, 0), on=points),
        at((0.040, -0.036), (0.015, 0.016), (0.0030, 0, 0.0036)),
        at(corner, (0.0090, 0.0095), (0.0004, -0.0034, -0.0006)),
        smile(sides=(1,)) - 0.4 * smile(sides=(-1,)),
        s.lids(-0.09, -0.05),
        at((0, -0.070), (0.026, 0.026), (0, 0, 0)) + _sideways(points, skin, 0.0022),
        at((0.026, 0.044), (0.020, 0.010), (0, 0.0030, 0), sides=(1,))
        - at((0.026, 0.044), (0.020, 0.010), (0, 0.0015, 0), sides=(-1,)),
        lower * s.bump((0, MOUTH_Y - 0.007), (0.015, 0.006), (0, 0.0010, 0.0022), on=points),
        at((0, -0.070), (0.016, 0.012), (0, 0.0024, 0.0014)),
    ]


def _sideways(points, skin, amount):
    """Lips and chin drawn to one side."""
    bell = gaussian(points[:, 1] + 0.058, 0.022) * gaussian(points[:, 0], 0.026)
    bell = bell * smoothstep(-0.02, 0.03, points[:, 2])
    return skin * np.stack([amount * bell, 0 * bell, 0 * bell], 1)


def smooth_noise(rng, places, wavelength, *, symmetric):
    """A random smooth vector field [V, 3] of unit size, mirror symmetric if asked."""
    side = np.tanh(places[:, :1] / 0.01)
    where = np.concatenate([np.abs(places[:, :1]), places[:, 1:]], 1) if symmetric else places
    waves = rng.normal(size=(3, WAVES)) * 2 * np.pi / wavelength
    field = np.cos(where @ waves + rng.uniform(0, 2 * np.pi, WAVES)) @ rng.normal(size=(WAVES, 3))
    field *= np.sqrt(2 / WAVES)
    return field * np.concatenate([side, np.ones((len(side), 2))], 1) if symmetric else field


def shape_directions(s: Sculptor) -> np.ndarray:
    """All directions [V, 3, 400] in metres per standard deviation: identity, then expression."""
    rng = np.random.default_rng(1)
    identity, expression = identity_directions(s), expression_directions(s)
    for number in range(IDENTITY_COUNT - len(identity)):
        wavelength = 0.30 * 0.995**number
        noise = smooth_noise(rng, s.anchor, wavelength, symmetric=number % 3 < 2)
        identity.append(noise * 0.0003 * 0.985**number)
    mouth = gaussian(s.points[:, 0], 0.03) * gaussian(s.points[:, 1] - MOUTH_Y, 0.025) * s.front
    mouth = (mouth * s.is_skin)[:, None]
    for number in range(EXPRESSION_COUNT - len(expression)):
        noise = smooth_noise(rng, s.anchor, 0.12, symmetric=number % 2 == 0)
        expression.append(mouth * noise * 0.0006 * 0.97**number)
    return np.stack(identity + expression, axis=-1)[s.mesh.follows]


def skinning_weights(s: Sculptor) -> np.ndarray:
    """How much each vertex follows each joint: [V, 5], rows sum to 1."""
    x, y, z = s.points.T
    parts = s.mesh.parts
    line = MOUTH_Y + 0.36 * np.clip(0.055 - z, 0, None)
    soft = smoothstep(0.012, -0.022, y - line)
    near = np.abs(s.mesh.lip_side)
    jaw = near * (s.mesh.lip_side < 0) + (1 - near) * soft
    jaw *= smoothstep(-0.055, -0.005, z) * smoothstep(-0.135, -0.100, y)
    jaw *= 1 - smoothstep(-0.092, -0.108, y) * smoothstep(0.030, -0.005, z)
    jaw = np.where(parts == UPPER_TEETH, 0, np.where(parts == LOWER_TEETH, 1, jaw))
    root = smoothstep(-0.115, -0.155, y)
    weights = np.zeros((len(x), len(JOINTS)))
    eyes = np.stack([parts == LEFT_EYE, parts == RIGHT_EYE], 1).astype(float)
    jaw = jaw * (1 - root) * (1 - eyes.sum(1)) * (np.abs(s.eye) < 1)
    weights[:, ROOT] = root
    weights[:, JAW] = jaw
    weights[:, 3:] = eyes
    weights[:, NECK] = 1 - weights.sum(1)
    return weights[s.mesh.follows]


def joint_regressor(s: Sculptor) -> np.ndarray:
    """Weights [5, V], not negative, rows sum to 1, that give the joints from the vertices."""
    regressor = np.zeros((len(JOINTS), len(s.points)))
    skin = np.flatnonzero(s.mesh.parts == SKIN)[::4]
    for joint in (ROOT, NECK, JAW):
        near = skin[np.abs(s.points[skin, 1] - JOINTS[joint, 1]) < 0.02]
        system = np.concatenate([s.points[near], np.ones((len(near), 1))], 1).T
        regressor[joint, near], _ = nnls(system, np.append(JOINTS[joint], 1))
    for joint, part in ((3, LEFT_EYE), (4, RIGHT_EYE)):
        regressor[joint] = (s.mesh.parts == part) / (s.mesh.parts == part).sum()
    return regressor


def pose_correctives(s: Sculptor) -> np.ndarray:
    """Displacements [V, 3, 36] per entry of R - I of the joints after the root."""
    directions = np.zeros((len(s.points), 3, 36))
    skin = s.is_skin[:, None]
    hollow = skin * s.bump((0.044, -0.040), (0.014, 0.018), (-0.012, 0, -0.010), on=s.points)
    corner = skin * s.bump((MOUTH_HALF_WIDTH, MOUTH_Y), (0.007, 0.009), (-0.010, 0, 0), on=s.points)
    sine_of_opening = 9 * (JAW - 1) + 7  # row 2, column 1 of the jaw's rotation
    directions[:, :, sine_of_opening] = hollow + corner
    return directions[s.mesh.follows]


@cache
def head_assets() -> FlameAssets:
    """The demo head in the form every head has in this project."""
    mesh = head_mesh()
    sculptor = Sculptor(mesh)
    return FlameAssets(
        v_template=mesh.vertices.astype(np.float32),
        faces=mesh.faces.astype(np.int64),
        shapedirs=shape_directions(sculptor).astype(np.float32),
        posedirs=pose_correctives(sculptor).astype(np.float32),
        J_regressor=joint_regressor(sculptor).astype(np.float32),
        parents=PARENTS,
        lbs_weights=skinning_weights(sculptor).astype(np.float32),
    )
