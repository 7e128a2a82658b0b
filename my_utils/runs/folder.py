"""The folders of one run, and the lock that lets only one process write into them."""

import fcntl
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy
import torch

from constants import REPOSITORY
from my_utils.errors import UserError
from my_utils.files.atomic import atomic_path, remove_partial_files


class RunDir:
    """`checkpoint/<run_id>` and `sample/<run_id>` below one output root.

    A second experiment of a run has a name, and folders called `<run_id>-<name>`.
    """

    def __init__(self, output_root: Path, run_id: int, name: str = "") -> None:
        self.run_id = run_id
        folder = f"{run_id}-{name}" if name else str(run_id)
        self.checkpoints = output_root / "checkpoint" / folder
        self.samples = output_root / "sample" / folder

    def __enter__(self) -> "RunDir":
        """Create the folders and lock them; the kernel frees the lock however the process ends."""
        try:
            self.checkpoints.mkdir(parents=True, exist_ok=True)
            self.samples.mkdir(parents=True, exist_ok=True)
            self._lock = (self.checkpoints / "lock").open("a+")
        except OSError as error:
            raise UserError(f"cannot write into {self.checkpoints}: {error.strerror}") from error
        try:
            # Not flock: workers that outlive a killed process would hold on to its lock.
            fcntl.lockf(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):  # POSIX leaves the choice to the system
            self._lock.seek(0)
            owner = self._lock.read().strip() or "another process"
            self._lock.close()
            raise UserError(
                f"run {self.run_id} is being trained by {owner} in {self.checkpoints}: "
                "stop it, or train another run id or resources folder"
            ) from None
        self._lock.truncate(0)
        self._lock.write(f"process {os.getpid()} on {platform.node()}")
        self._lock.flush()
        for folder in (self.checkpoints, self.samples):
            remove_partial_files(folder)
        return self

    def owner(self) -> str | None:
        """Who trains this run now, if anybody does; nothing is created.

        Not within the context itself: closing the file there would give up its lock.
        """
        path = self.checkpoints / "lock"
        if not path.exists():
            return None
        with path.open("a+") as lock:
            try:
                fcntl.lockf(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError):
                lock.seek(0)
                return lock.read().strip() or "another process"
        return None

    def __exit__(self, *exception: object) -> None:
        self._lock.close()

    def write_provenance(self, config: dict) -> None:
        """Record what made this run in `run.json`: configuration, code, versions, command."""
        record = {
            "config": config,
            "command": sys.argv,
            "commit": _git("rev-parse", "HEAD"),
            "uncommitted_changes": bool(_git("status", "--porcelain")),
            "host": platform.node(),
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": numpy.__version__,
        }
        with atomic_path(self.checkpoints / "run.json") as temporary:
            temporary.write_text(json.dumps(record, indent=2) + "\n")


def _git(*command: str) -> str | None:
    try:
        done = subprocess.run(
            # A kill meanwhile leaves no lock in the repository.
            ["git", "--no-optional-locks", "-C", str(REPOSITORY), *command],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
