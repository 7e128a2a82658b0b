import dataclasses

import pytest
import torch

from model.camera import center_eyes
from model.flame import FlameParams
from my_utils.data.resources import Resources
from my_utils.errors import UserError
from my_utils.metrics.control.regressor import ParameterRegressor, load_regressor, save_regressor
from my_utils.metrics.control.regressor_training import (
    LabelledFaces,
    augmented,
    is_held_out,
    load_photographs,
    rendered_faces,
    train_regressor,
)
from my_utils.runs.config import run_config

CPU = torch.device("cpu")
CONFIG = dataclasses.replace(run_config(29, demo=True), resolution=32)


def striped_faces(count, seed):
    """Pictures whose left half is as bright as the first shape, and the right as the yaw."""
    random = torch.Generator().manual_seed(seed)
    vectors = torch.zeros(count, 236)
    vectors[:, 0], vectors[:, 151] = torch.rand((2, count), generator=random) * 2 - 1
    brightness = vectors[:, [0, 151]].repeat_interleave(8, dim=1)[:, None, None]
    images = (brightness.expand(-1, 3, 16, -1) + 1) * 127.5
    return LabelledFaces(images.to(torch.uint8), FlameParams.from_vector(vectors))


def train(faces, epochs):
    weights = torch.zeros(236)
    weights[[0, 151]] = 1.0
    stats = {"mean": torch.zeros(236), "std": torch.full((236,), 0.5)}
    return train_regressor(faces, weights, **stats, device=CPU, width=8, epochs=epochs)


def test_a_simple_mapping_is_learned():
    regressor = train(striped_faces(200, seed=0), epochs=25)
    faces = striped_faces(50, seed=1)
    error = (regressor(faces.floats()).params.to_vector() - faces.params.to_vector()).abs()
    assert error[:, [0, 151]].mean() < 0.1  # of 0.5 for one who does not look


def test_the_same_seed_gives_the_same_regressor_and_leaves_other_randomness_alone():
    faces = striped_faces(20, seed=0)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, second = train(faces, epochs=3), train(faces, epochs=3)
    assert torch.equal(torch.rand(3), expected)
    for one, other in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_too_few_photographs_are_refused():
    with pytest.raises(UserError, match="too few"):
        train(striped_faces(3, seed=0), epochs=1)


def test_pictures_of_any_size_are_averaged_to_its_own():
    regressor = ParameterRegressor(16, width=8).eval()
    images = torch.rand(2, 3, 16, 16) * 2 - 1
    larger = images.repeat_interleave(4, dim=2).repeat_interleave(4, dim=3)
    reading, same = regressor(images), regressor(larger)
    assert reading.features.shape == (2, 256) and (reading.features >= 0).all()
    torch.testing.assert_close(same.features, reading.features)
    assert torch.equal(reading.features, regressor.features(images))


def test_parameters_are_scaled_by_the_data_set_and_the_camera_is_the_mean_one():
    regressor = ParameterRegressor(16, width=8).eval()
    images = torch.rand(2, 3, 16, 16)
    normalised = regressor.normalised(images)
    regressor.mean.copy_(torch.arange(236.0))
    regressor.std.fill_(3)
    vector = regressor(images).params.to_vector()
    expected = regressor.mean + 3 * normalised
    torch.testing.assert_close(vector[:, :156], expected[:, :156])
    torch.testing.assert_close(vector[:, 159:], expected[:, 159:])
    assert vector[:, 156:159].tolist() == [[156, 157, 158]] * 2


def test_a_saved_regressor_reads_the_same(tmp_path):
    regressor = train(striped_faces(20, seed=0), epochs=3)
    path = tmp_path / "reinference" / "regressor-16.safetensors"
    save_regressor(path, regressor, faces=20)
    images = torch.rand(2, 3, 16, 16)
    expected, found = regressor(images), load_regressor(path)(images)
    assert torch.equal(found.params.to_vector(), expected.params.to_vector())
    assert torch.equal(found.features, expected.features)


def test_damaged_and_other_files_are_refused_by_name(tmp_path, resources):
    path = tmp_path / "regressor.safetensors"
    save_regressor(path, ParameterRegressor(16, width=8), faces=20)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    generator = next(resources.rglob("generator-*.safetensors"))
    for file, phrase in (
        (path, "regressor.safetensors .*its sha256 is not the recorded one"),
        (generator, "not a regressor"),
        (tmp_path / "absent.safetensors", "does not exist"),
    ):
        with pytest.raises(UserError, match=phrase):
            load_regressor(file)


def test_a_tenth_of_the_faces_is_held_out_whatever_the_data_set():
    held_out = [face for face in range(10_000) if is_held_out(face)]
    assert 900 < len(held_out) < 1100
    assert held_out[:3] == [4, 10, 39]  # saved regressors rely on it


def test_held_out_photographs_are_never_trained_on(demo_folder, monkeypatch):
    monkeypatch.setattr("my_utils.metrics.control.regressor_training.HELD_OUT_SHARE", 0.4)
    resources = Resources(demo_folder)
    parts = [
        load_photographs(resources, CONFIG, 32, held_out=part, most=100) for part in (True, False)
    ]
    vectors = [{tuple(row) for row in part.params.to_vector().tolist()} for part in parts]
    assert vectors[0] and vectors[1] and not vectors[0] & vectors[1]
    bad = len(resources.bad_images & set(resources.parameters.ids.tolist()))
    assert len(vectors[0]) + len(vectors[1]) == len(resources.parameters.ids) - bad
    assert parts[0].images.dtype == torch.uint8 and parts[0].images.shape[1:] == (3, 32, 32)


def test_a_data_set_that_is_too_small_is_refused(demo_folder, monkeypatch):
    monkeypatch.setattr("my_utils.metrics.control.regressor_training.HELD_OUT_SHARE", 0)
    with pytest.raises(UserError, match="only 0 are held out"):
        load_photographs(Resources(demo_folder), CONFIG, 32, held_out=True, most=100)


def test_rendered_faces_mix_people_before_the_backgrounds_of_photographs(demo_folder):
    resources = Resources(demo_folder)
    photographs = load_photographs(resources, CONFIG, 32, held_out=False, most=100)
    renderer = resources.face_renderer(32)
    rendered = rendered_faces(photographs, renderer, count=5, batch=3, seed=1)
    assert len(rendered.images) == len(rendered.params) == 5
    for name in ("shape", "expression", "texture", "lighting"):
        lent = getattr(photographs.params, name).flatten(1)
        for row in getattr(rendered.params, name).flatten(1):
            assert (lent == row).all(dim=1).any(), name
    centred = center_eyes(rendered.params, renderer.flame)
    torch.testing.assert_close(rendered.params.camera, centred.camera)
    drawn = renderer(rendered.params)
    backgrounds = photographs.floats()
    for image, face, mask in zip(rendered.floats(), drawn.image, drawn.mask, strict=True):
        torch.testing.assert_close(image * mask, face * mask, atol=1e-2, rtol=0)
        behind = ((backgrounds - image) * (1 - mask)).abs().amax(dim=(1, 2, 3))
        assert behind.min() < 1e-2


def test_augmentation_keeps_brightness_and_colour():
    images = torch.rand(64, 3, 16, 16) - 0.5
    changed = augmented(images, torch.Generator().manual_seed(0))
    assert (changed - images).abs().mean() > 0.01
    means = changed.mean(dim=(2, 3)) - images.mean(dim=(2, 3))
    assert means.abs().max() < 0.05
