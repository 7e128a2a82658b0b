"""The arithmetic in which networks are trained: float32, TF32, or bfloat16 where it does no harm.

Weights, their gradients and averages, losses, and all of FLAME and the renderer stay in float32.
"""

import torch
from torch import Tensor, nn


def in_precision(network: nn.Module, precision: str, device: torch.device) -> nn.Module:
    """The network to call: itself, or in mixed precision.

    Args:
        precision: "float32"; "tf32", which is the same network in a process that
            `configure_process` has told; "bf16", mixed precision with bfloat16; or "auto", bf16 on
            a GPU that has it, else float32.
    """
    if precision == "auto":
        on_gpu = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        precision = "bf16" if on_gpu else "float32"
    return InBfloat16(network) if precision == "bf16" else network


class InBfloat16(nn.Module):
    """Calls a network with bfloat16 convolutions and matrix products; the result is float32.

    A module, so that DataParallel's threads use bfloat16 too: they inherit no context.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, first: Tensor, *others: Tensor) -> Tensor:
        with torch.autocast(first.device.type, torch.bfloat16):
            return self.network(first, *others).float()
