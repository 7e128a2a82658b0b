import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest

from model.flame import FLAME, FlameAssets, FlameTexture, TextureSpace
from my_utils.errors import UserError
from my_utils.faces.named_factors import load_named_expressions
from my_utils.photos.landmark_embedding import FaceMeshEmbedding
from my_utils.photos.named_expressions import named_expressions_of, solve_expressions

COUNT = 468
SMILE = 3  # component of the head below


def head_of_landmarks():
    """A head of one vertex for each landmark; it can smile, by half for a component of one."""
    rng = np.random.default_rng(0)
    points = rng.uniform(-0.08, 0.08, (COUNT, 3))
    points[[33, 133], 0], points[[263, 362], 0] = -0.03, 0.03
    points[[33, 133, 263, 362], 1:] = 0.02
    unit = 0.06
    directions = np.zeros((COUNT, 3, 400))
    for side, sign in (((61, 76, 62), -1), ((291, 306, 292), 1)):
        directions[list(side), :, 300 + SMILE] = np.array([0.11 * sign, 0.10, -0.06]) * unit / 2
    for side, sign in (((50, 205, 187), -1), ((280, 425, 411), 1)):
        directions[list(side), :, 300 + SMILE] = np.array([0.02 * sign, 0.04, 0.03]) * unit / 2
    directions[[145, 153, 144, 374, 380, 373], 1, 300 + SMILE] = 0.015 * unit / 2
    weights = np.zeros((COUNT, 5))
    weights[:, 1] = 1
    return FlameAssets(
        v_template=points,
        faces=np.array([[0, 1, 2]]),
        shapedirs=directions,
        posedirs=np.zeros((COUNT, 3, 36)),
        J_regressor=np.full((5, COUNT), 1 / COUNT),
        parents=np.array([-1, 0, 1, 1, 1]),
        lbs_weights=weights,
    )


@pytest.fixture
def embedding():
    return FaceMeshEmbedding(
        np.arange(COUNT),
        np.arange(COUNT)[:, None].repeat(3, 1),
        np.tile(np.float32([1, 0, 0]), (COUNT, 1)),
        np.zeros((COUNT, 2, 157), np.float32),
        np.full((COUNT, 2), 0.01, np.float32),
        np.zeros((COUNT, 2, 1), np.float32),
    )


@pytest.fixture
def head(embedding, tmp_path):
    """As a FittingHead."""
    space = TextureSpace(np.zeros((2, 2, 3)), np.zeros((2, 2, 3, 50)))
    renderer = SimpleNamespace(flame=FLAME(head_of_landmarks()), texture=FlameTexture(space, 2))
    paths = SimpleNamespace(named_expressions=tmp_path / "named.json")
    resources = SimpleNamespace(paths=paths)
    return SimpleNamespace(
        renderer=renderer, embedding=embedding, networks=tmp_path, resources=resources
    )


def test_the_component_that_makes_an_expression_is_found(embedding):
    solved = solve_expressions(FLAME(head_of_landmarks()), embedding)
    smile = solved["smile"]
    assert smile.expression.components[SMILE] == pytest.approx(2, rel=0.05)
    assert set(smile.expression.components) == {SMILE} and abs(smile.expression.jaw) < 0.1
    assert smile.left < 0.05 * smile.asked
    assert smile.asked == pytest.approx(60 * 0.10, rel=0.3)  # millimetres, for eyes 60 apart
    blink = solved["blink"]
    assert not blink.expression.components and blink.left == pytest.approx(blink.asked)


def test_the_jaw_opens_the_mouth_where_no_component_does(embedding):
    assets = head_of_landmarks()
    lower = [17, 84, 181, 14, 87, 178, 314, 405, 317, 402, 152, 148, 176, 377, 400]
    weights = assets.lbs_weights.copy()
    weights[lower] = [0, 0, 1, 0, 0]
    points = assets.v_template.copy()
    points[lower] = [0, -0.05, 0.08]
    assets = dataclasses.replace(assets, lbs_weights=weights, v_template=points)
    opened = solve_expressions(FLAME(assets), embedding)["open mouth"]
    assert 5 < opened.expression.jaw < 25 and opened.left < 0.6 * opened.asked


def test_they_are_solved_once_for_a_head_and_again_for_another(head, capsys):
    path = head.resources.paths.named_expressions
    solved = named_expressions_of(head)
    assert {"neutral", "smile"} <= set(solved) and "blink" not in solved
    assert "smile: 0." in capsys.readouterr().out
    assert solved == load_named_expressions(path) == named_expressions_of(head)
    assert not capsys.readouterr().out

    head.renderer.flame.shapedirs *= 2
    again = named_expressions_of(head)
    assert again["smile"].components[SMILE] == pytest.approx(1, rel=0.05)


def test_a_heads_own_expressions_are_kept(head, capsys):
    path = head.resources.paths.named_expressions
    path.write_text(json.dumps({"wink": {"expression": {"4": 1.5}, "jaw": 0}}))
    assert named_expressions_of(head)["wink"].components == {4: 1.5}
    path.write_text("[]")
    with pytest.raises(UserError, match="holds no named expressions"):
        named_expressions_of(head)
    assert not capsys.readouterr().out
