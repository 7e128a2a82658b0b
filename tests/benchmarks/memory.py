"""The memory that a training step of run 29 at 256 px takes at most, by --batch_gpu.

    python tests/benchmarks/memory.py
    python tests/benchmarks/memory.py --device cuda --batch_gpu 4 8 16 32 --precisions float32 bf16

A step with everything in it: both networks and their Adam states, R1 and texture loss. Gradients
of two parts are added up, as of more. On a GPU what PyTorch reserves is counted; on the CPU all
resident memory of the process beyond what it has before the networks are built.
"""

import argparse
import dataclasses
import multiprocessing
import re
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2])]

import torch
from timing import add_device_options, processor
from training_step import demo_texture_loss

from my_utils.demo.parameters import sample_parameters
from my_utils.runs.config import RUNS
from my_utils.runs.networks import to_device
from my_utils.runs.runtime import configure_process
from my_utils.training.processes import Processes
from my_utils.training.state import TrainingState
from my_utils.training.step import Batch, TrainingStep


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch_gpu", type=int, nargs="+", default=[4], help="(4)")
    add_device_options(parser, precisions=["float32"])
    args = parser.parse_args()
    print(f"{processor()}, torch {torch.__version__}, {args.device}")
    context = multiprocessing.get_context("spawn")
    for precision in args.precisions:
        for part in args.batch_gpu:
            with context.Pool(1) as pool:
                gigabytes = pool.apply(peak_of_step, (part, args.device, precision))
            print(f"--batch_gpu {part}, {precision}: {gigabytes:.2f} GB", flush=True)


def peak_of_step(part: int, device_name: str, precision: str) -> float:
    """Gigabytes (10^9 bytes)."""
    device = torch.device(device_name)
    config = dataclasses.replace(
        RUNS[29], batch=2 * part, batch_gpu=part, precision=precision, r1_interval=1
    )
    before = resident("VmRSS")
    configure_process(device, precision)
    # Only the vector condition asks for the data set.
    state = TrainingState.new(config, None, device)  # type: ignore[arg-type]
    step = TrainingStep(state, demo_texture_loss(config, device), Processes(0, 1, device))
    pictures = (
        torch.rand(config.batch, channels, config.resolution, config.resolution) * 2 - 1
        for channels in (3, 6)
    )
    params = sample_parameters(range(config.batch)).to_vector()
    batch = Batch(
        *(to_device(picture, config, device) for picture in pictures),
        params.to(device),
        torch.randn(config.batch, config.z_dim).to(device),
    )
    step(batch, torch.Generator().manual_seed(0))
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved() / 1e9
    return (resident("VmHWM") - before) / 1e9


def resident(field: str) -> int:
    """Bytes that this process has now (VmRSS) or had at most (VmHWM)."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.search(rf"{field}:\s*(\d+)", status)[1])


if __name__ == "__main__":
    main()
