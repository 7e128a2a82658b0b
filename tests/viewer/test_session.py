import dataclasses
import io

import numpy as np
import pytest
import torch
from PIL import Image

from model.camera import center_eyes
from model.flame import FlameParams
from my_utils.data.resources import Resources
from my_utils.errors import UserError
from my_utils.faces.params_file import load_params, save_params
from my_utils.faces.sampling import mean_face, random_params
from my_utils.faces.synthesizer import FaceSynthesizer
from my_utils.files.images import to_uint8
from my_utils.runs.config import run_config
from my_utils.runs.networks import build_generator
from my_utils.viewer.session import Session


@pytest.fixture(scope="module")
def synthesizer(demo_folder):
    config = dataclasses.replace(
        run_config(29, demo=True), resolution=32, render_size=32, channel_base=128, channel_max=8
    )
    torch.manual_seed(0)
    resources = Resources(demo_folder)
    generator = build_generator(config).eval()
    generator.mapping.mean_w.copy_(generator.average_w())
    return FaceSynthesizer(generator, resources.face_renderer(32), config, resources)


@pytest.fixture
def session(synthesizer):
    return Session(synthesizer, synthesizer.dataset_params(), truncation=0.7)


def faces_file(folder, params, seeds):
    save_params(folder / "faces.npz", params, seeds)
    return (folder / "faces.npz").read_bytes()


def test_it_starts_with_the_mean_face(session, synthesizer):
    params = center_eyes(mean_face(synthesizer.dataset_params()), synthesizer.renderer.flame)
    expected = synthesizer(params, [0], truncation_psi=0.7)
    faces, vertices = session.draw()
    torch.testing.assert_close(faces.image, expected.image, atol=1e-3, rtol=0)
    np.testing.assert_allclose(vertices, synthesizer.renderer.flame(params)[0].numpy(), atol=1e-6)
    assert np.array_equal(session.mesh()[0], vertices)


def test_new_people_are_those_of_the_random_samples(session, synthesizer):
    session.new_person()
    session.new_person()
    params = random_params([2], synthesizer.dataset_params())
    params = center_eyes(params, synthesizer.renderer.flame)
    drawn = session.draw().faces.params.to_vector()
    torch.testing.assert_close(drawn, params.to_vector(), atol=1e-4, rtol=1e-4)
    assert session.state.values["Style seed"] == 2
    assert session.state.values["Truncation"] == 0.7
    session.history.undo()
    assert session.state.values["Style seed"] == 1


def test_neck_and_eyes_are_drawn(session):
    before = session.draw().faces
    session.history.change("Neck roll", 25.0)
    assert (session.draw().faces.render - before.render).abs().mean() > 0.01


def test_a_saved_face_comes_back_without_its_neck(session, tmp_path):
    session.new_person()
    session.history.change("Head yaw", 12.0)
    session.history.change("Azimuth", 80.0)
    before = session.draw()
    session.history.change("Neck roll", 25.0)
    content = session.params_file()
    (tmp_path / "params.npz").write_bytes(content)
    assert load_params(tmp_path / "params.npz")[1] == [1]

    session.reset()
    assert session.load("params.npz", content) == 1
    assert session.state.values["Head yaw"] == pytest.approx(12, abs=1e-3)
    assert session.state.values["Azimuth"] == pytest.approx(80, abs=1e-3)
    after = session.draw().faces.params.to_vector()
    torch.testing.assert_close(after, before.faces.params.to_vector(), atol=1e-4, rtol=1e-4)


def test_the_picture_file_is_the_generated_face(session):
    picture = Image.open(io.BytesIO(session.picture_file()))
    assert picture.format == "PNG"
    assert np.array_equal(picture, to_uint8(session.draw().faces.image[0]))


def test_a_file_of_many_faces_shows_each(session, synthesizer, tmp_path):
    params = synthesizer.dataset_params()[:3]
    assert session.load("faces.npz", faces_file(tmp_path, params, [4, 5, 6])) == 3
    for number in (1, 3):
        session.show_loaded(number)
        assert session.state.values["Style seed"] == 3 + number
        drawn = session.draw().faces.params.to_vector()
        torch.testing.assert_close(drawn, params[number - 1].to_vector(), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", ["text", "pickle", "empty", "not finite", "negative"])
def test_a_wrong_file_is_a_sentence_and_changes_nothing(session, synthesizer, tmp_path, kind):
    params = synthesizer.dataset_params()[:2]
    session.load("faces.npz", faces_file(tmp_path, params, [4, 5]))
    before = session.state
    if kind == "text":
        content = b"<script>alert(1)</script>"
    elif kind == "pickle":
        buffer = io.BytesIO()
        np.savez(buffer, shape=np.array([{"a": 1}], dtype=object))
        content = buffer.getvalue()
    else:
        wrong = {
            "empty": (params[:0], []),
            "not finite": (FlameParams.from_vector(params.to_vector() * np.nan), [1, 2]),
            "negative": (params, [-2, 2]),
        }
        content = faces_file(tmp_path, *wrong[kind])
    with pytest.raises(UserError):
        session.load("wrong.npz", content)
    assert session.state is before
    session.show_loaded(2)
    assert session.state.values["Style seed"] == 5


def test_numbers_far_outside_the_sliders_are_drawn(session, synthesizer, tmp_path):
    huge = FlameParams.from_vector(synthesizer.dataset_params()[:1].to_vector() * 1e6)
    session.load("huge.npz", faces_file(tmp_path, huge, [0]))
    assert session.draw().pixels().shape == (32, 32, 3)
