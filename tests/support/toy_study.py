"""Small folders of perceptual studies in the form of mturk/sample_faces.py, and its scripts."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from my_utils.study.manifest import Picture, write_manifest

MTURK = Path(__file__).resolve().parents[2] / "mturk"
MODELS = {"full_model": 29, "vector_cond": 24, "norm_mp_tex_interp": 3}
SIZE = 16  # pixels


def load_script(name: str):
    """A script of mturk/ as a module, named so that no other module is hidden."""
    spec = importlib.util.spec_from_file_location(f"script_{name}", MTURK / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def call_script(monkeypatch, name: str, *words) -> None:
    """Run a script's main as `python mturk/<name>.py <words>` would."""
    monkeypatch.setattr(sys, "argv", [f"{name}.py", *map(str, words)])
    load_script(name).main()


def face_pixels(condition: int, size: int = SIZE) -> np.ndarray:
    """A picture of its own for every condition: a bright square that wanders and grows."""
    pixels = np.zeros((size, size, 3), np.uint8)
    pixels[condition % 7 : condition % 7 + 4, : 3 + condition] = 40 + 10 * condition
    return pixels


def write_pairwise_study(folder: Path, conditions: int = 6) -> list[Picture]:
    """Three models; the full one comes first."""
    pictures = []
    for model, run_id in MODELS.items():
        prefix = "mdl1_" if model == "full_model" else "mdl2_"
        for condition in range(conditions):
            file = f"{model}/{prefix}_{condition:04d}.png"
            picture = Picture(
                file, "pairwise", "generated", model, run_id, condition, condition, None, 7
            )
            pictures.append(picture)
    for condition in range(conditions):
        file = f"full_model/mesh_{condition:04d}.png"
        pictures.append(
            Picture(file, "pairwise", "mesh", "", None, condition, condition, None, None)
        )
    return _write(folder, pictures)


def write_likert_study(folder: Path, conditions: int = 6, styles: int = 3) -> list[Picture]:
    """Every face in every style."""
    pictures = [
        Picture(
            file=f"textured_rendering/{style}_{condition:04d}.png",
            study="likert",
            kind="pair",
            model="full_model",
            run_id=29,
            condition=condition,
            params_row=condition,
            style=style,
            seed=100 + style,
        )
        for condition in range(conditions)
        for style in range(styles)
    ]
    return _write(folder, pictures)


def _write(folder: Path, pictures: list[Picture]) -> list[Picture]:
    for picture in pictures:
        pixels = face_pixels(picture.condition)
        if picture.kind == "pair":
            gap = np.full((SIZE, 5, 3), 127, np.uint8)
            pixels = np.concatenate([255 - pixels, gap, pixels], axis=1)
        path = folder / picture.file
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    write_manifest(folder, pictures)
    return pictures
