"""The LMDB of photographs against resizing each size from the full photograph, in one process.

    python tests/benchmarks/photograph_lmdb.py
    python tests/benchmarks/photograph_lmdb.py --folder FFHQ/images1024x1024/00000

The plain way is torchvision's Resize and CenterCrop for each of the eight sizes, and JPEG in
memory. The builder is its script with all that takes time: Python, its processes, the LMDB on the
disk. Without --folder the photographs are the demo's at 1024 pixels, a few of them repeated.
"""

import argparse
import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2])]

import numpy as np
import torch
from PIL import Image
from timing import add_timing_options, compare, report

import my_utils.metrics.fid.torchvision_operators  # noqa: F401 (torchvision has to be helped)

# isort: split
from torchvision import transforms

from constants import LMDB_SIZES
from my_utils.data.lmdb_images import LmdbImages, image_key
from my_utils.data.photograph_lmdb import find_photographs
from my_utils.demo.parameters import sample_parameters
from my_utils.demo.photographs import photographs

SCRIPT = Path(__file__).resolve().parents[2] / "prepare_lmdb/prepare_ffhq_multiscale_dataset.py"
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
DEMO_FACES = 4


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, help="of photographs, instead of the demo's")
    parser.add_argument("--images", type=int, default=192, help="of the demo (192)")
    parser.add_argument("--workers", type=int, default=2, help="processes of the builder (2)")
    add_timing_options(parser, repeats=3)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    turns = {"repeats": args.repeats, "warmup": args.warmup}

    with tempfile.TemporaryDirectory() as folder:
        source = args.folder or write_demo_photographs(Path(folder) / "photographs", args.images)
        paths = find_photographs(source)
        lmdb = Path(folder) / "photographs.lmdb"

        def build() -> None:
            shutil.rmtree(lmdb, ignore_errors=True)
            command = [sys.executable, str(SCRIPT), "--n_worker", str(args.workers)]
            subprocess.run([*command, "--out", str(lmdb), str(source)], check=True, **QUIET)

        def plain() -> None:
            for path in paths.values():
                plain_records(path)

        ways = {"plain": plain, "builder": build}
        rows = compare(ways, baseline="plain", images=len(paths), **turns)
        title = f"photographs at {len(LMDB_SIZES)} sizes"
        report(title, rows, json=args.json, workers=args.workers, **turns)
        print_closeness(LmdbImages(lmdb), paths)


def write_demo_photographs(folder: Path, count: int) -> Path:
    folder.mkdir()
    ids = range(DEMO_FACES)
    pictures = photographs(sample_parameters(ids), ids, size=max(LMDB_SIZES), seed=0)
    for n in range(count):
        Image.fromarray(pictures[n % DEMO_FACES]).save(folder / f"{n:05d}.png")
    return folder


def plain_records(path: Path) -> dict[int, bytes]:
    """JPEG by size, each from the full photograph."""
    records = {}
    with Image.open(path) as file:
        picture = file.convert("RGB")
    for size in LMDB_SIZES:
        lanczos = transforms.InterpolationMode.LANCZOS
        small = transforms.CenterCrop(size)(transforms.Resize(size, lanczos)(picture))
        buffer = io.BytesIO()
        small.save(buffer, "JPEG", quality=100)
        records[size] = buffer.getvalue()
    return records


def print_closeness(images: LmdbImages, paths: dict[int, Path]) -> None:
    """PSNR of the builder's records to the plain ones, the lowest of a few photographs."""
    lowest = dict.fromkeys(LMDB_SIZES, float("inf"))
    for face_id in list(paths)[:DEMO_FACES]:
        for size, record in plain_records(paths[face_id]).items():
            plain = np.asarray(Image.open(io.BytesIO(record)), dtype=float)
            error = np.mean((images.get(image_key(size, face_id)) - plain) ** 2)
            psnr = 10 * np.log10(255**2 / error) if error else float("inf")
            lowest[size] = min(lowest[size], psnr)
    print("PSNR to the plain records in dB: ", end="")
    print(", ".join(f"{size} px {psnr:.1f}" for size, psnr in lowest.items()))


if __name__ == "__main__":
    main()
