"""generator.json beside generator.onnx: what goes in, what comes out, and on which terms."""

from typing import Any

from constants import FLAME_SLICES
from my_utils.runs.config import RunConfig
from my_utils.runs.model_card import DEMO_DATA, REAL_DATA

CONDITION_CHANNELS = {
    "render": ["red", "green", "blue"],
    "normal": ["x", "y", "z"],
    "render+normal": ["red", "green", "blue", "x", "y", "z"],
}
CONDITION_RANGE = {
    "render": "[-1, 1], the textured rendering; background -1",
    "normal": "[-1, 1], the normal map with negative parts cut to -1; background -1",
    "render+normal": "[-1, 1], the textured rendering, then the normal map; background -1",
    "vector": "the 236 parameters of FLAME, see parameters",
}


def describe(
    config: RunConfig,
    *,
    nimg: int,
    precision: str,
    difference: float,
) -> dict[str, Any]:
    """The description, plain enough for JSON; shapes are lists, N is the batch."""
    by_vector = config.condition == "vector"
    size = config.resolution
    channels = CONDITION_CHANNELS.get(config.condition, [])
    condition_shape = ["N", 236] if by_vector else ["N", len(channels), size, size]
    inputs: list[dict[str, Any]] = [
        {"name": "z", "shape": ["N", config.z_dim], "range": "standard normal: the style"},
        {
            "name": "condition",
            "shape": condition_shape,
            "range": CONDITION_RANGE[config.condition],
            **({} if by_vector else {"channels": channels}),
        },
    ]
    if not by_vector:
        meaning = "0 to 1: 1 keeps the style, 0 is the mean style"
        inputs.append({"name": "truncation_psi", "shape": [], "range": meaning})
    image_range = "[-1, 1] but for overshoot, RGB: clamp it, add 1, multiply by 127.5"
    return {
        "generator": {"run_id": config.run_id, "nimg": nimg, "precision": precision},
        "largest_difference_from_torch": difference,
        "inputs": inputs,
        "outputs": [{"name": "image", "shape": ["N", 3, size, size], "range": image_range}],
        "parameters": {name: [part.start, part.stop] for name, part in FLAME_SLICES.items()},
        "licence": " ".join((DEMO_DATA if config.demo else REAL_DATA).split()),
        "config": config.to_dict(),
    }
