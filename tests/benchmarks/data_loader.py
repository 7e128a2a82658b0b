"""How fast training data comes, at the size and in the formats of the published data set.

    python tests/benchmarks/data_loader.py
    python tests/benchmarks/data_loader.py --resources GIF_resources --trainer 120

Photographs of 256 pixels with both renderings, decoded, paired, stacked and turned into the floats
that networks are given, from starting the loader's processes on. The trainer's speed to compare
with is that of run 29 on the same two cores; see sec_per_kimg in the stats.jsonl of a run. Without
--resources the faces are a few of the demo's.
"""

import argparse
import itertools
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2])]

import torch
from timing import add_timing_options, compare, report

from my_utils.data.dataset import FaceDataset, InfiniteSampler
from my_utils.data.pair_loader import pair_loader
from my_utils.data.resources import Resources
from my_utils.demo.resources_folder import write_resources
from my_utils.runs.config import run_config

BATCH = 16
DEMO_FACES = 16
GPU_TRAINER = 200  # images/s, more than one GPU is expected to train


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--resources", type=Path, help="whose data to load (the demo's)")
    parser.add_argument("--images", type=int, default=640, help="to load each time (640)")
    parser.add_argument("--trainer", type=float, default=0.2, help="its images/s (%(default)s)")
    add_timing_options(parser, repeats=5)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    turns = {"repeats": args.repeats, "warmup": args.warmup}

    with tempfile.TemporaryDirectory() as folder:
        if not args.resources:
            write_resources(Path(folder), count=DEMO_FACES, size=256, seed=0, workers=2)
        dataset = FaceDataset(Resources(args.resources or Path(folder)), run_config(29))
        batches = args.images // BATCH

        def load(workers: int) -> None:
            sampler = InfiniteSampler(len(dataset), seed=0)
            loader = pair_loader(dataset, BATCH, sampler, workers=workers)
            for pair in itertools.islice(loader, batches):
                _ = pair.image, pair.condition

        ways = {f"{workers} workers": lambda n=workers: load(n) for workers in (0, 1, 2)}
        rows = compare(ways, baseline="0 workers", images=batches * BATCH, **turns)
    report("training pairs of 256 px", rows, json=args.json, **turns)
    speed = rows[-1].images_per_second
    for trainer in (args.trainer, GPU_TRAINER):
        print(f"{speed / trainer:.1f} x what a trainer of {trainer:g} images/s takes")


if __name__ == "__main__":
    main()
