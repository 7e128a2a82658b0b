import numpy as np
import pytest
import torch

from model.flame import FlameParams
from my_utils.data.trackers.formats import TrackedFace
from my_utils.data.trackers.reader import NamedFace, tracked_faces
from my_utils.errors import UserError
from my_utils.faces.params_file import save_params, save_published_params, single_rows
from my_utils.metrics.control.table3 import code_errors, load_samples, match_codes
from tests.support.toy_control import demo_faces, demo_factors


def named(number, params, row) -> NamedFace:
    pose = params.pose[row].numpy()
    face = TrackedFace(
        params.shape[row].numpy(), params.expression[row].numpy(), rotation=pose[:3], jaw=pose[3:]
    )
    return NamedFace(f"{number:05d}", f"{number}.npy", face)


def vertices(params, **codes):
    zeros = FlameParams.from_vector(torch.zeros(len(params), 236))
    factors = demo_factors()
    return 1000 * factors.flame(zeros.replace(**codes))[:, factors.region]


def test_exact_codes_have_no_error_and_neutral_ones_miss_the_whole():
    params = demo_faces()
    assert all(not any(error) for error in code_errors(demo_factors(), params, params).values())
    neutral = FlameParams.from_vector(torch.zeros(len(params), 236))
    for error in code_errors(demo_factors(), neutral, params).values():
        assert error.fraction == pytest.approx(1) and error.millimetres > 0.5


def test_every_type_is_decoded_alone_and_averaged_alone():
    wanted = demo_faces(4)
    inferred = wanted.replace(shape=wanted.shape * 0.5, pose=wanted.pose * 0.8)
    found = code_errors(demo_factors(), inferred, wanted)
    shape = vertices(wanted, shape=wanted.shape)
    neutral = vertices(wanted)
    assert found["shape"].millimetres == pytest.approx(
        (0.5 * (shape - neutral)).norm(dim=2).mean().item(), rel=1e-3
    )
    assert found["shape"].fraction == pytest.approx(0.5, rel=1e-3)
    pose = vertices(wanted, pose=inferred.pose) - vertices(wanted, pose=wanted.pose)
    assert found["pose"].millimetres == pytest.approx(pose.norm(dim=2).mean().item(), rel=1e-3)
    both = [
        vertices(wanted, pose=params.pose, expression=params.expression)
        for params in (inferred, wanted)
    ]
    expected = (both[0] - both[1]).norm(dim=2).mean().item()
    assert found["expression"].millimetres == pytest.approx(expected, rel=1e-3)


def test_codes_are_matched_by_the_numbers_of_pictures(tmp_path):
    params = demo_faces(4)
    save_params(tmp_path / "params.npz", params, [7, 3, 12, 5])
    samples = load_samples(tmp_path / "params.npz")
    faces = [named(12, params, 2), named(7, params, 0)]
    inferred, wanted = match_codes(faces, samples)
    assert torch.equal(wanted.to_vector(), params[[2, 0]].to_vector())
    for name in ("shape", "expression", "pose"):
        assert torch.equal(getattr(inferred, name), getattr(wanted, name))


def test_where_a_seed_is_there_twice_pictures_are_named_by_row(tmp_path):
    save_params(tmp_path / "params.npz", demo_faces(4), [7, 7, 1, 2])
    assert load_samples(tmp_path / "params.npz").numbers == [0, 1, 2, 3]


def published(path, params, **changes):
    save_published_params(path, params, list(range(len(params))))
    fields = np.load(path, allow_pickle=True).item()
    np.save(path, fields | changes, allow_pickle=True)


@pytest.mark.parametrize("count", [70, 32])
def test_published_samples_are_read_with_every_shape_once(tmp_path, count):
    params = FlameParams.from_vector(torch.randn(count, 236))
    shape, path = params.shape.numpy(), tmp_path / "params.npy"
    blocks = [shape[start : start + 32] for start in range(0, count, 32)]
    published(path, params, shape=np.concatenate([b for block in blocks for b in (block, block)]))
    samples = load_samples(path)
    assert torch.equal(samples.params.to_vector(), params.to_vector())
    assert samples.numbers == list(range(count))
    for row in range(count):  # the rule of the published file
        assert np.array_equal(samples.params.shape[row], shape[row])
    save_published_params(path, params, list(range(count)))
    assert torch.equal(load_samples(path).params.to_vector(), params.to_vector())


def test_doubled_rows_follow_the_published_rule():
    doubled = np.concatenate([np.arange(32), np.arange(32), np.arange(32, 64), np.arange(32, 64)])
    rows = single_rows(doubled[:, None])[:, 0]
    assert [doubled[64 * (n // 32) + n % 32] for n in range(64)] == rows.tolist()


def test_other_files_and_names_are_refused_in_one_sentence(tmp_path):
    params, path = demo_faces(4), tmp_path / "params.npy"
    published(path, params, shape=np.arange(800, dtype=np.float32).reshape(8, 100))
    with pytest.raises(UserError, match=r"params\.npy .* not the same ones twice"):
        load_samples(path)
    published(path, params, exp=np.zeros((3, 50)))
    with pytest.raises(UserError, match="'exp' has shape"):
        load_samples(path)
    save_params(tmp_path / "params.npz", params, [0, 1, 2, 3])
    samples = load_samples(tmp_path / "params.npz")
    with pytest.raises(UserError, match="codes for 9, which is not the number of a picture"):
        match_codes([named(9, params, 0)], samples)
    with pytest.raises(UserError, match="smile"):
        match_codes([named(1, params, 1), named(2, params, 2)._replace(name="smile")], samples)


def test_a_folder_of_a_tracker_is_read(tmp_path):
    params = demo_faces(4)
    save_params(tmp_path / "params.npz", params, [0, 1, 2, 3])
    folder = tmp_path / "codes"
    folder.mkdir()
    for row in range(4):
        fields = {"shape": params.shape[[row]], "exp": params.expression[[row]]}
        fields = {name: value.numpy() for name, value in fields.items()}
        np.savez(folder / f"{row}.npz", pose=params.pose[[row]].numpy(), **fields)
    faces = tracked_faces("deca", folder, None)
    found = match_codes(faces, load_samples(tmp_path / "params.npz"))
    errors = code_errors(demo_factors(), *found)
    assert all(error.millimetres < 1e-3 for error in errors.values())
