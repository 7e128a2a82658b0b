import numpy as np
import pytest
import torch

from model.camera import fit_camera_to_head, looking_ahead
from model.flame import FLAME, FlameParams
from my_utils.faces.named_factors import NamedExpression
from my_utils.faces.sliders import NECK_AND_EYES, SLIDERS
from my_utils.viewer import state as viewer_state
from my_utils.viewer.state import History, ViewerState
from tests.support.toy_head import TOY_EYE_VERTICES, toy_flame_assets


@pytest.fixture(scope="module")
def flame():
    return FLAME(toy_flame_assets(0))


@pytest.fixture(autouse=True)
def eyes_of_the_toy_head(monkeypatch):
    def fit(vertices, frontal):
        return fit_camera_to_head(vertices, frontal, eye_vertices=TOY_EYE_VERTICES)

    monkeypatch.setattr(viewer_state, "fit_camera_to_head", fit)


def some_face():
    vector = torch.randn(1, 236, generator=torch.Generator().manual_seed(0))
    return FlameParams.from_vector(vector).replace(
        pose=0.4 * vector[:, 150:156], camera=torch.tensor([[8.0, 0.01, 0.02]])
    )


def some_state(**options):
    options = {"truncation": 1.0, "center_eyes": False} | options
    return ViewerState.of(some_face(), 7, **options)


def test_an_untouched_state_poses_the_face_it_was_made_of(flame):
    face = some_state().pose(flame)
    torch.testing.assert_close(face.params.to_vector(), some_face().to_vector())
    torch.testing.assert_close(face.vertices, flame(some_face()))


def test_a_named_expression_comes_on_top_of_the_faces_own(flame):
    expressions = {"neutral": NamedExpression({}), "open mouth": NamedExpression({2: 0.8}, 10.0)}
    state = some_state(expressions=expressions)
    assert "Neutral" not in state.values and state.values["Open mouth"] == 0
    face = state.change("Open mouth", 0.5).pose(flame).params
    changed = some_face().to_vector()
    changed[0, 100 + 2] += 0.4
    changed[0, 153] += np.deg2rad(5.0)
    torch.testing.assert_close(face.to_vector(), changed)


def test_the_camera_that_follows_the_eyes_keeps_how_far_they_are_off_center(flame):
    off = torch.tensor([[0.5, 0.01, -0.02]])
    cameras = [
        some_state(center_eyes=True, off_center=chosen).pose(flame).params.camera
        for chosen in (None, off)
    ]
    torch.testing.assert_close(cameras[1] - cameras[0], off)


# Which of the 236 numbers a slider may move: head pose, jaw, components, light.
REACH = {"Head": (150, 153), "Jaw": (153, 154), "Azimuth": (212, 236), "Elevation": (212, 236)}
REACH |= {"Strength": (212, 236), "Ambient": (209, 212), "Zoom": (156, 157)}
FIRST = {"Shape": 0, "Expression": 100, "Texture": 159}


@pytest.mark.parametrize(
    "slider", [s for folder in SLIDERS.values() for s in folder], ids=lambda slider: slider.name
)
def test_a_slider_moves_its_own_numbers_and_no_others(flame, slider):
    state = some_state()
    before = state.pose(flame)
    after = state.change(slider.name, slider.low if slider.low else slider.high).pose(flame)
    changed = (after.params.to_vector() != before.params.to_vector())[0].nonzero().flatten()
    group, _, number = slider.name.partition(" ")
    if slider.name == "Truncation" or slider in SLIDERS[NECK_AND_EYES]:
        assert not len(changed)
    elif group in FIRST:
        assert changed.tolist() == [FIRST[group] + int(number) - 1]
    else:
        first, stop = REACH[group]
        assert len(changed) and first <= changed.min() and changed.max() < stop
    moved = not torch.equal(after.vertices, before.vertices)
    assert moved == (group in ("Shape", "Expression", "Head", "Jaw", "Neck", "Eyes"))


def test_angles_turn_the_way_their_hints_say(flame):
    straight = some_state().change("Head yaw", 0.0).change("Head pitch", 0.0)
    straight = straight.change("Head roll", 0.0)
    nose, top = np.array([0, 0, 1]), np.array([0, 1, 0])

    def turn(name):
        pose = straight.change(name, 20.0).pose(flame).params.pose[0, :3].double()
        return viewer_state.Rotation.from_rotvec(pose.numpy())

    assert turn("Head yaw").apply(nose)[0] > 0.3  # to the image's right
    assert turn("Head pitch").apply(nose)[1] < -0.3  # down
    assert turn("Head roll").apply(top)[0] < -0.3  # to the image's left


def test_centred_eyes_stay_where_they_are_whatever_turns(flame):
    state = some_state(center_eyes=True).change("Neck yaw", 20.0).change("Shape 1", 2.0)
    face = state.pose(flame)
    ahead = flame(looking_ahead(face.params))
    expected = fit_camera_to_head(face.vertices, ahead, eye_vertices=TOY_EYE_VERTICES)
    torch.testing.assert_close(face.params.camera, expected)


def test_neck_and_eyes_can_be_put_to_rest(flame):
    turned = some_state().change("Neck yaw", 20.0).change("Eyes pitch", 10.0)
    assert not torch.equal(turned.pose(flame).vertices, some_state().pose(flame).vertices)
    assert torch.equal(turned.at_rest().pose(flame).vertices, some_state().pose(flame).vertices)


def test_both_eyes_turn_alike(flame):
    face = some_state().change("Eyes yaw", 10.0).pose(flame)
    expected = torch.tensor([[0, np.deg2rad(10), 0] * 2], dtype=torch.float32)
    torch.testing.assert_close(face.eyes, expected)


def test_history_goes_back_and_forth():
    history = History(some_state())
    start = history.state
    history.change("Jaw", 5.0)
    history.change("Head yaw", 9.0)
    end = history.state
    history.undo()
    assert history.state.values["Jaw"] == 5.0
    assert history.state.values["Head yaw"] == start.values["Head yaw"]
    history.undo()
    history.undo()
    assert history.state is start
    history.redo()
    history.redo()
    history.redo()
    assert history.state is end


def test_dragging_one_slider_is_one_step():
    history = History(some_state())
    start = history.state
    for angle in range(10):
        history.change("Jaw", float(angle))
    history.undo()
    assert history.state is start
    history.redo()
    assert history.state.values["Jaw"] == 9.0
    history.change("Jaw", 1.0)  # after a step back or forth a new one begins
    history.undo()
    assert history.state.values["Jaw"] == 9.0


def test_a_change_forgets_what_was_undone():
    history = History(some_state())
    history.change("Jaw", 5.0)
    history.undo()
    history.change("Head yaw", 1.0)
    now = history.state
    history.redo()
    assert history.state is now
