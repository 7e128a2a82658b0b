"""The generator of run 29 at 256 px against the plain formulation, forward.

    python tests/benchmarks/generator.py
    python tests/benchmarks/generator.py --batch 1 --repeats 9

The plain formulation is that of tests/plain_networks.py: float32 in NCHW, a grouped convolution
with weights of each sample's own, zero insertion and depthwise filters. Each alternative has a
process of its own; where freed memory is kept, by my_utils/allocator.py, as the scripts do.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[level]) for level in (1, 2)]

import torch
from plain_networks import plain_generator
from timing import OwnProcess, add_timing_options, compare, peak_gflops, report
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from my_utils.allocator import keep_freed_memory
from my_utils.networks import build_generator, network_to_device, to_device
from my_utils.precision import in_precision
from my_utils.run_config import RUNS

CONFIG, CPU = RUNS[29], torch.device("cpu")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8], help="(1 8)")
    parser.add_argument(
        "--no_bf16", action="store_true", help="without bfloat16, slow where it is not in hardware"
    )
    add_timing_options(parser, repeats=3)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    with FlopCounterMode(display=False) as count:
        our_forward(1, "float32")()
    gflop = count.get_total_flops() / 1e9
    for batch in args.batch:
        functions = {
            "plain": OwnProcess(plain_forward, batch, False),
            "plain, freed memory kept": OwnProcess(plain_forward, batch, True),
            "this project": OwnProcess(our_forward, batch, "float32"),
        }
        if not args.no_bf16:
            functions["this project, bf16"] = OwnProcess(our_forward, batch, "bf16")
        turns = {"repeats": args.repeats, "warmup": args.warmup}
        rows = compare(functions, baseline="plain", images=batch, **turns)
        peak = peak_gflops()
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


def inputs(batch: int) -> tuple[Tensor, Tensor]:
    """Styles and conditions."""
    random = torch.Generator().manual_seed(0)
    size = CONFIG.resolution
    condition = torch.rand(batch, 6, size, size, generator=random) * 2 - 1
    return torch.randn(batch, CONFIG.z_dim, generator=random), condition


def plain_forward(batch: int, keep_memory: bool) -> Callable[[], Tensor]:
    """The published way."""
    if keep_memory:
        keep_freed_memory()
    weights, (z, condition) = build_generator(CONFIG).state_dict(), inputs(batch)

    @torch.no_grad()
    def forward() -> Tensor:
        return plain_generator(weights, z, condition)

    return forward


def our_forward(batch: int, precision: str) -> Callable[[], Tensor]:
    """This project's way."""
    keep_freed_memory()
    generator, (z, condition) = build_generator(CONFIG), inputs(batch)
    network = in_precision(network_to_device(generator, CONFIG, CPU), precision, CPU)
    condition = to_device(condition, CONFIG, CPU)

    @torch.no_grad()
    def forward() -> Tensor:
        return network(z, condition)

    return forward


if __name__ == "__main__":
    main()
