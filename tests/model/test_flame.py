"""FLAME against a slow twin, against recordings, and the bookkeeping of its parameters."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from model.flame import FLAME, FlameParams, FlameTexture
from tests.support.recordings import open_head, texture_space
from tests.support.toy_head import toy_flame_assets, toy_texture_space


def random_params(count: int, seed: int = 0) -> FlameParams:
    generator = torch.Generator().manual_seed(seed)
    vector = torch.randn(count, 236, generator=generator)
    return FlameParams.from_vector(vector).replace(pose=0.4 * vector[:, 150:156])


@pytest.fixture(scope="module")
def flame() -> FLAME:
    return FLAME(toy_flame_assets(0))


# --- parameters -------------------------------------------------------------------------------


def test_vector_layout_is_decas():
    params = FlameParams.from_vector(torch.arange(472.0).view(2, 236))
    assert params.shape[1, 0] == 236 and params.expression[0, 0] == 100
    assert params.pose[0].tolist() == [150, 151, 152, 153, 154, 155]
    assert params.camera[0].tolist() == [156, 157, 158] and params.texture[0, -1] == 208
    assert params.lighting[0, 0].tolist() == [209, 210, 211]  # the first harmonic in RGB
    assert torch.equal(params.to_vector(), torch.arange(472.0).view(2, 236))


def test_replace_exchanges_only_the_named_field():
    params = random_params(3)
    changed = params.replace(camera=torch.ones(3, 3))
    assert torch.equal(changed.camera, torch.ones(3, 3))
    assert torch.equal(changed.shape, params.shape)
    assert not torch.equal(params.camera, changed.camera)


def test_lerp_is_linear_in_every_parameter_and_takes_one_weight_a_row():
    start, end = random_params(3, seed=1), random_params(3, seed=2)
    assert torch.equal(start.lerp(end, 0.0).to_vector(), start.to_vector())
    weights = torch.tensor([0.0, 0.25, 1.0])
    mixed = start.lerp(end, weights).to_vector()
    for row, weight in enumerate(weights):
        expected = (1 - weight) * start.to_vector()[row] + weight * end.to_vector()[row]
        torch.testing.assert_close(mixed[row], expected)


@pytest.mark.parametrize(
    ("index", "rows"),
    [(2, [2]), (-1, [3]), (slice(1, 3), [1, 2]), ([3, 0], [3, 0]), (torch.tensor([1]), [1])],
)
def test_indexing_keeps_the_batch_axis(index, rows):
    params = random_params(4)
    chosen = params[index]
    assert len(chosen) == len(rows)
    assert torch.equal(chosen.to_vector(), params.to_vector()[rows])


def test_cat_undoes_splitting():
    params = random_params(5)
    assert torch.equal(FlameParams.cat([params[:2], params[2:]]).to_vector(), params.to_vector())


def test_wrong_shapes_are_refused_with_the_shape_expected():
    with pytest.raises(ValueError, match="236"):
        FlameParams.from_vector(torch.zeros(2, 159))
    with pytest.raises(ValueError, match=r"camera must have shape \(2, 3\)"):
        random_params(2).replace(camera=torch.zeros(2, 4))


# --- the decoder ------------------------------------------------------------------------------


def decode_slowly(assets, params: FlameParams, row: int, **turned: np.ndarray) -> np.ndarray:
    """Linear blend skinning with 4 x 4 matrices, one vertex at a time, in float64.

    `turned` may hold the axis-angle of neck, left_eye and right_eye.
    """
    shapedirs = assets.shapedirs.astype(np.float64)
    shaped = (
        assets.v_template
        + shapedirs[:, :, :100] @ params.shape[row].double().numpy()
        + shapedirs[:, :, 300:350] @ params.expression[row].double().numpy()
    )
    joints = assets.J_regressor @ shaped
    pose = params.pose[row].double().numpy()
    rotations = [np.eye(3) for _ in assets.parents]
    rotations[0] = Rotation.from_rotvec(pose[:3]).as_matrix()
    rotations[2] = Rotation.from_rotvec(pose[3:]).as_matrix()
    for name, joint in (("neck", 1), ("left_eye", 3), ("right_eye", 4)):
        if name in turned:
            rotations[joint] = Rotation.from_rotvec(turned[name]).as_matrix()
    feature = np.concatenate([(rotation - np.eye(3)).ravel() for rotation in rotations[1:]])
    rest = shaped + assets.posedirs @ feature

    def matrix(rotation, translation):
        return np.block([[rotation, translation[:, None]], [np.zeros((1, 3)), np.ones((1, 1))]])

    world = []
    for joint, parent in enumerate(assets.parents):
        if joint == 0:
            world.append(matrix(rotations[0], joints[0]))
        else:
            bone = joints[joint] - joints[parent]
            world.append(world[parent] @ matrix(rotations[joint], bone))
    skin = [frame @ matrix(np.eye(3), -joint) for frame, joint in zip(world, joints, strict=True)]
    posed = np.empty_like(rest)
    for vertex, weights in enumerate(assets.lbs_weights):
        transform = sum(weight * bone for weight, bone in zip(weights, skin, strict=True))
        posed[vertex] = (transform @ np.append(rest[vertex], 1))[:3]
    return posed


def test_decoder_agrees_with_the_slow_twin(flame):
    params = random_params(2)
    vertices = flame(params)
    for row in range(2):
        expected = decode_slowly(toy_flame_assets(0), params, row)
        np.testing.assert_allclose(vertices[row].numpy(), expected, atol=1e-6)


def test_neck_and_eyes_turn_about_their_own_joints(flame):
    params, turns = random_params(2), 0.4 * np.random.default_rng(0).standard_normal((2, 9))
    neck, eyes = torch.from_numpy(turns).float().split([3, 6], dim=1)
    vertices = flame(params, neck=neck, eyes=eyes)
    for row, (x, y, z) in enumerate(turns.reshape(2, 3, 3)):
        expected = decode_slowly(toy_flame_assets(0), params, row, neck=x, left_eye=y, right_eye=z)
        np.testing.assert_allclose(vertices[row].numpy(), expected, atol=1e-6)


def test_neck_and_eyes_rest_unless_they_are_given(flame):
    params = random_params(2)
    at_rest = flame(params, neck=torch.zeros(2, 3), eyes=torch.zeros(2, 6))
    assert torch.equal(flame(params), at_rest)


def test_neutral_parameters_give_the_template(flame):
    vertices = flame(FlameParams.from_vector(torch.zeros(1, 236)))
    torch.testing.assert_close(vertices[0], flame.v_template, atol=1e-7, rtol=0)


def test_jaw_opens_the_chin_and_leaves_the_forehead(flame):
    params = FlameParams.from_vector(torch.zeros(1, 236))
    moved = flame(params.replace(pose=torch.tensor([[0, 0, 0, 0.3, 0, 0]])))[0] - flame(params)[0]
    chin = (flame.lbs_weights[:, 2] > 0.7).nonzero().squeeze(1)
    forehead = (flame.v_template[:, 1] > 0.05) & (flame.v_template[:, 2] > 0)
    assert (moved[chin, 1] < -0.001).all()  # downwards
    assert moved[forehead].abs().max() < 0.005  # pose correctives only


def test_a_batch_is_its_rows(flame):
    params = random_params(3)
    rows = torch.cat([flame(params[row]) for row in range(3)])
    torch.testing.assert_close(flame(params), rows, atol=1e-7, rtol=0)


def test_gradients_are_right():
    flame = FLAME(toy_flame_assets(0)).double()
    vector = random_params(1).to_vector().double()
    vector[:, 153:156] = 0  # the hardest place: no jaw rotation
    vector.requires_grad_()

    def outline(vector):
        return flame(FlameParams.from_vector(vector))[:, ::50]

    assert torch.autograd.gradcheck(outline, vector, eps=1e-5, atol=1e-6, fast_mode=True)


def test_the_licensed_model_stays_out_of_state_dicts(flame):
    assert not flame.state_dict() and not FlameTexture(toy_texture_space(8), 8).state_dict()


def test_too_few_directions_are_refused():
    assets = toy_flame_assets(0)
    with pytest.raises(ValueError, match="150 columns"):
        FLAME(dataclasses.replace(assets, shapedirs=assets.shapedirs[:, :, :150]))


@pytest.mark.parametrize("filled", [False, True])
def test_decoder_agrees_with_the_recording(shared, filled):
    recorded = np.load(shared / "oracles" / "flame_decode.npz")
    prefix = "filled_" if filled else ""
    vector = torch.tensor(np.load(shared / "oracles" / "camera.npz")["params"])
    flame, params = FLAME(open_head(shared, filled=filled)), FlameParams.from_vector(vector)
    vertices = flame(params)
    np.testing.assert_allclose(vertices.numpy(), recorded[prefix + "vertices"], atol=2e-7)


# --- texture ----------------------------------------------------------------------------------


def test_albedo_agrees_with_the_recording(data):
    recorded = np.load(data / "texture.npz")
    space, places = texture_space(), np.ix_([0, 1, 100, 511], [0, 1, 200, 511])
    np.testing.assert_allclose(space.mean[places], recorded["mean_rows"], rtol=1e-5)
    albedo = FlameTexture(space, 256)(torch.tensor(recorded["codes"]))
    np.testing.assert_allclose(
        albedo[..., 5::17, 3::17].numpy(), recorded["albedo"], atol=1e-4, rtol=0
    )


def test_albedo_is_the_mean_in_rgb_order_plus_directions():
    space = toy_texture_space(16)
    codes = torch.zeros(2, 50)
    codes[1, 4] = -2
    albedo = FlameTexture(space, 16)(codes).numpy()
    expected = space.mean - 2 * space.directions[..., 4]
    for channel in range(3):
        np.testing.assert_allclose(albedo[0, channel], space.mean[..., 2 - channel], atol=1e-4)
        np.testing.assert_allclose(albedo[1, channel], expected[..., 2 - channel], atol=1e-4)


def test_smaller_albedo_picks_every_second_texel():
    space, codes = toy_texture_space(32), torch.randn(2, 50)
    whole, half = FlameTexture(space, 32)(codes), FlameTexture(space, 16)(codes)
    torch.testing.assert_close(half, whole[..., ::2, ::2])


def test_texture_spaces_with_fewer_components_use_the_first_codes():
    space, codes = toy_texture_space(8, components=7), torch.randn(1, 50)
    padded = torch.cat([codes[:, :7], torch.zeros(1, 43)], dim=1)
    texture = FlameTexture(space, 8)
    torch.testing.assert_close(texture(codes), texture(padded))
