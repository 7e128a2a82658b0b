from pathlib import Path

import numpy as np
import pytest
import torch

from model.flame import FlameParams
from my_utils.data.parameters import load_parameters
from my_utils.errors import UserError
from my_utils.faces.sampling import mean_face
from my_utils.faces.sequences import demonstration, load_tracked, load_voca
from my_utils.untrusted.reader import restricted_load
from tests.support.toy_resources import write_parameters

FRAMES = 7


@pytest.fixture
def face():
    random = torch.Generator().manual_seed(0)
    return mean_face(FlameParams.from_vector(torch.randn(5, 236, generator=random)))


def sentence():
    rng = np.random.default_rng(0)
    return {
        "frame_pose_params": rng.normal(size=(FRAMES, 15)),
        "frame_exp_params": rng.normal(size=(FRAMES, 50)),
        "seq_shape_params": rng.normal(size=100),
    }


def test_a_voca_sentence_moves_one_speaker_in_one_scene(tmp_path, face):
    arrays = sentence()
    np.savez(tmp_path / "sentence.npz", **arrays)
    params = load_voca(tmp_path / "sentence.npz", face)
    assert len(params) == FRAMES
    for row in range(FRAMES):
        pose = arrays["frame_pose_params"][row]
        np.testing.assert_allclose(params.pose[row, :3], pose[:3], rtol=1e-6)
        np.testing.assert_allclose(params.pose[row, 3:], pose[6:9], rtol=1e-6)
        expression = arrays["frame_exp_params"][row]
        np.testing.assert_allclose(params.expression[row], expression, rtol=1e-6)
        np.testing.assert_allclose(params.shape[row, :3], arrays["seq_shape_params"][:3], rtol=1e-6)
        assert not params.shape[row, 3:].any()
        assert torch.equal(params.texture[row], face.texture[0])
        assert torch.equal(params.lighting[row], face.lighting[0])


CASE = Path(__file__).resolve().parents[1] / "data" / "cases" / "15-voca-own-output"


@pytest.mark.parametrize("kind", [str, Path])
@pytest.mark.parametrize(
    ("file", "names"),
    [
        ("sequence.npy", ("pose", "expression", "shape")),
        ("sequence.npz", ("frame_pose_params", "frame_exp_params", "seq_shape_params")),
    ],
)
def test_what_voca_writes_is_read_by_its_first_coefficients(face, file, names, kind):
    fields = restricted_load(CASE / file)
    params = load_voca(kind(CASE / file), face)
    pose, expression, shape = (fields[name] for name in names)
    np.testing.assert_allclose(params.pose, pose[:, [0, 1, 2, 6, 7, 8]], rtol=1e-6)
    np.testing.assert_allclose(params.expression, expression[:, :50], rtol=1e-6)
    np.testing.assert_allclose(params.shape[0, :3], shape[:3], rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "array", "sentence_part"),
    [
        ("frame_exp_params", np.zeros((FRAMES, 10)), "frame_exp_params"),
        ("frame_pose_params", np.zeros((FRAMES, 6)), "no jaw"),
        ("frame_pose_params", np.zeros((FRAMES - 1, 15)), r"instead of \(6"),
        ("seq_shape_params", np.full(100, np.nan), "not finite"),
    ],
)
def test_another_file_than_a_voca_sentence_is_a_sentence(
    tmp_path, face, name, array, sentence_part
):
    np.savez(tmp_path / "sentence.npz", **(sentence() | {name: array}))
    with pytest.raises(UserError, match=sentence_part):
        load_voca(tmp_path / "sentence.npz", face)


def test_a_sentence_without_frames_is_refused(tmp_path, face):
    empty = {name: array[:0] for name, array in sentence().items() if name.startswith("frame")}
    np.savez(tmp_path / "sentence.npz", **(sentence() | empty))
    with pytest.raises(UserError, match="no frame"):
        load_voca(tmp_path / "sentence.npz", face)


def test_tracked_frames_come_by_number(tmp_path):
    write_parameters(tmp_path / "params.npy", [12, 3, 7])
    vectors = load_parameters(tmp_path / "params.npy").vectors
    assert np.array_equal(load_tracked(tmp_path / "params.npy").to_vector(), vectors[[1, 2, 0]])


def test_the_demonstration_moves_one_thing_at_a_time_and_comes_back(face):
    vectors = demonstration(face, 4).to_vector()
    assert len(vectors) == 14 * 4 + 1
    moved = vectors - face.to_vector()
    assert ((moved.abs() > 1e-6).sum(dim=1) <= 1).all()
    torch.testing.assert_close(vectors[-1:], face.to_vector())
    yaw, jaw = moved[:, 151].rad2deg(), moved[:, 153].rad2deg()
    assert (yaw.min(), yaw.max()) == pytest.approx((-22.5, 22.5))
    assert (jaw.min(), jaw.max()) == pytest.approx((0, 15), abs=1e-4)
    for column in (100, 101):
        assert (moved[:, column].min(), moved[:, column].max()) == (-3, 3)
