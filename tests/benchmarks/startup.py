"""How long people wait: for help, for the first training step, and for the first picture.

    python tests/benchmarks/startup.py

Every time is that of a whole command, from pressing return. Training opens data of the published
size, 69,158 faces at 256 px (whose pictures are flat, as their content does not matter here), and
its network is narrow, as the step itself is measured elsewhere. The generator of the picture is
the full one of run 29, with fresh weights.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2])]

import numpy as np
from timing import processor

from constants import PARAM_DIM, REPOSITORY
from my_utils.data.lmdb_images import NORMAL_MAP, image_key
from my_utils.data.parameters import ParameterTable, save_parameters
from my_utils.data.resource_files import ResourcePaths
from my_utils.demo.resources_folder import write_resources
from my_utils.files.image_codec import encode_jpeg, encode_png
from my_utils.files.lmdb_writer import LmdbWriter
from my_utils.runs.config import RUNS
from my_utils.runs.generators import save_generator
from my_utils.runs.networks import build_generator

FACES = 69_158
NARROW = ["--channel_base", "4096", "--channel_max", "16", "--batch", "4", "--workers", "2"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--faces", type=int, default=FACES, help="in the data set (%(default)s)")
    args = parser.parse_args()
    print(f"{processor()}, {os.cpu_count()} cores")
    folders = ("plots", "prepare_lmdb", "mturk")
    scripts = [path for folder in folders for path in sorted((REPOSITORY / folder).glob("*.py"))]
    scripts = [REPOSITORY / "train.py", *(path for path in scripts if path.stem != "__init__")]
    times = {path.name: seconds(path, "--help") for path in scripts}
    slowest = max(times, key=lambda name: times[name])
    print(f"--help of {len(times)} scripts: {times[slowest]:.2f} s at most ({slowest})")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_resources(root, count=16, size=256, seed=0, workers=2)
        picture = first_picture(root)
        print(f"first picture of the full generator: {picture:.1f} s")
        enlarge(ResourcePaths(root), args.faces)
        words = ["--run_id", "29", "--resources", folder, *NARROW, "--measure_kimg", "0"]
        step = seconds(REPOSITORY / "train.py", *words, "--total_kimg", "0.004")
        print(f"training on {args.faces:,} faces, one step, and saving: {step:.1f} s")


def seconds(script: Path, *words: str) -> float:
    """How long a script runs."""
    start = time.perf_counter()
    subprocess.run([sys.executable, script, *words], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def first_picture(root: Path) -> float:
    """From the command to the first picture on the disk."""
    path, outdir = root / "generator.safetensors", root / "pictures"
    save_generator(path, build_generator(RUNS[29]), RUNS[29], nimg=0)
    words = ["--ckpt", path, "--resources", root, "--seeds", "0-3", "--batch", "1"]
    script = REPOSITORY / "plots" / "generate_random_samples.py"
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, script, *words, "--outdir", outdir], stdout=subprocess.DEVNULL
    )
    while process.poll() is None and not list(outdir.rglob("*.png")):
        time.sleep(0.01)
    elapsed = time.perf_counter() - start
    process.terminate()
    process.wait()
    return elapsed


def enlarge(paths: ResourcePaths, count: int) -> None:
    """Replace the faces of a resources folder by so many flat ones, in the published layout."""
    random = np.random.default_rng(0)
    vectors = random.normal(size=(count, PARAM_DIM)).astype(np.float32)
    save_parameters(paths.parameters, ParameterTable(np.arange(count), vectors))
    grey = np.full((256, 256, 3), 128, np.uint8)
    photograph, rendering = encode_jpeg(grey), encode_png(grey)
    prefixes = {paths.photographs: ("",), paths.renderings: ("", NORMAL_MAP)}
    for path, kinds in prefixes.items():
        data = photograph if path == paths.photographs else rendering
        shutil.rmtree(path)
        with LmdbWriter(path) as writer:
            for face in range(count):
                writer.put_all({image_key(256, face, kind): data for kind in kinds})
            writer.finish(count)


if __name__ == "__main__":
    main()
