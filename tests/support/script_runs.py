"""Runs the scripts of plots/ as a person does, and opens what they wrote."""

import os
import subprocess
import sys
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
ONE_THREAD = os.environ | {"OMP_NUM_THREADS": "1"}


def run(script, *words, folder):
    command = [sys.executable, str(ROOT / "plots" / script), *map(str, words)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=ONE_THREAD)


def pictures(folder):
    return {
        str(path.relative_to(folder)): np.array(Image.open(path)) for path in folder.rglob("*.png")
    }


def open_mp4(path):
    """What ffmpeg says about a film, and its frames, uint8 [T, H, W, 3]."""
    reader = imageio_ffmpeg.read_frames(str(path))
    about = next(reader)
    width, height = about["size"]
    frames = [np.frombuffer(frame, np.uint8).reshape(height, width, 3) for frame in reader]
    return about, np.stack(frames)


def open_gif(path):
    """The frames of a film, uint8 [T, H, W, 3], and how long each is shown, in milliseconds."""
    frames, durations = [], []
    with Image.open(path) as film:
        for number in range(film.n_frames):
            film.seek(number)
            frames.append(np.array(film.convert("RGB")))
            durations.append(film.info["duration"])
    return np.stack(frames), durations
