import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from constants import EYE_VERTICES
from model.camera import center_eyes
from model.flame import FLAME, FlameParams
from my_utils.errors import UserError
from my_utils.faces.sampling import (
    interpolate_neighbours,
    interpolate_path,
    mean_face,
    pair_styles,
    parse_factors,
    pick_pairs,
    published_random_params,
    random_params,
    single_variations,
    swap_factors,
)
from tests.support.recordings import open_head


class TwoEyes(torch.nn.Module):
    """A head of which only the eyes exist, moved by the first shape coefficient."""

    def forward(self, params):
        vertices = torch.zeros(len(params), max(EYE_VERTICES) + 1, 3)
        vertices[:, EYE_VERTICES[0], 0] = 0.03 + 0.001 * params.shape[:, 0]
        vertices[:, EYE_VERTICES[1], 0] = -0.03
        return vertices


def some_faces(count, seed=0):
    random = torch.Generator().manual_seed(seed)
    return FlameParams.from_vector(torch.randn(count, 236, generator=random))


def same(one, other):
    return torch.equal(one.to_vector(), other.to_vector())


def test_a_seed_gives_the_same_person_in_any_batch():
    scenes = some_faces(5)
    together = random_params([3, 8, 5], scenes)
    assert same(together[1:2], random_params([8], scenes))
    assert not same(together[0:1], together[1:2])


def test_random_people_stay_in_the_published_ranges():
    params = random_params(range(64), some_faces(5))
    assert params.shape[:, 3:].abs().max() == 0
    assert params.expression[:, 3:].abs().max() == 0
    yaw, jaw = params.pose[:, 1], params.pose[:, 3]
    assert yaw.abs().max() <= np.pi / 8 + 1e-6 and yaw.min() < -0.3 and yaw.max() > 0.3
    assert jaw.min() >= 0 and jaw.max() <= np.pi / 12 + 1e-6
    assert params.pose[:, [0, 2, 4, 5]].abs().max() == 0
    assert 0.9 < params.texture.std() < 1.1


def test_the_published_people_are_drawn_again(data):
    recorded = np.load(data / "params_protocol.npz")
    scenes = some_faces(130)
    params, styles = published_random_params(scenes, style_count=69_158)
    for name, field in (("shape", "shape"), ("expression", "exp"), ("pose", "pose")):
        assert np.array_equal(getattr(params, name), recorded[field]), name
    assert np.array_equal(params.texture, recorded["tex"])
    assert torch.equal(params.camera, scenes.camera[:128])
    assert torch.equal(params.lighting, scenes.lighting[:128])
    random = torch.Generator().manual_seed(2)  # which the published code asked batch by batch
    expected = [torch.randint(0, 69_158, (32,), generator=random) for _ in range(4)]
    assert styles == torch.cat(expected).tolist()
    assert len(set(styles)) > 120 and max(styles) < 69_158
    few, _ = published_random_params(scenes[:100], style_count=10)
    assert torch.equal(few.lighting[100:], scenes.lighting[:28])


def test_a_pair_keeps_its_styles_whatever_else_is_drawn():
    styles = {pair: pair_styles(pair, seed=0, style_count=64) for pair in range(50)}
    assert styles[7] == pair_styles(7, seed=0, style_count=64)
    assert styles[7] != pair_styles(7, seed=1, style_count=64)
    assert all(0 <= style < 64 for pair in styles.values() for style in pair)
    assert max(max(pair_styles(pair, seed=0, style_count=10**6)) for pair in range(300)) < 65_000


def test_the_published_figure_hands_over_the_same_factors(data):
    recorded = np.load(data / "figure3.npz")
    first, second = (FlameParams.from_vector(torch.from_numpy(recorded[k])) for k in "AB")
    steps = swap_factors(first, second, TwoEyes())
    not_camera = np.r_[0:156, 159:236]
    for row, step in enumerate([first, *steps]):
        expected = recorded["rows"][:, row]
        assert np.array_equal(step.to_vector()[:, not_camera], expected[:, not_camera]), row


def test_swapping_hands_over_one_factor_after_the_other():
    first, second = some_faces(3, 1), some_faces(3, 2)
    steps = swap_factors(first, second, TwoEyes())
    assert len(steps) == 6
    assert same(steps[0], first) and same(steps[-1], second)
    for done, name in enumerate(["shape", "expression", "pose", "texture"], start=1):
        assert torch.equal(getattr(steps[done], name), getattr(second, name))
        assert torch.equal(getattr(steps[done - 1], name), getattr(first, name))
        assert same(steps[done], center_eyes(steps[done], TwoEyes()))


def test_swapping_agrees_with_the_published_rows(shared):
    recorded = np.load(shared / "oracles" / "figure3.npz")
    first, second = (FlameParams.from_vector(torch.from_numpy(recorded[name])) for name in "AB")
    steps = swap_factors(first, second, FLAME(open_head(shared)))
    for row, params in enumerate([first, *steps]):
        torch.testing.assert_close(
            params.to_vector(), torch.from_numpy(recorded["rows"][:, row]), rtol=1e-4, atol=1e-5
        )


def test_factors_are_chosen_and_ordered():
    assert parse_factors("pose,shape") == ["pose", "shape"]
    for text in ("", "pose,pose", "hair", "shape pose", "camera"):
        with pytest.raises(UserError, match="must name different ones of shape, expression"):
            parse_factors(text)


def test_pairs_are_2000_apart_or_half_the_set():
    few, many = some_faces(10), some_faces(4100)
    first, second = pick_pairs([1, 4], few)
    assert same(first, few[[1, 4]]) and same(second, few[[6, 9]])
    assert same(pick_pairs([7], many)[1], many[[2007]])
    with pytest.raises(UserError, match="10 faces give 5 pairs"):
        pick_pairs([5], few)


def test_interpolation_moves_geometry_and_keeps_skin_and_light():
    params = some_faces(4)
    between = interpolate_neighbours(params, 0.25)
    assert len(between) == 3
    for name in ("shape", "expression", "pose", "camera"):
        values = getattr(params, name)
        torch.testing.assert_close(getattr(between, name), 0.75 * values[:-1] + 0.25 * values[1:])
    for name in ("texture", "lighting"):
        values = getattr(params, name)
        assert torch.equal(getattr(between, name), values[:1].expand_as(getattr(between, name)))


def test_a_path_is_linear_but_for_rotations():
    keys = some_faces(3)
    path = interpolate_path(keys, 4)
    assert len(path) == 9
    for row in range(9):
        key, t = min(row // 4, 1), row / 4 - min(row // 4, 1)
        for name in ("shape", "expression", "camera", "texture", "lighting"):
            values = getattr(keys, name)
            expected = (1 - t) * values[key] + t * values[key + 1]
            torch.testing.assert_close(getattr(path, name)[row], expected, rtol=1e-5, atol=1e-6)
        for part in (slice(0, 3), slice(3, 6)):
            start, end = (Rotation.from_rotvec(keys.pose[k, part].numpy()) for k in (key, key + 1))
            turn = start.inv() * end
            expected = start * Rotation.from_rotvec(t * turn.as_rotvec())
            found = Rotation.from_rotvec(path.pose[row, part].numpy())
            assert (found.inv() * expected).magnitude() < 1e-5


def test_a_path_of_equal_faces_stands_still():
    vectors = interpolate_path(some_faces(1)[[0, 0]], 5).to_vector()
    assert torch.equal(vectors, vectors[:1].expand(6, -1))


def test_the_mean_face_has_the_mean_light_and_nothing_else():
    scenes = some_faces(7)
    face = mean_face(scenes)
    torch.testing.assert_close(face.lighting[0], scenes.lighting.mean(dim=0))
    assert not torch.cat([face.shape, face.expression, face.pose, face.texture], dim=1).any()


def test_single_variations_change_one_number_down_and_up():
    scenes = some_faces(50)
    scenes.lighting[:, 4, 1] *= 3  # the light that varies most
    names, params = single_variations(mean_face(scenes), scenes)
    difference = params.to_vector() - mean_face(scenes).to_vector()
    light_sd = float(scenes.lighting[:, 4, 1].numpy().std())
    expected = {
        "shape 1 -3 sd": (0, -3),
        "shape 1 +3 sd": (0, 3),
        "shape 2 -3 sd": (1, -3),
        "shape 2 +3 sd": (1, 3),
        "expression 1 -3 sd": (100, -3),
        "expression 1 +3 sd": (100, 3),
        "expression 2 -3 sd": (101, -3),
        "expression 2 +3 sd": (101, 3),
        "yaw -22.5 deg": (151, -np.pi / 8),
        "yaw +22.5 deg": (151, np.pi / 8),
        "jaw 0 deg": (153, 0),
        "jaw +15 deg": (153, np.pi / 12),
        "texture 1 -3 sd": (159, -3),
        "texture 1 +3 sd": (159, 3),
        "light -2 sd": (209 + 13, -2 * light_sd),
        "light +2 sd": (209 + 13, 2 * light_sd),
    }
    assert names == list(expected)
    for row, (column, change) in enumerate(expected.values()):
        wanted = torch.zeros(236)
        wanted[column] = change
        torch.testing.assert_close(difference[row], wanted, rtol=1e-5, atol=1e-5)
