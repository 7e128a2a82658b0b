"""A long training of the demo: what it holds on to."""

from pathlib import Path

import pytest

from my_utils.demo.resources_folder import write_resources
from tests.support.train_commands import kill_all, printed, start, wait_for

STEPS = 2000


def resident_megabytes(pid):
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    (line,) = (line for line in status if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def open_files(pid):
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


@pytest.mark.slow
def test_two_thousand_steps_hold_on_to_nothing(tmp_path):
    """Grids and checkpoints included, of which the first 200 steps have some already."""
    write_resources(tmp_path / "made", count=64, size=64, seed=0, workers=1)
    often = ("--tick_kimg", "0.2", "--sample_kimg", "0.4", "--checkpoint_kimg", "0.4")
    demo = ("--run_id", "29", "--demo", "--total_kimg", str(4 * STEPS / 1000))
    process = start(tmp_path / "made", tmp_path, *often, run=demo)
    try:
        seen = []
        for step in range(200, STEPS, 50):
            wait_for(process, tmp_path, f"kimg {4 * step / 1000:g} ")
            assert process.poll() is None, printed(tmp_path)
            seen.append((resident_megabytes(process.pid), open_files(process.pid)))
        memory, files = zip(*seen, strict=True)
        print(f"{memory[0]:.0f} MB after 200 steps, {max(memory):.0f} MB at most later")
        assert max(memory) < 1.05 * memory[0]
        assert len(set(files)) == 1
    finally:
        kill_all(process.pid)
        process.wait()
