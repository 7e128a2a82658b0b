import numpy as np
import pytest
import torch

from model.flame import FlameParams
from my_utils.metrics.control.measures import (
    CHANGES,
    OTHER_PERSON,
    SAME_PERSON,
    changed_faces,
    component_correlations,
    disentanglement,
    factor_errors,
    identity_codes,
    identity_features,
    identity_similarity,
    neighbours,
    read_changes,
    read_faces,
)
from my_utils.metrics.control.visible_factors import FACTORS
from tests.support.toy_control import demo_faces, demo_factors, draw, read


def changes(draw=draw):
    factors = demo_factors()
    return read_changes(draw, read, demo_faces(), factors.flame, batch=4)


def test_batches_make_no_difference():
    params, styles = demo_faces(), list(range(6))
    whole, parts = (read_faces(draw, read, params, styles, batch=batch) for batch in (6, 4))
    assert torch.equal(whole.params.to_vector(), parts.params.to_vector())
    assert torch.equal(whole.features, parts.features)


def test_true_parameters_have_no_error_and_correlate_fully():
    params = demo_faces()
    assert not any(factor_errors(demo_factors(), params, params).values())
    correlations = component_correlations(params, params)
    assert len(correlations) == 4 + 3 * 10
    assert all(value == pytest.approx(1) for value in correlations.values())


def test_correlations_are_those_of_single_numbers():
    params = demo_faces(6)
    vector = params.to_vector().clone()
    vector[:, 0], vector[:, 101], vector[:, 159] = -vector[:, 0], 0.0, vector[:, 159] * 3 + 1
    found = component_correlations(FlameParams.from_vector(vector), params)
    assert found["shape 1"] == pytest.approx(-1) and found["texture 1"] == pytest.approx(1)
    assert np.isnan(found["expression 2"])
    turned = params.replace(pose=torch.zeros(6, 6))
    turned.pose[:, 1] = torch.linspace(-0.5, 0.5, 6)
    other = turned.replace(pose=turned.pose * 0.5)
    assert component_correlations(turned, other)["yaw"] == pytest.approx(1)


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_replaces_one_factor_and_centres_the_eyes(change):
    base = demo_faces()
    flame, other = demo_factors().flame, neighbours(base)
    changed = changed_faces(base, other, change, flame).to_vector()
    source = other if change in FACTORS else base
    for factor, columns in FACTORS.items():
        expected = source if factor == change else base
        assert torch.equal(changed[:, columns], expected.to_vector()[:, columns])


def test_perfect_control_is_the_identity_matrix():
    matrix = disentanglement(demo_factors(), changes(), demo_faces())
    torch.testing.assert_close(matrix[:-1], torch.eye(len(FACTORS)), atol=1e-4, rtol=0)
    assert not matrix[-1].any()


def test_what_leaks_stands_beside_the_diagonal():
    def leaky(params, styles):
        """Expression moves the light, and the style changes the skin."""
        lighting = params.lighting + 0.2 * params.expression[:, :1, None]
        texture = params.texture + torch.tensor(styles)[:, None] * 0.1
        return draw(params.replace(lighting=lighting, texture=texture), styles)

    matrix = disentanglement(demo_factors(), changes(leaky), demo_faces())
    rows = [dict(zip(FACTORS, row, strict=True)) for row in matrix.tolist()]
    table = dict(zip(CHANGES, rows, strict=True))
    assert table["expression"]["light"] > 0.1
    assert table["style"]["texture"] > 0.1
    leaks = {("expression", "light"), ("style", "texture")}
    for change, row in table.items():
        for factor, value in row.items():
            if (change, factor) not in leaks:
                assert value == pytest.approx(float(change == factor), abs=1e-4)


def test_the_leak_is_measured_in_differences_between_people():
    def leaky(params, styles):
        return draw(params.replace(texture=params.texture + params.expression), styles)

    factors, base = demo_factors(), demo_faces()
    matrix = disentanglement(factors, changes(leaky), base)
    moved = base.replace(texture=base.texture + neighbours(base).expression - base.expression)
    expected = factors.distance("texture", moved, base).mean()
    expected = expected / factors.distance("texture", neighbours(base), base).mean()
    row, column = CHANGES.index("expression"), list(FACTORS).index("texture")
    assert matrix[row, column] == pytest.approx(expected.item(), rel=1e-3)


def test_a_person_stays_the_same_and_is_nobody_else():
    vectors = demo_faces().to_vector()
    mean, std = vectors.mean(dim=0), vectors.std(dim=0).clamp(min=1e-6)
    readings = changes()
    weights = demo_factors().component_weights(mean, std)
    for embed in (identity_codes(mean, std, weights), identity_features(readings["base"])):
        found = identity_similarity(readings, embed)
        assert all(found[change] == pytest.approx(1, abs=1e-4) for change in SAME_PERSON)
        assert found[OTHER_PERSON] < 0.5
