"""What each choice of run 0's recipe is worth: one change at a time, three seeds.

    python tests/experiments/ablation.py --out ABLATION --jobs 2
    python tests/experiments/ablation.py --out ABLATION --changes base "padding" --seeds 1

Trains the demo for 7,000 images with each change to the recipe that run 0 had before, measures
every generator, and prints a table: mean over seeds, and half the distance between the extremes.
What is finished is kept in the folder, so the command goes on where it was stopped; several may
work on one folder at once. Some minutes of one core for each of the trainings. It needs
FOLDER/data/regressor-64.safetensors, which plots/evaluate_control.py trains for a demo.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

from ablation_data import DATA, write_data

BASE = "before"
BEFORE = (
    "--no-antialiased_pyramid --condition_padding zeros --feature_padding zeros --no-relativistic "
    "--r1_gamma 10 --r2_gamma 0 --r1_interval 16"
)
# Change: the data it is trained on, and the flags of train.py.
CHANGES: dict[str, tuple[str, str]] = {
    BASE: ("plain", ""),
    "padding": ("plain", "--condition_padding replicate"),
    "feature padding": ("plain", "--feature_padding replicate"),
    "pyramid": ("plain", "--antialiased_pyramid"),
    "smooth renderings": ("smooth", "--render_size 128"),
    "R1 weight 1": ("plain", "--r1_gamma 1"),
    "relativistic, R2": ("plain", "--relativistic --r1_gamma 1 --r2_gamma 1 --r1_interval 4"),
    "twice the channels": ("plain", "--channel_base 2048"),
    "EMA half-life 0.25 kimg": ("plain", "--ema_half_life_kimg 0.25"),
    "EMA half-life 1 kimg": ("plain", "--ema_half_life_kimg 1"),
    "batch 8": ("plain", "--batch 8"),
    "style mixing": ("plain", "--style_mixing 0.5"),
    "no texture loss": ("plain", "--texture_weight 0"),
    "texture loss times 1/4": ("plain", "--texture_weight 4"),
    "mirrored pairs": ("mirrored", ""),
    "augmentation": ("plain", "--augment 0.3"),
    "chosen together": (
        "smooth",
        "--render_size 128 --condition_padding replicate --feature_padding replicate "
        "--antialiased_pyramid --relativistic --r1_gamma 1 --r2_gamma 1 --r1_interval 4",
    ),
}
COLUMNS = ("condition", "frechet", "border", "silhouette", "flicker", "style_recall")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of all that is written")
    parser.add_argument("--changes", nargs="+", choices=CHANGES, default=list(CHANGES))
    parser.add_argument("--seeds", type=int, default=3, help="(%(default)s)")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at once (%(default)s)")
    parser.add_argument("--device", default="cpu", help="(%(default)s)")
    parser.add_argument("--flags", default="", help="of train.py, in every training")
    parser.add_argument("--one", nargs=2, metavar=("CHANGE", "SEED"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        train_and_measure(args, args.one[0], int(args.one[1]))
        return
    write_data(args.out)
    jobs = [(change, seed) for seed in range(args.seeds) for change in args.changes]
    with ThreadPoolExecutor(args.jobs) as pool:
        for change, seed in jobs:
            pool.submit(claim_and_run, args, change, seed)
    print(table(args))


def folder_of(args: argparse.Namespace, change: str, seed: int) -> Path:
    return args.out / f"{change.replace(' ', '-').replace('/', '')}-{seed}"


def claim_and_run(args: argparse.Namespace, change: str, seed: int) -> None:
    """Do one training in a process of its own, unless it is done or another does it."""
    folder = folder_of(args, change, seed)
    folder.mkdir(exist_ok=True)
    try:
        (folder / "claimed").touch(exist_ok=False)
    except FileExistsError:
        return
    command = [sys.executable, __file__, "--out", str(args.out), "--device", args.device]
    command += [f"--flags={args.flags}", "--one", change, str(seed)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with (folder / "log").open("w") as log:
        done = subprocess.run(command, stdout=log, stderr=log, env=environment)
    if done.returncode:
        (folder / "claimed").unlink()
        print(f"{folder} failed, see its log", flush=True)
        os._exit(1)


def train_and_measure(args: argparse.Namespace, change: str, seed: int) -> None:
    from ablation_measures import measure

    data, flags = CHANGES[change]
    folder = folder_of(args, change, seed)
    inputs = folder / "input_files"
    if not inputs.exists():
        inputs.symlink_to((args.out / DATA / data / "input_files").resolve())
    command = [sys.executable, str(ROOT / "train.py"), "--run_id", "0", "--demo"]
    command += ["--resources", str(folder), "--seed", str(seed), "--precision", "float32"]
    command += ["--device", args.device, *BEFORE.split(), *args.flags.split(), *flags.split()]
    subprocess.run(command, check=True)
    generators = (folder / "output_files" / "checkpoint" / "0").glob("generator-*.safetensors")
    newest = max(generators, key=lambda path: path.stat().st_mtime)
    found = measure(newest, args.out / DATA, device=args.device)
    (folder / "measures.json").write_text(json.dumps(found))


def table(args: argparse.Namespace) -> str:
    """All that is measured so far, as Markdown."""
    lines = [f"| change | seeds | {' | '.join(COLUMNS)} |", f"|---|---:|{'---:|' * len(COLUMNS)}"]
    for change in args.changes:
        paths = [folder_of(args, change, seed) / "measures.json" for seed in range(args.seeds)]
        found = [json.loads(path.read_text()) for path in paths if path.exists()]
        if found:
            cells = [spread([numbers[column] for numbers in found]) for column in COLUMNS]
            lines.append(f"| {change} | {len(found)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def spread(numbers: list[float]) -> str:
    half = (max(numbers) - min(numbers)) / 2
    return f"{statistics.mean(numbers):.3g} ± {half:.2g}"


if __name__ == "__main__":
    main()
