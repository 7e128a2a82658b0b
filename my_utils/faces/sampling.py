"""Which faces to draw: FlameParams made from explicit seeds and from faces of the data set."""

from collections.abc import Sequence

import numpy as np
import torch
from scipy.spatial.transform import Rotation, Slerp
from torch import Tensor

from constants import EXPRESSION_DIM, FLAME_SLICES, SHAPE_DIM, TEXTURE_DIM
from model.camera import center_eyes
from model.flame import FLAME, FlameParams
from my_utils.errors import UserError

PUBLISHED_SEED = 2  # of NumPy and torch in the published sampling
PUBLISHED_STYLES = 65_000  # style ids among which the published Figure 3 draws
PAIR_OFFSET = 2000  # published distance between the two faces of a pair in the data set
# Order in which the paper's Figure 3 hands one face's factors over to another.
FIGURE3_FACTORS = ("shape", "expression", "pose", "texture", "lighting")


def random_params(
    seeds: Sequence[int],
    scenes: FlameParams,  # faces that lend their lighting, one drawn per seed
    *,
    components: int = 3,
    yaw_degrees: float = 22.5,
    jaw_degrees: float = 15.0,
) -> FlameParams:
    """Random people in the ranges of the published samples, one random stream per seed.

    The first `components` shape and expression coefficients and all texture coefficients are
    N(0, 1), yaw is uniform in +-`yaw_degrees`, the jaw opens by 0 to `jaw_degrees`. The camera is
    the one of the drawn scene; `center_eyes` replaces it.

    Returns:
        len(seeds) rows; row k depends on seeds[k] alone.
    """
    rows = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        row = scenes[[int(rng.integers(len(scenes)))]]
        shape, expression = torch.zeros_like(row.shape), torch.zeros_like(row.expression)
        shape[0, :components] = torch.from_numpy(rng.standard_normal(components))
        expression[0, :components] = torch.from_numpy(rng.standard_normal(components))
        pose = torch.zeros_like(row.pose)
        pose[0, 1] = np.deg2rad(rng.uniform(-yaw_degrees, yaw_degrees))
        pose[0, 3] = np.deg2rad(rng.uniform(0, jaw_degrees))
        texture = torch.from_numpy(rng.standard_normal(row.texture.shape)).to(row.texture)
        rows.append(row.replace(shape=shape, expression=expression, pose=pose, texture=texture))
    return FlameParams.cat(rows) if rows else scenes[:0]


def of_one_person(params: FlameParams, own: FlameParams) -> FlameParams:
    """The same expressions, poses and lights on one person: shape and skin of `own`, one row."""
    count = len(params)
    return params.replace(shape=own.shape.expand(count, -1), texture=own.texture.expand(count, -1))


def published_random_params(
    scenes: FlameParams,  # faces of the data set, in file order
    *,
    style_count: int,
    count: int = 128,
) -> tuple[FlameParams, list[int]]:
    """The very people that the published code draws from its seed 2, and style ids for them.

    The ranges are those of `random_params`; camera and lighting of person k are those of face k,
    from the first again after the last. The style ids are drawn from the same seed below
    `style_count`, but are not the published ones: those came from the random stream of a GPU, which
    no CPU can give.
    """
    rng = np.random.RandomState(PUBLISHED_SEED)
    shape, expression = np.zeros((count, SHAPE_DIM)), np.zeros((count, EXPRESSION_DIM))
    pose, texture = np.zeros((count, 6)), np.zeros((count, TEXTURE_DIM))
    for row in range(count):
        shape[row, :3] = rng.standard_normal(3)
        expression[row, :3] = rng.standard_normal(3)
        pose[row, 1] = rng.uniform(-np.pi / 8, np.pi / 8)
        pose[row, 3] = rng.uniform(0, np.pi / 12)
        texture[row] = rng.standard_normal(TEXTURE_DIM)
    drawn = dict(shape=shape, expression=expression, pose=pose, texture=texture)
    params = scenes[[row % len(scenes) for row in range(count)]].replace(
        **{name: torch.from_numpy(rows).to(scenes.shape) for name, rows in drawn.items()}
    )
    style_rng = torch.Generator().manual_seed(PUBLISHED_SEED)
    return params, torch.randint(style_count, (count,), generator=style_rng).tolist()


def pair_styles(pair: int, *, seed: int, style_count: int) -> list[int]:
    """Two random style ids for a pair of faces, from the range that the published figure used."""
    styles = min(PUBLISHED_STYLES, style_count)
    return np.random.default_rng([seed, pair]).integers(styles, size=2).tolist()


def pick_pairs(pairs: Sequence[int], faces: FlameParams) -> tuple[FlameParams, FlameParams]:
    """Face A and face B of each pair: rows b and 2000 + b as published, less far in small sets."""
    offset = min(PAIR_OFFSET, len(faces) // 2)
    outside = [pair for pair in pairs if pair + offset >= len(faces)]
    if outside:
        raise UserError(
            f"--pairs {outside[0]} is too large: {len(faces)} faces give "
            f"{len(faces) - offset} pairs"
        )
    return faces[list(pairs)], faces[[pair + offset for pair in pairs]]


def parse_factors(text: str) -> list[str]:
    """Factors as written on the command line: "pose,shape" -> ["pose", "shape"]."""
    factors = text.split(",")
    if len(set(factors)) < len(factors) or not set(factors) <= set(FIGURE3_FACTORS):
        raise UserError(
            f"--factors {text!r} must name different ones of {', '.join(FIGURE3_FACTORS)}"
        )
    return factors


def swap_factors(
    source: FlameParams,  # N rows
    target: FlameParams,  # N rows
    flame: FLAME,
    *,
    factors: Sequence[str] = FIGURE3_FACTORS,
) -> list[FlameParams]:
    """Hand the factors of `target` over to `source` one after the other (GIF, Figure 3).

    Returns:
        len(factors) + 1 entries: `source` itself, then one more factor replaced in each. The last
        one is `target` with its own camera when every factor was handed over; the ones between
        are seen by the eye-centred camera, as published.
    """
    steps, current = [source], source
    for factor in factors:
        current = current.replace(**{factor: getattr(target, factor)})
        steps.append(center_eyes(current, flame))
    if set(factors) == set(FIGURE3_FACTORS):
        steps[-1] = target
    return steps


def interpolate_neighbours(params: FlameParams, t: float | Tensor) -> FlameParams:
    """Rows between neighbours of a batch, all in the first row's skin and light (GIF, sec. 3.3).

    Geometry, that is shape, expression, pose and camera, is `t` of the way from row k to row
    k + 1; N rows give N - 1.
    """
    between = params[:-1].lerp(params[1:], t)
    count = len(between)
    return between.replace(
        texture=params.texture[:1].expand(count, -1),
        lighting=params.lighting[:1].expand(count, -1, -1),
    )


def interpolate_path(
    keys: FlameParams,  # K rows, at least two
    steps: int,
) -> FlameParams:
    """A path through faces, `steps` of equal length from each to the next.

    Head and jaw turn steadily about one axis (geodesically), everything else moves linearly.

    Returns:
        (K - 1) * steps + 1 rows, the first and the last face included.
    """
    times = np.arange((len(keys) - 1) * steps + 1) / steps
    start = np.minimum(times.astype(int), len(keys) - 2)
    path = keys[start].lerp(keys[start + 1], torch.from_numpy(times - start))
    pose = []
    for axis_angle in keys.pose.double().split(3, dim=1):
        turn = Slerp(np.arange(len(keys)), Rotation.from_rotvec(axis_angle.numpy()))
        pose.append(torch.from_numpy(turn(times).as_rotvec()).to(keys.pose))
    return path.replace(pose=torch.cat(pose, dim=1))


def mean_face(scenes: FlameParams) -> FlameParams:
    """The mean shape, expression and skin, looking ahead, in the mean light of `scenes`: one row.

    The camera is the mean one too; `center_eyes` replaces it.
    """
    mean = scenes.to_vector().mean(dim=0, keepdim=True)
    mean[:, : FLAME_SLICES["pose"].stop] = 0
    mean[:, FLAME_SLICES["texture"]] = 0
    return FlameParams.from_vector(mean)


def single_variations(
    face: FlameParams,  # one row, such as the mean face
    scenes: FlameParams,
) -> tuple[list[str], FlameParams]:
    """The faces of GIF's Figure 1 with their names: a face with one parameter changed.

    By 3 standard deviations for the first two components of shape and of expression and the first
    of texture, by 2 for the number of the light that varies most over `scenes`; yaw to 22.5
    degrees on either side, and the jaw shut and open by 15 degrees.
    """
    light_std = scenes.lighting.flatten(1).std(dim=0, correction=0)
    light = int(light_std.argmax())
    degree, sd = np.deg2rad(1), float(light_std[light])
    changes = [  # name, parameter, place in it, two changes in a unit, which is so large
        ("shape 1", "shape", 0, (-3, 3), "sd", 1),
        ("shape 2", "shape", 1, (-3, 3), "sd", 1),
        ("expression 1", "expression", 0, (-3, 3), "sd", 1),
        ("expression 2", "expression", 1, (-3, 3), "sd", 1),
        ("yaw", "pose", 1, (-22.5, 22.5), "deg", degree),
        ("jaw", "pose", 3, (0, 15), "deg", degree),
        ("texture 1", "texture", 0, (-3, 3), "sd", 1),
        ("light", "lighting", light, (-2, 2), "sd", sd),
    ]
    names, vectors = [], []
    for name, field, place, amounts, unit, size in changes:
        for amount in amounts:
            vector = face.to_vector().clone()
            vector[0, FLAME_SLICES[field].start + place] += amount * size
            names.append(f"{name} {amount:+g} {unit}".replace("+0", "0"))
            vectors.append(vector)
    return names, FlameParams.from_vector(torch.cat(vectors))
