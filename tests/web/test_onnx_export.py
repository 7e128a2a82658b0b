"""A generator as ONNX computes what torch computes."""

import json

import numpy as np
import pytest
import torch

from my_utils.errors import UserError
from my_utils.runs.config import RUNS
from my_utils.runs.generators import LoadedGenerator
from my_utils.web import onnx_export
from my_utils.web.onnx_export import example_inputs, export_generator, save_onnx
from my_utils.web.onnx_generator import OnnxGenerator
from tests.support.small_generators import small_generator, traced

onnx = pytest.importorskip("onnx", reason="needs `pip install -r requirements-web.txt`")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


@pytest.fixture(autouse=True)
def trace_once(monkeypatch):
    monkeypatch.setattr(onnx_export, "trace", lambda generator: traced(generator.condition_kind))


def run(model, inputs):
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, {name: value.numpy() for name, value in inputs.items()})[0]


@pytest.mark.parametrize("kind", ["render", "vector"])
def test_any_batch_equals_torch(kind):
    generator = small_generator(kind)
    model, difference = export_generator(generator, precision="float32")
    assert difference < 1e-4
    for batch in (1, 5):
        inputs = example_inputs(generator, batch, seed=batch)
        expected = generator(*inputs.values())
        assert np.abs(run(model, inputs) - expected.numpy()).max() < 1e-4


def test_float16_is_half_as_large_and_close():
    generator = small_generator("render")
    single, _ = export_generator(generator, precision="float32")
    half, difference = export_generator(generator, precision="float16")
    assert 1e-6 < difference < 5e-3
    large = [weight for weight in half.graph.initializer if np.prod(weight.dims) >= 1024]
    assert large and all(weight.data_type == onnx.TensorProto.FLOAT16 for weight in large)
    saved = sum(2 * int(np.prod(weight.dims)) for weight in large)
    assert single.ByteSize() - half.ByteSize() == pytest.approx(saved, rel=0.1)


def test_the_mean_style_is_that_of_the_style_ids():
    generator = small_generator("render")
    model, _ = export_generator(generator, precision="float32")
    inputs = example_inputs(generator, 2) | {"truncation_psi": torch.tensor(0.0)}
    expected = generator(inputs["z"], inputs["condition"], truncation_psi=0.0)
    image = run(model, inputs)
    assert np.abs(image - expected.numpy()).max() < 1e-4
    other = generator(inputs["z"], inputs["condition"], truncation_psi=1.0)
    assert np.abs(image - other.numpy()).max() > 1e-2


def test_a_generator_that_differs_is_not_written(monkeypatch, tmp_path):
    monkeypatch.setitem(onnx_export.LARGEST_DIFFERENCE, "float32", 0.0)
    loaded = LoadedGenerator(small_generator("render"), RUNS[29], nimg=0, person=None)
    with pytest.raises(UserError, match="differs from torch"):
        save_onnx(tmp_path / "generator.onnx", loaded, precision="float32")
    assert not list(tmp_path.iterdir())


def test_the_file_tells_what_it_is(tmp_path):
    loaded = LoadedGenerator(small_generator("render"), RUNS[7], nimg=2000, person=None)
    path = tmp_path / "new" / "face.onnx"
    save_onnx(path, loaded, precision="float32")
    description = json.loads(path.with_suffix(".json").read_text())
    assert description["generator"]["nimg"] == 2000
    assert "CC BY-NC-SA" in description["licence"]
    assert [entry["name"] for entry in description["inputs"]] == [
        *("z", "condition", "truncation_psi")
    ]
    inside = {prop.key: prop.value for prop in onnx.load(path).metadata_props}
    assert inside["licence"] == description["licence"]
    assert json.loads(inside["config"]) == description["config"]
    assert b"layers.py" not in path.read_bytes()  # the exporter notes this machine's paths


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(onnx_export, "PACKAGES", ("onnx", "no_such_package"))
    with pytest.raises(UserError, match="no_such_package is not installed: .*requirements-web"):
        onnx_export.require_packages()


@pytest.mark.parametrize("kind", ["render", "vector"])
def test_onnxruntime_takes_the_place_of_torch(kind):
    generator = small_generator(kind)
    other = OnnxGenerator(generator)
    inputs = example_inputs(generator, 3)
    psi = {} if kind == "vector" else {"truncation_psi": 0.5}
    images = other(inputs["z"], inputs["condition"], **psi)
    expected = generator(inputs["z"], inputs["condition"], **psi)
    assert (images - expected).abs().max() < 1e-4
    assert torch.equal(other.styles([3]), generator.styles([3]))
    if kind == "vector":
        with pytest.raises(ValueError, match="truncation_psi must be 1"):
            other(inputs["z"], inputs["condition"], truncation_psi=0.5)
