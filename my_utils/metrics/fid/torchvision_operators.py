"""Helps torchvision, which torch_fidelity imports, where its compiled part does not load.

A CPU build of torch with the registry's torchvision is such a pair: importing torchvision then ends
with «operator torchvision::nms does not exist», because its Python half describes two operators
that no library declared. This project needs neither of them, so declaring them is enough.
"""

import importlib.util
from pathlib import Path

import torch

OPERATORS = {
    "nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


def _declare_missing_operators() -> None:
    package = importlib.util.find_spec("torchvision")
    for folder in (package and package.submodule_search_locations) or ():
        for library in Path(folder).glob("_C.*"):
            try:
                torch.ops.load_library(library)
            except OSError:
                continue  # built for another torch
    for name, schema in OPERATORS.items():
        if not hasattr(torch.ops.torchvision, name):
            torch.library.define(f"torchvision::{name}", schema)


_declare_missing_operators()
