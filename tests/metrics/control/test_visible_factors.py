import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from model.flame import FlameParams
from model.renderer import SH_FACTORS
from my_utils.demo.albedo import face_mask, texture_space
from my_utils.demo.held_out import face_renderer
from my_utils.metrics.control.visible_factors import FACTORS, face_vertices
from tests.support.toy_control import demo_faces, demo_factors


def faces(count=1, **fields) -> FlameParams:
    zeros = FlameParams.from_vector(torch.zeros(count, 236))
    return zeros.replace(**{name: torch.as_tensor(rows).float() for name, rows in fields.items()})


def test_face_vertices_lie_in_the_mask_with_all_their_corners():
    renderer, mask = face_renderer(32), face_mask()
    mesh = renderer.mesh_renderer
    places = (mesh.uv[0][mesh.uv_faces].numpy() + 1) / 2 * 256 - 0.5  # of texel centres
    columns, rows = places.round().astype(int).reshape(-1, 2).T
    inside = np.ones(len(renderer.flame.v_template), dtype=bool)
    np.logical_and.at(inside, mesh.faces.numpy().ravel(), mask[rows, columns] > 127)
    found = face_vertices(renderer, torch.from_numpy(mask)[None, None].float() / 255)
    assert (found.numpy() != inside).mean() < 0.002  # rounding of places half way
    assert 0.1 < inside.mean() < 0.9


@pytest.mark.parametrize(("factor", "column"), [("shape", 3), ("expression", 100)])
def test_coefficients_are_millimetres_of_the_face_region(factor, column):
    factors = demo_factors()
    codes = torch.zeros(2, getattr(faces(), factor).shape[1])
    codes[1, 3 if factor == "shape" else 0] = 2
    found = factors.distance(factor, faces(2, **{factor: codes}), faces(2))
    steps = factors.flame.shapedirs[factors.region, :, column].numpy()
    expected = 2 * 1000 * np.mean([np.linalg.norm(step) for step in steps])
    assert found.tolist() == pytest.approx([0, expected], rel=1e-4)
    assert expected > 0.1


def test_other_parameters_do_not_count():
    factors, params = demo_factors(), demo_faces()
    for factor, columns in FACTORS.items():
        changed = torch.randn(len(params), 236, generator=torch.Generator().manual_seed(0))
        changed[:, columns] = params.to_vector()[:, columns]
        assert not factors.distance(factor, FlameParams.from_vector(changed), params).any()


def test_head_pose_is_the_angle_between_two_rotations():
    turns = Rotation.random(5, random_state=0), Rotation.random(5, random_state=1)
    poses = [np.pad(turn.as_rotvec(), ((0, 0), (0, 3))) for turn in turns]
    found = demo_factors().distance("pose", faces(5, pose=poses[0]), faces(5, pose=poses[1]))
    expected = np.rad2deg((turns[0].inv() * turns[1]).magnitude())
    np.testing.assert_allclose(found, expected, rtol=1e-3)
    small = torch.tensor([[0, np.deg2rad(0.5), 0, 0, 0, 0]])
    assert demo_factors().distance("pose", faces(pose=small), faces()) == pytest.approx(
        0.5, abs=1e-3
    )


def test_an_open_jaw_is_millimetres_of_the_face_region():
    opened = torch.tensor([[0, 0, 0, np.deg2rad(10), 0, 0]])
    factors = demo_factors()
    expected = (
        1000 * (factors.flame(faces(pose=opened)) - factors.flame(faces()))[0, factors.region]
    )
    found = factors.distance("jaw", faces(pose=opened), faces())
    assert found.item() == pytest.approx(expected.norm(dim=1).mean().item(), rel=1e-4)
    assert found > 0.5


def test_texture_is_the_albedo_of_the_masked_texels():
    space, mask = texture_space(), face_mask() > 127
    codes = torch.zeros(1, 50)
    codes[0, :2] = torch.tensor([1.0, -2.0])
    rows = np.arange(256) * len(space.mean) // 256
    directions = space.directions[rows][:, rows][mask]  # [T, 3, K]
    change = directions[..., 0] - 2 * directions[..., 1]
    found = demo_factors().distance("texture", faces(texture=codes), faces())
    assert found.item() == pytest.approx(np.sqrt(np.mean(change.astype(np.float64) ** 2)), rel=1e-3)


def test_light_is_the_shading_of_a_ball():
    ambient, right = torch.zeros(1, 9, 3), torch.zeros(1, 9, 3)
    ambient[0, 0], right[0, 1, 0] = 0.5, 1.0
    factors = demo_factors()
    found = factors.distance("light", faces(lighting=ambient), faces())
    assert found.item() == pytest.approx(0.5 * SH_FACTORS[0], rel=1e-4)
    # Of light from the right, red only: the mean of x^2 over a disc is 1 / 4.
    found = factors.distance("light", faces(lighting=right), faces())
    assert found.item() == pytest.approx(SH_FACTORS[1] * np.sqrt(1 / 4 / 3), rel=0.02)


def test_component_weights_are_shares_of_what_is_seen():
    factors, vectors = demo_factors(), demo_faces().to_vector()
    std = vectors.std(dim=0)
    std[[0, 151]] = 0  # what never varies does not count
    weights = factors.component_weights(vectors.mean(dim=0), std)
    for factor, columns in FACTORS.items():
        assert weights[columns].sum() == pytest.approx(1, abs=1e-5), factor
    assert not weights[156:159].any()
    assert weights[0] == pytest.approx(0, abs=1e-6) and weights[151] == pytest.approx(0, abs=1e-6)
    shares = factors.flame.shapedirs[factors.region].square().sum(dim=(0, 1))[:100] * std[:100] ** 2
    torch.testing.assert_close(weights[:100], shares / shares.sum(), rtol=1e-2, atol=1e-4)
