"""onnxruntime against eager torch and torch.compile, on a CPU: the demo generator and the full one.

    python tests/benchmarks/onnx_runtime.py
    python tests/benchmarks/onnx_runtime.py --generators demo --batch 1 --repeats 9

Eager torch is this project's way of drawing faces: weights in the layout that the processor is
fastest with, freed memory kept. The full generator (run 29, 256 px) has random weights.
torch.compile needs a C++ compiler and some minutes. Each alternative has a process of its own.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2])]

import torch
from timing import OwnProcess, add_timing_options, compare, report

from constants import DEMO_GENERATOR
from model.generator import Generator
from my_utils.runs.config import RUNS, RunConfig
from my_utils.runs.generators import load_generator
from my_utils.runs.networks import build_generator, network_to_device, to_device
from my_utils.runs.runtime import configure_process
from my_utils.web.onnx_export import example_inputs, trace

CPU = torch.device("cpu")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--generators", nargs="+", choices=("demo", "full"), default=["demo", "full"]
    )
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8], help="(1 8)")
    add_timing_options(parser, repeats=9)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    for name in args.generators:
        for batch in args.batch:
            functions = {
                "eager torch": OwnProcess(eager, name, batch, False),
                "torch.compile": OwnProcess(eager, name, batch, True),
                "onnxruntime": OwnProcess(onnxruntime_session, name, batch, args.threads),
            }
            turns = {"repeats": args.repeats, "warmup": args.warmup}
            rows = compare(functions, baseline="eager torch", images=batch, **turns)
            report(f"{name} generator, batch {batch}", rows, json=args.json, **turns)


def generator_of(name: str) -> tuple[Generator, RunConfig]:
    if name == "demo":
        loaded = load_generator(DEMO_GENERATOR)
        return loaded.generator, loaded.config
    return build_generator(RUNS[29]).eval().requires_grad_(False), RUNS[29]


def eager(name: str, batch: int, is_compiled: bool) -> Callable[[], object]:
    configure_process(CPU)
    generator, config = generator_of(name)
    inputs = example_inputs(generator, batch)
    condition = to_device(inputs["condition"], config, CPU)
    network = network_to_device(generator, config, CPU)
    draw = torch.compile(network) if is_compiled else network

    @torch.no_grad()
    def forward() -> object:
        return draw(inputs["z"], condition, truncation_psi=1.0)

    return forward


def onnxruntime_session(name: str, batch: int, threads: int) -> Callable[[], object]:
    import onnxruntime

    generator, _ = generator_of(name)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(trace(generator).SerializeToString(), options)
    inputs = {name: value.numpy() for name, value in example_inputs(generator, batch).items()}
    return lambda: session.run(None, inputs)


if __name__ == "__main__":
    main()
