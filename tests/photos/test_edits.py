import pytest
import torch

from model.camera import center_eyes, orthographic_projection
from my_utils.demo.parameters import demo_flame, sample_parameters
from my_utils.errors import UserError
from my_utils.faces.named_factors import NamedExpression, head_angles, visible_brightness
from my_utils.photos.edits import (
    edit_from_words,
    edit_taken_from,
    edited_faces,
    film_of_edits,
)

EXPRESSIONS = {"neutral": NamedExpression({}), "smile": NamedExpression({0: 2.0}, 4.0)}


@pytest.fixture(scope="module")
def own():
    return sample_parameters([3])


def edited(own, words, **options):
    edit = edit_from_words(words, EXPRESSIONS)
    return edited_faces(own, edit, demo_flame(), EXPRESSIONS, style=-1, **options)


def test_a_range_is_swept_evenly_and_all_else_stays(own):
    faces = edited(own, ["yaw=-20..20"], steps=5)
    angles = head_angles(faces.params)
    assert angles[:, 0].tolist() == pytest.approx([-20, -10, 0, 10, 20], abs=0.7)
    assert angles[:, 1].tolist() == pytest.approx([float(head_angles(own)[0, 1])] * 5, abs=0.7)
    assert torch.equal(faces.params.expression, own.expression.expand(5, -1))
    assert faces.styles == [-1] * 5 and not faces.eyes.any()


def test_several_factors_of_one_edit_go_together(own):
    faces = edited(own, ["expression=smile:0..1", "gaze=-10,0..10,0", "style=7"], steps=3)
    assert faces.params.expression[:, 0].tolist() == pytest.approx([0, 1, 2])
    assert faces.params.pose[:, 3].rad2deg().tolist() == pytest.approx([0, 2, 4], abs=1e-4)
    assert faces.eyes[:, 1].rad2deg().tolist() == pytest.approx([-10, 0, 10], abs=1e-4)
    assert faces.styles == [7] * 3


def test_factors_are_taken_from_another_face(own):
    other = sample_parameters([9])
    changed = {"expression": {"expression", "pose"}, "light": {"lighting"}, "pose": {"pose"}}
    for factor, names in changed.items():
        edit = edit_taken_from(factor, other, "other.jpg")
        (params, _, styles) = edited_faces(own, edit, demo_flame(), EXPRESSIONS, style=5)
        found = {
            name
            for name in ("shape", "expression", "pose", "texture", "lighting")
            if not torch.equal(getattr(params, name), getattr(own, name))
        }
        assert found == names and styles == [5]
        jaw, head = (
            params.pose[:, columns].equal(other.pose[:, columns])
            for columns in (slice(3, 6), slice(0, 3))
        )
        assert (jaw, head) == (factor == "expression", factor == "pose")


def test_a_light_is_taken_as_bright_and_as_warm_as_the_own():
    own, dark = sample_parameters([3]), sample_parameters([9])
    dim = dark.replace(lighting=dark.lighting * torch.tensor([0.5, 0.4, 0.3]))
    lights = [
        edited_faces(own, edit_taken_from("light", other, ""), demo_flame(), {}, style=0)
        for other in (dark, dim)
    ]
    first, second = (faces.params.lighting for faces in lights)
    torch.testing.assert_close(first, second)
    torch.testing.assert_close(visible_brightness(first), visible_brightness(own.lighting))
    ratio = first / dark.lighting
    assert (ratio - ratio[:, :1]).abs().max() < 1e-4


def test_the_eyes_stay_where_the_photograph_has_them(own):
    flame = demo_flame()
    off = own.replace(camera=own.camera + torch.tensor([[0.3, 0.01, -0.02]]))
    turned = edited(off, ["yaw=15"]).params

    def eyes(params):
        placed = orthographic_projection(flame(params), params.camera)[0, [4051, 4597], :2]
        return placed.mean(dim=0)

    assert (eyes(turned) - eyes(off)).abs().max() < 0.01
    assert (eyes(center_eyes(turned, flame)) - eyes(off)).abs().max() > 0.05


def test_a_film_starts_and_ends_at_the_photograph(own):
    edits = [
        edit_from_words(words, EXPRESSIONS) for words in (["yaw=-20..20"], ["expression=smile"])
    ]
    faces = film_of_edits(own, edits, demo_flame(), EXPRESSIONS, style=-1, frames=4)
    assert len(faces.params) == len(faces.styles) == len(faces.eyes) == 5 * 4 + 1
    for end in (0, -1):
        torch.testing.assert_close(
            faces.params[end].to_vector(), own.to_vector(), atol=1e-5, rtol=0
        )
    yaw = head_angles(faces.params)[:, 0]
    assert (float(yaw[4]), float(yaw[8])) == pytest.approx((-20, 20), abs=1e-3)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["yew=20"], "there is no factor 'yew': did you mean 'yaw'"),
        (["yaw=95"], "at most 90 degrees"),
        (["yaw=-20..300"], "at most 90 degrees"),
        (["yaw=-20.."], "is not a number"),
        (["expression=smile:0..9"], "from -2 to 2"),
        (["expression=grin"], "there is no 'grin'"),
        (["style=1..4"], "nothing between two styles"),
        (["yaw=1", "yaw=2"], "a second time"),
        (["shape.400=1"], "components 0 to 99"),
    ],
)
def test_a_mistake_is_one_sentence(words, sentence):
    with pytest.raises(UserError, match=sentence):
        edit_from_words(words, EXPRESSIONS)
