"""The generator of run 29 at 256 px against the plain formulation, forward.

    python tests/benchmarks/generator.py
    python tests/benchmarks/generator.py --batch 1 --repeats 9
    python tests/benchmarks/generator.py --device cuda --precisions float32 tf32 bf16 --batch 1 64

The plain formulation is that of tests/support/plain_networks.py: float32 in NCHW, a grouped
convolution with weights of each sample's own, zero insertion and depthwise filters. Each
alternative has a process of its own; freed memory is kept as the scripts keep it
(my_utils/files/workers.py). The share of the peak is of that of float32, and bfloat16 is slow
where it is not in hardware.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2])]

import torch
from timing import (
    OwnProcess,
    add_device_options,
    add_timing_options,
    compare,
    in_precisions,
    peak_gflops,
    report,
)
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from my_utils.files.workers import keep_freed_memory
from my_utils.runs.config import RUNS
from my_utils.runs.networks import build_generator, network_to_device, to_device
from my_utils.runs.runtime import configure_process, select_device
from my_utils.training.precision import in_precision
from tests.support.plain_networks import plain_generator

CONFIG = RUNS[29]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8], help="(1 8)")
    add_device_options(parser)
    add_timing_options(parser, repeats=3)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    with FlopCounterMode(display=False) as count:
        our_forward(1, "cpu", "float32")()
    gflop = count.get_total_flops() / 1e9
    for batch in args.batch:
        options = batch, args.device
        functions = in_precisions(plain_forward, our_forward, *options, precisions=args.precisions)
        if args.device == "cpu":
            functions["plain, freed memory kept"] = OwnProcess(plain_in_kept_memory, batch)
        turns = {"repeats": args.repeats, "warmup": args.warmup}
        rows = compare(functions, baseline="plain", images=batch, **turns)
        peak = peak_gflops(args.device)
        shares = {row.name: f"{gflop * row.images_per_second / peak:.2f}" for row in rows}
        report(
            f"generator forward, run 29, 256 px, batch {batch}",
            rows,
            json=args.json,
            gflop_per_image=round(gflop, 1),
            peak_gflops=round(peak),
            share_of_peak=shares,
            **turns,
        )


def inputs(batch: int, device: str) -> tuple[Tensor, Tensor]:
    """Styles and conditions."""
    random = torch.Generator().manual_seed(0)
    size = CONFIG.resolution
    condition = torch.rand(batch, 6, size, size, generator=random) * 2 - 1
    z = torch.randn(batch, CONFIG.z_dim, generator=random)
    return z.to(device), condition.to(device)


def plain_forward(batch: int, device: str, precision: str) -> Callable[[], Tensor]:
    """The published way."""
    torch.backends.fp32_precision = "tf32" if precision == "tf32" else "ieee"
    generator = in_precision(build_generator(CONFIG).to(device), precision, torch.device(device))
    weights, (z, condition) = generator.state_dict(), inputs(batch, device)

    @torch.no_grad()
    def forward() -> Tensor:
        return plain_generator(weights, z, condition)

    return forward


def plain_in_kept_memory(batch: int) -> Callable[[], Tensor]:
    """The published way, in a process whose C library keeps freed memory."""
    keep_freed_memory()
    return plain_forward(batch, "cpu", "float32")


def our_forward(batch: int, device_name: str, precision: str) -> Callable[[], Tensor]:
    """This project's way."""
    device = select_device(device_name)
    configure_process(device, precision)
    generator, (z, condition) = build_generator(CONFIG), inputs(batch, device_name)
    network = in_precision(network_to_device(generator, CONFIG, device), precision, device)
    condition = to_device(condition, CONFIG, device)

    @torch.no_grad()
    def forward() -> Tensor:
        return network(z, condition)

    return forward


if __name__ == "__main__":
    main()
