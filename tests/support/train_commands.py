"""`python train.py` as a process of its own, that can be waited for, stopped and killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.support.script_runs import ONE_THREAD, ROOT

TINY = ["--demo", "--resolution", "32", "--render_size", "32", "--channel_base", "128"]


TINY += ["--channel_max", "8", "--z_dim", "8", "--w_dim", "8", "--batch", "4"]


TINY += ["--texture_weight", "0", "--total_kimg", "0.016"]


WORDS = ["--run_id", "29", *TINY, "--texture_weight", "16", "--texture_interval", "4"]


WORDS += ["--tick_kimg", "0.04", "--checkpoint_kimg", "0.02", "--sample_kimg", "0.2"]


def start(resources, output, *words, processes=1, run=WORDS):
    """A training with outputs of its own, in a process group of its own."""
    folder = output / "resources"
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "input_files").exists():
        (folder / "input_files").symlink_to(resources / "input_files")
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}"]
    command = [sys.executable, *(torchrun if processes > 1 else []), str(ROOT / "train.py")]
    return subprocess.Popen(
        [*command, *run, *words, "--resources", str(folder)],
        stdout=(output / "printed.txt").open("w"),
        stderr=subprocess.STDOUT,
        env=ONE_THREAD,
        start_new_session=True,
    )


def printed(output):
    return (output / "printed.txt").read_text()


def wait_for(process, output, phrase):
    """Until it has printed the phrase, or has ended."""
    while process.poll() is None and phrase not in printed(output):
        time.sleep(0.05)


def kill_all(pid):
    """Kill a process and all below it, whatever group they are in."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    below = children.read_text().split() if children.exists() else []
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    for child in below:
        kill_all(int(child))
