"""Two processes against one: images per second of the demo's training, over gloo on the CPU.

    python tests/benchmarks/scaling.py

Each process has one thread, and the batch is shared. That the gradients of two processes are those
of one is tested in tests/training/test_processes.py.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2])]

from timing import processor

from constants import REPOSITORY
from my_utils.data.resource_files import ResourcePaths
from my_utils.demo.resources_folder import write_resources

TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch", type=int, nargs="+", default=[8, 16, 32], help="(8 16 32)")
    parser.add_argument("--kimg", type=float, default=0.64, help="images timed, in thousands")
    args = parser.parse_args()
    print(f"{processor()}, {len(os.sched_getaffinity(0))} cores")
    with tempfile.TemporaryDirectory() as folder:
        write_resources(Path(folder), count=64, size=64, seed=0, workers=1)
        for batch in args.batch:
            one, two = (
                images_per_second(Path(folder), processes, batch, args.kimg) for processes in (1, 2)
            )
            print(f"batch {batch}: {one:.1f} and {two:.1f} images/s, {two / one:.2f} x")


def images_per_second(root: Path, processes: int, batch: int, kimg: float) -> float:
    """Of a new run, without its first fifth."""
    words = ["--demo", "--run_id", "29", "--resources", str(root), "--batch", str(batch)]
    words += ["--total_kimg", str(1.2 * kimg), "--tick_kimg", str(0.2 * kimg), "--learning_rate"]
    words += ["0.001", "--sample_kimg", "100", "--checkpoint_kimg", "100"]
    command = [sys.executable, *(TORCHRUN if processes > 1 else []), REPOSITORY / "train.py"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run([*command, *words], check=True, stdout=subprocess.DEVNULL, env=environment)
    run = ResourcePaths(root).output_root / "checkpoint" / "29"
    rows = [json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()]
    for path in run.glob("training-state-*"):
        path.unlink()  # the next one begins anew
    times = [row["sec_per_kimg"] for row in rows[1:]]
    return 1000 * len(times) / sum(times)


if __name__ == "__main__":
    main()
