"""Weights leave their graph rounded, and it finds them again."""

import numpy as np
import pytest

from my_utils.web.onnx_export import difference_from_torch, halve_weights
from my_utils.web.weights import WEIGHTS_FILE, part_weights, round_weights
from tests.support.small_generators import small_generator, traced

onnx = pytest.importorskip("onnx", reason="needs `pip install -r requirements-web.txt`")
pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


def halves(model):
    from onnx import numpy_helper

    return {
        weight.name: numpy_helper.to_array(weight)
        for weight in model.graph.initializer
        if weight.data_type == onnx.TensorProto.FLOAT16
    }


def test_rounding_keeps_eight_bits():
    model = traced("render")
    halve_weights(model)
    before = halves(model)
    round_weights(model)
    for name, rounded in halves(model).items():
        assert not (rounded.view(np.uint16) & 3).any()
        normal = np.abs(before[name]) >= np.finfo(np.float16).smallest_normal
        relative = np.abs(rounded[normal].astype(float) / before[name][normal].astype(float) - 1)
        assert 2**-11 < relative.max() <= 2**-9


def test_a_graph_finds_its_weights(tmp_path):
    generator, model = small_generator("render"), traced("render")
    halve_weights(model)
    round_weights(model)
    halved = halves(model)
    whole = difference_from_torch(model.SerializeToString(), generator)
    parts = part_weights(model)
    assert len(parts.weights) == sum(weight.nbytes for weight in halved.values()) > 10_000
    (tmp_path / "graph.onnx").write_bytes(parts.graph)
    (tmp_path / WEIGHTS_FILE).write_bytes(parts.weights)
    again = onnx.load(tmp_path / "graph.onnx")
    assert (difference_from_torch(again.SerializeToString(), generator) == whole).all()
