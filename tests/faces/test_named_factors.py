"""Factors by name: what they change, what they leave, and what is refused."""

import json

import pytest
import torch
from scipy.spatial.transform import Rotation

from constants import PARAM_DIM
from model.flame import FlameParams
from model.renderer import spherical_harmonics_shading
from my_utils.errors import UserError
from my_utils.faces.named_factors import (
    LIGHTS,
    NamedExpression,
    apply_factors,
    check_factor,
    factor_from_text,
    factor_numbers,
    load_named_expressions,
    named_light,
)

EXPRESSIONS = {"neutral": NamedExpression({}), "smile": NamedExpression({0: 2.0, 5: -1.0}, 10.0)}


@pytest.fixture
def faces():
    vector = 0.2 * torch.randn(5, PARAM_DIM, generator=torch.Generator().manual_seed(3))
    params = FlameParams.from_vector(vector)
    light = params.lighting.clone()
    light[:, 0] += 3.5
    return params.replace(lighting=light)


def test_what_is_not_named_stays(faces):
    changed, eyes = apply_factors(faces, {"shape.3": 2.0, "style": 7}, EXPRESSIONS)
    difference = (changed.to_vector() != faces.to_vector()).any(dim=0).nonzero().flatten()
    assert difference.tolist() == [3] and not eyes.any()
    assert (changed.shape[:, 3] == 2).all()


def test_angles_are_set_and_the_others_kept(faces):
    changed, _ = apply_factors(faces, {"yaw": 25.0, "jaw": 12.0}, EXPRESSIONS)
    for name, value in (("yaw", 25.0), ("jaw", 12.0)):
        assert torch.allclose(
            factor_numbers(changed, name), torch.tensor(value).double(), atol=1e-3
        )
    for name in ("pitch", "roll"):
        assert torch.allclose(factor_numbers(changed, name), factor_numbers(faces, name), atol=1e-3)
    # A positive yaw turns the nose (z) to the picture's right (x).
    turned = Rotation.from_rotvec(
        apply_factors(FlameParams.from_vector(torch.zeros(1, PARAM_DIM)), {"yaw": 25.0}, {})[0]
        .pose[0, :3]
        .numpy()
    )
    assert turned.apply([0, 0, 1])[0] > 0.4


def test_named_expressions_scale_and_give_way_to_single_numbers(faces):
    factors = {"jaw": 3.0, "expression.5": 0.5, "expression": "smile:0.5"}
    changed, _ = apply_factors(faces, factors, EXPRESSIONS)
    assert (changed.expression[:, 0] == 1).all() and (changed.expression[:, 5] == 0.5).all()
    assert changed.expression.count_nonzero() == 10
    assert torch.allclose(factor_numbers(changed, "jaw"), torch.tensor(3.0).double(), atol=1e-4)
    changed, _ = apply_factors(faces, {"expression": "smile:0.5"}, EXPRESSIONS)
    assert torch.allclose(factor_numbers(changed, "jaw"), torch.tensor(5.0).double(), atol=1e-4)


def test_gaze_turns_both_eyes(faces):
    _, eyes = apply_factors(faces, {"gaze": (10.0, -5.0)}, EXPRESSIONS)
    assert torch.equal(eyes[:, :3], eyes[:, 3:])
    x, y, z = Rotation.from_rotvec(eyes[0, :3].numpy()).apply([0, 0, 1])
    assert x > 0.1 and y > 0.05 and z > 0.9  # to the right, and up


@pytest.mark.parametrize("name", LIGHTS)
def test_named_lights_are_as_bright_as_the_own_one(faces, name):
    size = 101
    place = (torch.arange(size) * 2 + 1) / size - 1
    y, x = torch.meshgrid(-place, place, indexing="ij")
    inside = x * x + y * y < 1
    z = (1 - x * x - y * y).clamp(min=0).sqrt()
    ball = torch.stack([x, y, z])[None].expand(5, -1, -1, -1)

    def shading(lighting):
        return spherical_harmonics_shading(ball, lighting)

    made = named_light(faces.lighting, name)
    before, after = (
        shading(light)[..., inside].mean(dim=(1, 2)) for light in (faces.lighting, made)
    )
    assert torch.allclose(before, after, rtol=0.01)
    picture = shading(made)[0].mean(dim=0)
    middle = size // 2
    left, right = picture[middle, 8], picture[middle, -9]
    top, below = picture[8, middle], picture[-9, middle]
    difference = {
        "left": left - right,
        "right": right - left,
        "top": top - below,
        "below": below - top,
        "front": picture[middle, middle] - left,
        "back": left - picture[middle, middle],
    }
    if name in difference:
        assert difference[name] > 0.1
    if name == "soft":
        assert picture[inside].std() < 1e-5
    if name in ("warm", "cold"):
        red, _, blue = shading(made)[0][:, inside].mean(dim=1)
        assert (red > 1.3 * blue) == (name == "warm")


def test_an_amount_of_light_lies_between(faces):
    half, _ = apply_factors(faces, {"light": "left:0.5"}, EXPRESSIONS)
    full = named_light(faces.lighting, "left")
    assert torch.allclose(half.lighting, (faces.lighting + full) / 2, atol=1e-6)


@pytest.mark.parametrize(
    ("text", "factor"),
    [
        ("yaw=-20", ("yaw", -20.0)),
        ("gaze=10,-5", ("gaze", (10.0, -5.0))),
        ("light=left", ("light", "left")),
        ("expression=smile:0.8", ("expression", "smile:0.8")),
        ("style=12", ("style", 12)),
        ("texture.49=1.5", ("texture.49", 1.5)),
    ],
)
def test_factors_as_text(text, factor):
    assert factor_from_text(text, EXPRESSIONS) == factor


@pytest.mark.parametrize(
    ("name", "value", "phrase"),
    [
        ("yow", 3, "did you mean 'yaw'"),
        ("shape", 3, "no factor 'shape'"),
        ("shape.100", 3, "components 0 to 99"),
        ("shape.x", 3, "components 0 to 99"),
        ("yaw", "left", "is not a number"),
        ("yaw", float("nan"), "is not a number"),
        ("yaw", True, "is not a number"),
        ("yaw", 120, "at most 90 degrees"),
        ("expression.0", -40.0, "at most 20 standard deviations"),
        ("light", "lefft", "did you mean 'left'"),
        ("light", 3, "needs a name"),
        ("light", "left:much", "the amount"),
        ("expression", "grin", "choose from neutral, smile"),
        ("gaze", 4, "two angles"),
        ("style", -1, "its seed"),
        ("style", 1.5, "its seed"),
    ],
)
def test_wrong_factors_are_refused_in_a_sentence(name, value, phrase):
    with pytest.raises(UserError, match=phrase):
        check_factor(name, value, EXPRESSIONS)


@pytest.mark.parametrize("text", ["yaw", "yaw=", "yaw=1e", "gaze=1,b", "=3"])
def test_wrong_text_is_refused(text):
    with pytest.raises(UserError):
        factor_from_text(text, EXPRESSIONS)


def test_named_expressions_come_from_the_file_beside_the_head(tmp_path):
    path = tmp_path / "named_expressions.json"
    assert set(load_named_expressions(path)) == {"neutral"}
    path.write_text(json.dumps({"smile": {"expression": {"0": 2.0}, "jaw": 5.0}}))
    assert load_named_expressions(path)["smile"] == NamedExpression({0: 2.0}, 5.0)
    for damaged in ("[]", "{", '{"smile": {}}', '{"smile": {"expression": {"50": 1}, "jaw": 0}}'):
        path.write_text(damaged)
        with pytest.raises(UserError, match="named expressions"):
            load_named_expressions(path)
