"""The page of the demo generator in headless Chromium, from a file: faces, times, size, requests.

    python tests/benchmarks/web_page.py
    python tests/benchmarks/web_page.py --page face.html --pictures screenshots/

Compares 20 faces with Python's: the condition, in levels of 255, and the generated face. Times the
first face from opening the file, over fresh browsers, and faces after it, from parameters to
pixels; beside the times by the clock stands the processor time of all of Chromium's processes,
which other programs do not lengthen. Counts every request that is not the page's own.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2])]

import torch
from timing import processor

from constants import DEMO_GENERATOR
from model.camera import center_eyes
from model.condition import shrink
from model.flame import FlameParams
from my_utils.faces.options import open_generator
from my_utils.faces.sampling import random_params
from my_utils.faces.synthesizer import FaceSynthesizer
from my_utils.web.page import write_page
from tests.support.browser import open_browser

FACES = 20
EMPTY_TAB = ("chrome:", "chrome-untrusted:")  # what a browser shows before it is told a page
SIZES = ((1400, 900), (768, 1024), (390, 844))
DRAW = """
const [vector, seed, done] = arguments;
drawFace(vector, seed).then(({ condition, face }) => done([[...condition], [...face]]));
"""
TIME = """
const [vector, count, done] = arguments;
(async () => {
  const times = [];
  for (let i = 0; i < count; i++) {
    const changed = [...vector];
    changed[0] += i / count; // another shape, yaw and skin each time
    changed[151] += i / count / 4;
    changed[159] += i / count;
    const start = performance.now();
    await drawFace(changed, i);
    times.push(performance.now() - start);
  }
  return times;
})().then(done);
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--page", type=Path, help="a page of the demo generator (else written)")
    parser.add_argument("--starts", type=int, default=5, help="fresh browsers (5)")
    parser.add_argument("--faces", type=int, default=60, help="timed faces (60)")
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="where screenshots go")
    args = parser.parse_args()
    synthesizer = open_generator(DEMO_GENERATOR)
    with tempfile.TemporaryDirectory() as folder:
        page = args.page or Path(folder) / "face.html"
        if not args.page:
            words = dict(title="A face to play with", head_licence=None, attribution=None)
            print(write_page(page, synthesizer, **words))
        print(f"{page.stat().st_size / 1e6:.2f} MB; {processor()}, {os.cpu_count()} cores")
        print(f"others are running {os.getloadavg()[0]:.1f} processes")
        starts = [first_face(page, Path(folder) / str(k)) for k in range(args.starts)]
        show("first face, s", [wall for wall, _ in starts])
        show("first face, s of processor time", [cpu for _, cpu in starts])
        with open_browser(Path(folder) / "page") as driver:
            open_page(driver, page)
            compare(driver, synthesizer)
            time_faces(driver, synthesizer, args.faces)
            requests = requested(driver, page)
            print(f"requests: {len(requests)} {requests or ''}")
        if args.pictures:
            take_pictures(page, Path(folder), args.pictures)


def open_page(driver, page: Path) -> None:
    driver.set_script_timeout(600)
    driver.get(page.resolve().as_uri())
    while not driver.execute_script("return document.getElementById('speed').textContent"):
        time.sleep(0.02)


def first_face(page: Path, folder: Path) -> tuple[float, float]:
    """Seconds from opening the file to its first face: by the clock, and of the processor."""
    with open_browser(folder) as driver:
        start, cpu = time.perf_counter(), processor_time(driver.service.process.pid)
        open_page(driver, page)
        wall = time.perf_counter() - start
        return wall, processor_time(driver.service.process.pid) - cpu


def processor_time(root: int) -> float:
    """Seconds that a process and its descendants have computed."""
    parents, times = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        pid = int(path.parent.name)
        parents[pid], times[pid] = int(fields[1]), int(fields[11]) + int(fields[12])
    family = {root}
    while new := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= new
    return sum(times.get(pid, 0) for pid in family) / os.sysconf("SC_CLK_TCK")


def compare(driver, synthesizer: FaceSynthesizer) -> None:
    """Ten faces of the data set with their own cameras, and ten random people."""
    scenes = synthesizer.dataset_params()
    people = center_eyes(random_params(range(FACES // 2), scenes), synthesizer.renderer.flame)
    params, seeds = FlameParams.cat([scenes[: FACES // 2], people]), list(range(FACES))
    faces = synthesizer(params, seeds)
    renderings = torch.cat([faces.render, faces.normal_map], dim=1)
    conditions = shrink(renderings, synthesizer.config.resolution)
    share, mean, largest = [], [], []
    for row, vector in enumerate(params.to_vector().tolist()):
        condition, face = driver.execute_async_script(DRAW, vector, seeds[row])
        levels = (torch.tensor(condition).view_as(conditions[row]) - conditions[row]).abs() * 127.5
        share.append(100 * float((levels.amax(dim=0) < 1.01).float().mean()))
        image = torch.tensor(face).view_as(faces.image[row]).clamp(-1, 1)
        differences = (image - faces.image[row].clamp(-1, 1)).abs() * 127.5
        mean.append(float(differences.mean()))
        largest.append(float(differences.max()))
    show("condition: % of pixels within 1 level", share)
    show("face: mean difference in levels", mean)
    show("face: largest difference in levels", largest)


def time_faces(driver, synthesizer: FaceSynthesizer, count: int) -> None:
    vector = synthesizer.dataset_params().to_vector()[0].tolist()
    root = driver.service.process.pid
    cpu = processor_time(root)
    times = driver.execute_async_script(TIME, vector, count)
    show("a face, ms", times)
    print(f"a face, ms of processor time: {1000 * (processor_time(root) - cpu) / count:.0f}")


def requested(driver, page: Path) -> list[str]:
    """Every address that the page asked for, but itself and what it made."""
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    asked = [
        message["params"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
        and not message["params"]["documentURL"].startswith(EMPTY_TAB)
    ]
    addresses = {request["request"]["url"] for request in asked} - {page.resolve().as_uri()}
    return [address for address in addresses if not address.startswith("blob:")]


def take_pictures(page: Path, folder: Path, pictures: Path) -> None:
    pictures.mkdir(parents=True, exist_ok=True)
    for width, height in SIZES:
        with open_browser(folder / f"{width}", (width, height)) as driver:
            metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
            open_page(driver, page)
            driver.save_screenshot(str(pictures / f"page-{width}.png"))


def show(name: str, values: list[float]) -> None:
    low, middle, high = min(values), statistics.median(values), max(values)
    print(f"{name}: median {middle:.4g}, from {low:.4g} to {high:.4g}")


if __name__ == "__main__":
    main()
