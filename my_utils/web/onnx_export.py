"""A generator as one ONNX graph of standard operators, checked against torch when it is made.

Inputs: `z` [N, z_dim], `condition` [N, C, R, R] in [-1, 1] (or [N, 236], the parameters), and where
there is a mean style `truncation_psi`, one number. Output: `image` [N, 3, R, R], in [-1, 1] but for
overshoot. float16 halves the file: weights are stored so, and computed with in float32.
"""

import contextlib
import importlib.util
import io
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from constants import PARAM_DIM, REPOSITORY
from model.generator import Generator, seeded_z
from my_utils.errors import UserError
from my_utils.files.atomic import atomic_path
from my_utils.runs.generators import LoadedGenerator
from my_utils.web.description import describe

if TYPE_CHECKING:
    import onnx

PRECISIONS = ("float32", "float16")
LARGEST_DIFFERENCE = {"float32": 1e-4, "float16": 5e-3}  # from torch, of images in [-1, 1]
SMALLEST_HALVED = 1024  # elements: smaller tensors are not worth a cast
PACKAGES = ("onnx", "onnxscript", "onnxruntime")


def require_packages() -> None:
    """UserError where the packages of requirements-web.txt are not installed."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        verb = "are" if len(missing) > 1 else "is"
        requirements = REPOSITORY / "requirements-web.txt"
        raise UserError(
            f"{', '.join(missing)} {verb} not installed: python -m pip install -r {requirements}"
        )


class _Exportable(nn.Module):
    """The generator with truncation as an input instead of a Python number."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        mapping = generator.mapping
        self.mapping, self.synthesis = mapping, generator.synthesis
        self.by_vector = generator.condition_kind == "vector"
        if not self.by_vector:
            self.register_buffer("mean_w", mapping.mean_w.clone())

    def forward(self, z: Tensor, condition: Tensor, truncation_psi: Tensor | None = None) -> Tensor:
        if self.by_vector:
            return self.synthesis(self.mapping(z, condition), None)
        w = self.mapping(z)
        w = self.mean_w + truncation_psi * (w - self.mean_w)
        return self.synthesis(w, condition)


def condition_shape(generator: Generator) -> tuple[int, ...]:
    """The shape of one condition."""
    if generator.condition_kind == "vector":
        return (PARAM_DIM,)
    return (generator.synthesis.condition_channels, *[generator.resolution] * 2)


def example_inputs(generator: Generator, batch: int, *, seed: int = 0) -> dict[str, Tensor]:
    """Inputs by name, on the CPU: styles of seeds, and noise in the range of conditions."""
    random = torch.Generator().manual_seed(seed)
    inputs = {
        "z": seeded_z(range(batch), generator.mapping.z_dim),
        "condition": torch.rand(batch, *condition_shape(generator), generator=random) * 2 - 1,
    }
    if generator.condition_kind != "vector":
        inputs["truncation_psi"] = torch.tensor(0.7)
    return inputs


def export_generator(generator: Generator, *, precision: str) -> "tuple[onnx.ModelProto, float]":
    """The graph of a generator on the CPU, and its largest difference from torch.

    Raises:
        UserError: the difference is above LARGEST_DIFFERENCE.
    """
    model = trace(generator)
    if precision == "float16":
        halve_weights(model)
    difference = float(difference_from_torch(model.SerializeToString(), generator).max())
    if not difference <= LARGEST_DIFFERENCE[precision]:
        raise UserError(
            f"the ONNX generator differs from torch by {difference:.1e}, more than "
            f"{LARGEST_DIFFERENCE[precision]:g}, so it was not written"
        )
    return model, difference


def save_onnx(path: Path, loaded: LoadedGenerator, *, precision: str) -> float:
    """Write a generator as ONNX with its description in it and beside it (.json).

    Returns:
        Its largest difference from torch.
    """
    require_packages()
    model, difference = export_generator(loaded.generator, precision=precision)
    description = describe(
        loaded.config, nimg=loaded.nimg, precision=precision, difference=difference
    )
    for name, value in description.items():
        text = value if isinstance(value, str) else json.dumps(value)
        model.metadata_props.add(key=name, value=text)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        temporary.write_bytes(model.SerializeToString())
    with atomic_path(path.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(description, indent=1) + "\n")
    return difference


def trace(generator: Generator) -> "onnx.ModelProto":
    """The graph of a generator on the CPU, in float32, unchecked."""
    inputs = example_inputs(generator, batch=2)
    batch = torch.export.Dim("batch")
    shapes = {name: {} if value.ndim == 0 else {0: batch} for name, value in inputs.items()}
    with _default_precision(), warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # of the exporter, about itself
        program = torch.onnx.export(
            _Exportable(generator).eval(),
            kwargs=inputs,
            dynamo=True,
            dynamic_shapes=shapes,
            input_names=list(inputs),
            output_names=["image"],
            verbose=False,
        )
    assert program is not None  # as without a file name
    model = program.model_proto
    # What the exporter notes for its own developers, with paths of this machine.
    for part in (model.graph, *model.graph.node, *model.graph.value_info):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    return model


@contextlib.contextmanager
def _default_precision() -> Iterator[None]:
    """Undo `configure_process` for a while: torch.export still asks for flags of the older kind."""
    chosen = torch.backends.fp32_precision  # type: ignore[attr-defined] # torch lacks its type
    torch.backends.fp32_precision = "none"  # type: ignore[attr-defined]
    try:
        yield
    finally:
        torch.backends.fp32_precision = chosen  # type: ignore[attr-defined]


def halve_weights(model: "onnx.ModelProto") -> None:
    """Store large weights in float16; a cast brings each back to float32 before its use."""
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for weight in model.graph.initializer:
        values = numpy_helper.to_array(weight)
        if values.dtype != np.float32 or values.size < SMALLEST_HALVED:
            continue
        name = weight.name
        halved = numpy_helper.from_array(values.astype(np.float16), f"{name}.float16")
        weight.CopyFrom(halved)
        casts.append(helper.make_node("Cast", [halved.name], [name], to=TensorProto.FLOAT))
    for cast in reversed(casts):
        model.graph.node.insert(0, cast)


def difference_from_torch(
    graph: bytes,  # with its weights inside
    generator: Generator,
) -> np.ndarray:
    """How far images of onnxruntime are from torch's: [N, 3, R, R], of a batch of another size."""
    import onnxruntime

    inputs = example_inputs(generator, batch=3, seed=1)
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    (image,) = session.run(None, {name: value.numpy() for name, value in inputs.items()})
    psi = float(inputs.get("truncation_psi", 1.0))
    with torch.no_grad():
        expected = generator(inputs["z"], inputs["condition"], truncation_psi=psi)
    return np.abs(image - expected.numpy())
