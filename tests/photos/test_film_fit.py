"""One person through a film: smooth crops, smooth motion, frames without a face."""

import numpy as np
import pytest
import torch

from my_utils.errors import UserError
from my_utils.files.film import FilmWriter, read_film
from my_utils.photos.film_fit import mean_person, smooth, smoothed
from my_utils.photos.geometry_fit import LandmarkTerm, fit_geometry
from tests.support.toy_photos import toy_embedding, toy_faces, toy_flame


def test_a_film_is_read_as_it_was_written(tmp_path):
    levels = [40, 120, 200]
    with FilmWriter(tmp_path / "a.mp4", fps=12) as film:
        for level in levels:
            film.add(np.full((32, 48, 3), level, np.uint8))
    fps, frames = read_film(tmp_path / "a.mp4")
    frames = list(frames)
    assert fps == 12
    assert [frame.shape for frame in frames] == [(32, 48, 3)] * 3
    assert np.allclose([frame.mean() for frame in frames], levels, atol=4)


def test_what_is_no_film_is_said(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        read_film(tmp_path / "a.mp4")
    (tmp_path / "a.mp4").write_text("hello")
    with pytest.raises(UserError, match="not a film"):
        read_film(tmp_path / "a.mp4")


def test_smoothing_does_not_cross_frames_without_a_face():
    values = np.array([[0.0], [0.0], [0.0], [9.0], [9.0], [9.0]])
    assert np.array_equal(smoothed(values, np.array([0, 1, 2, 40, 41, 42]), 2.0), values)
    together = smoothed(values, np.arange(6), 2.0)
    assert (np.diff(together[:, 0]) > 0).all()


def test_a_film_trembles_less_and_keeps_its_person():
    params = toy_faces(30)
    person = mean_person(params)
    assert torch.allclose(person.shape[0], params.shape.median(dim=0).values)
    steady = smooth(params, np.arange(30))
    for name in ("pose", "expression", "camera", "lighting"):
        before, after = (getattr(p, name).diff(dim=0).abs().mean() for p in (params, steady))
        assert after < 0.5 * before
    assert torch.equal(steady.shape, params.shape)


def test_the_shape_of_a_known_person_is_kept():
    term = LandmarkTerm(toy_flame(), toy_embedding())
    params = toy_faces(4)
    person = params[[0]]
    target = term.points(params.replace(shape=person.shape.expand(4, -1))).position
    fitted = fit_geometry(term, target, person)
    assert torch.equal(fitted.shape, person.shape.expand(4, -1))
    assert (term.points(fitted).position - target).norm(dim=2).mean() < 0.3 / 128
