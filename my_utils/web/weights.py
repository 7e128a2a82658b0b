"""A generator's weights as the page carries them: apart from their graph, and in few bits."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import onnx

WEIGHTS_FILE = "weights"  # by which the graph names them
KEPT_BITS = 8  # of a float16's ten after its point: the other two would be a sixth of the weights


class GeneratorParts(NamedTuple):
    """A graph and what it names WEIGHTS_FILE."""

    graph: bytes
    weights: bytes


def round_weights(model: "onnx.ModelProto") -> None:
    """Round weights that are stored in float16 to KEPT_BITS, so that they compress."""
    from onnx import TensorProto, numpy_helper

    for weight in model.graph.initializer:
        if weight.data_type == TensorProto.FLOAT16:
            rounded = _rounded(numpy_helper.to_array(weight))
            weight.CopyFrom(numpy_helper.from_array(rounded, weight.name))


def _rounded(values: np.ndarray) -> np.ndarray:
    """float16 with its last bits 0, to the nearest."""
    spare = 10 - KEPT_BITS
    bits: np.ndarray = values.view(np.uint16).astype(np.uint32)
    bits = (bits + (1 << (spare - 1))) >> spare << spare
    return bits.astype(np.uint16).view(np.float16)


def part_weights(model: "onnx.ModelProto") -> GeneratorParts:
    """Take the weights in float16 out of a graph, which names their places from then on."""
    from onnx import TensorProto, numpy_helper

    weights = bytearray()
    for weight in model.graph.initializer:
        if weight.data_type != TensorProto.FLOAT16:
            continue
        data = numpy_helper.to_array(weight).tobytes()
        place = {"location": WEIGHTS_FILE, "offset": len(weights), "length": len(data)}
        weight.ClearField("raw_data")
        weight.data_location = TensorProto.EXTERNAL
        for key, value in place.items():
            weight.external_data.add(key=key, value=str(value))
        weights += data
    return GeneratorParts(model.SerializeToString(), bytes(weights))
