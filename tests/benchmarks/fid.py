"""FID against torch-fidelity by itself: features, statistics, distance, and memory.

    python tests/benchmarks/fid.py
    python tests/benchmarks/fid.py --images 64 --repeats 5 --json fid.jsonl

Inception's weights are random: they take as long as the real ones and need no download. Statistics
and distance are of 10,000 images. The memory is what a process needs to add up those statistics and
to compare them with others, beyond what it had after loading its libraries.
"""

import argparse
import multiprocessing
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

sys.path[:0] = [str(Path(__file__).resolve().parents[2])]

import torch
from timing import add_timing_options, compare, report
from torch import Tensor

import my_utils.metrics.fid.torchvision_operators  # noqa: F401 (torch_fidelity imports torchvision, which has to be helped)

# isort: split
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

from my_utils.metrics.fid.distances import collect_statistics, frechet_distance
from my_utils.metrics.fid.feature_networks import inception

COUNT, DIM, BATCH = 10_000, 2048, 16


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=32, help="to take features of (32)")
    add_timing_options(parser, repeats=3)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    turns = {"repeats": args.repeats, "warmup": args.warmup}

    rows = compare(time_features(args.images), baseline="library", images=args.images, **turns)
    report("Inception features of 256 px images", rows, json=args.json, **turns)

    rows = compare(time_statistics(), baseline="library", images=COUNT, repeats=1, warmup=0)
    report(f"statistics and distance of {COUNT} images", rows, json=args.json, repeats=1, warmup=0)

    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(f"\nmemory of the same, streamed: {pool.apply(peak_of_statistics):.0f} MB")


def time_features(images: int) -> dict:
    """The features of so many images in [0, 1], by the library and by this project."""
    pictures = torch.rand(images, 3, 256, 256)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.pth"
        torch.save({}, path)
        with mock.patch.object(FeatureExtractorInceptionV3, "load_state_dict"):
            library = FeatureExtractorInceptionV3("inception", [str(DIM)], str(path))
        torch.save(library.state_dict(), path)
        network = inception(path, torch.device("cpu"), published=False)

    def library_features() -> list[Tensor]:
        return [library((part * 255).byte())[0] for part in pictures.split(BATCH)]

    def our_features() -> list[Tensor]:
        return [network.extract(part) for part in pictures.split(BATCH)]

    return {"library": library_features, "this project": our_features}


def random_features(seed: int) -> Iterator[Tensor]:
    """Correlated features, a few rows at a time, as a network gives them."""
    random = torch.Generator().manual_seed(seed)
    mixing = torch.randn(64, DIM, generator=random)
    for _ in range(COUNT // BATCH):
        yield torch.randn(BATCH, 64, generator=random) @ mixing


def time_statistics() -> dict:
    """Statistics of two sets of ready features and their distance, likewise."""
    sets = [list(random_features(seed)) for seed in (0, 1)]

    def by_library() -> float:
        statistics = [fid_features_to_statistics(torch.cat(features)) for features in sets]
        return fid_statistics_to_metric(*statistics, verbose=False)

    def by_us() -> float:
        return frechet_distance(*(collect_statistics(features) for features in sets))

    return {"library": by_library, "this project": by_us}


def peak_of_statistics() -> float:
    """MB by which the memory of this process grows at most."""
    before = peak_memory()
    frechet_distance(*(collect_statistics(random_features(seed)) for seed in (0, 1)))
    return peak_memory() - before


def peak_memory() -> float:
    """The largest resident memory this process ever had, in MB (Linux)."""
    status = Path("/proc/self/status").read_text().splitlines()
    (peak,) = (line.split()[1] for line in status if line.startswith("VmHWM"))
    return int(peak) / 1024


if __name__ == "__main__":
    main()
