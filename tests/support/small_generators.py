"""Untrained generators of 16 pixels, and the graphs that torch makes of them."""

import copy
import functools

import torch

from model.generator import Generator
from my_utils.web.onnx_export import trace


@functools.cache
def small_generator(kind: str) -> Generator:
    torch.manual_seed(0)
    generator = Generator(
        resolution=16,
        condition_kind=kind,
        z_dim=16,
        w_dim=16,
        mapping_layers=2,
        channel_base=256,
        channel_max=16,
    )
    if kind != "vector":
        generator.mapping.mean_w.copy_(generator.average_w())
    return generator.eval().requires_grad_(False)


@functools.cache
def _trace(kind: str):
    torch.backends.fp32_precision = "ieee"  # as configure_process sets it for scripts
    try:
        return trace(small_generator(kind))
    finally:
        assert torch.backends.fp32_precision == "ieee"
        torch.backends.fp32_precision = "none"


def traced(kind: str):
    """The graph of a small generator, a copy of its own: torch takes seconds for one."""
    return copy.deepcopy(_trace(kind))
