"""Times alternatives side by side, and reports ratios with everything needed to repeat them.

Absolute times differ between machines and hours; ratios within one run differ far less. So the
alternatives take turns (A B A B), each is judged by its median, and one of them is the baseline.
"""

import argparse
import json as json_format
import multiprocessing
import os
import platform
import shlex
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import torch


@dataclass(frozen=True)
class Row:
    """How one alternative did."""

    name: str
    median_ms: float
    fastest_ms: float
    slowest_ms: float
    ratio: float  # how many times faster than the baseline
    images_per_second: float | None = None


def compare(
    functions: Mapping[str, Callable[[], object]],
    *,
    baseline: str,
    repeats: int = 5,
    warmup: int = 1,
    images: int | Mapping[str, int] | None = None,  # that one call handles, or that each one does
) -> list[Row]:
    """Call the functions in turns, `warmup` rounds untimed and `repeats` timed, one row each.

    Ratios are of the time per image where `images` is given, else of the time per call.
    """
    for _ in range(warmup):
        for function in functions.values():
            function()
    seconds = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            seconds[name].append(time.perf_counter() - start)
    median = {name: statistics.median(times) for name, times in seconds.items()}
    count = images if isinstance(images, Mapping) else dict.fromkeys(functions, images)
    per_image = {name: median[name] / (count[name] or 1) for name in functions}
    return [
        Row(
            name=name,
            median_ms=1000 * median[name],
            fastest_ms=1000 * min(times),
            slowest_ms=1000 * max(times),
            ratio=per_image[baseline] / per_image[name],
            images_per_second=1 / per_image[name] if count[name] else None,
        )
        for name, times in seconds.items()
    ]


def report(
    title: str,
    rows: Sequence[Row],
    *,
    json: Path | None = None,  # append one line of JSON to this file
    **facts: object,  # whatever else a reader must know, such as repeats
) -> None:
    """Print a table, what it was measured on, and the command that measures it again."""
    conditions = {
        "machine": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        **facts,
        "command": shlex.join(["python", *sys.argv]),
    }
    width = max(len(row.name) for row in rows)
    head = f"{'':{width}} {'median ms':>11} {'fastest':>9} {'slowest':>9} {'img/s':>8} ratio"
    print(f"\n{title}\n{head}")
    for row in rows:
        speed = "" if row.images_per_second is None else f"{row.images_per_second:.2f}"
        print(
            f"{row.name:{width}} {row.median_ms:11.1f} {row.fastest_ms:9.1f} "
            f"{row.slowest_ms:9.1f} {speed:>8} {row.ratio:5.2f}"
        )
    print("; ".join(f"{name} {value}" for name, value in conditions.items()))
    if json:
        line = {"title": title, "rows": [asdict(row) for row in rows], **conditions}
        with json.open("a") as file:
            file.write(json_format.dumps(line, default=str) + "\n")


class OwnProcess:
    """Calls the function that `make(*args)` returns in a process of its own.

    For alternatives that differ in what a whole process has only once, such as its allocator.
    """

    def __init__(self, make: Callable[..., Callable[[], object]], *args: object) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, end = context.Pipe()
        worker = context.Process(
            target=_answer_calls, args=(end, torch.get_num_threads(), make, args), daemon=True
        )
        worker.start()
        end.close()

    def __call__(self) -> None:
        self._pipe.send(None)
        self._pipe.recv()  # EOFError where the process has died


def in_precisions(
    plain: Callable[..., Callable[[], object]],
    ours: Callable[..., Callable[[], object]],
    *args: object,
    precisions: Sequence[str],
) -> dict[str, OwnProcess]:
    """The plain formulation in float32, and in TF32 where that is asked for, and ours in each.

    The precision is the last argument of `plain` and `ours`.
    """
    functions = {"plain": OwnProcess(plain, *args, "float32")}
    if "tf32" in precisions:
        functions["plain, tf32"] = OwnProcess(plain, *args, "tf32")
    return functions | {
        f"this project, {precision}": OwnProcess(ours, *args, precision) for precision in precisions
    }


def _answer_calls(pipe: Connection, threads: int, make: Callable, args: Sequence[object]) -> None:
    torch.set_num_threads(threads)
    function = make(*args)
    while True:
        try:
            pipe.recv()
        except EOFError:  # the caller has gone
            return
        function()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        pipe.send(None)


def peak_gflops(device: str = "cpu", size: int = 4096, repeats: int = 5) -> float:
    """The device's peak in float32, 10^9 operations a second: a large matrix product's best."""
    factor, result = torch.randn(size, size, device=device), torch.empty(size, size, device=device)
    (row,) = compare(
        {"product": lambda: torch.mm(factor, factor, out=result)},
        baseline="product",
        repeats=repeats,
    )
    return 2 * size**3 / row.fastest_ms / 1e6


def add_timing_options(parser: argparse.ArgumentParser, *, repeats: int, warmup: int = 1) -> None:
    """--repeats, --warmup, --threads and --json, alike in every benchmark."""
    parser.add_argument("--repeats", type=int, default=repeats, help="timed rounds (%(default)s)")
    parser.add_argument("--warmup", type=int, default=warmup, help="untimed rounds (%(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch (%(default)s)")
    parser.add_argument("--json", type=Path, help="also append the numbers to this file")


def add_device_options(
    parser: argparse.ArgumentParser, *, precisions: Sequence[str] = ("float32", "bf16")
) -> None:
    """--device and --precisions, alike where networks are timed."""
    parser.add_argument("--device", default="cpu", help="cpu or cuda (cpu)")
    choices, shown = ("float32", "tf32", "bf16"), " ".join(precisions)
    parser.add_argument(
        "--precisions", nargs="+", choices=choices, default=precisions, help=f"({shown})"
    )


def processor() -> str:
    """The name of the processor, as the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        if names:
            return names[0].partition(":")[2].strip()
    return platform.processor() or platform.machine()
