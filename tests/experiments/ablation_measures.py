"""What the ablation measures of a generator of the demo."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from model.flame import FlameParams
from my_utils.data.dataset import FaceDataset
from my_utils.data.resources import Resources
from my_utils.demo.held_out import held_out_faces, held_out_photographs
from my_utils.faces.synthesizer import FaceSynthesizer
from my_utils.files.images import from_uint8, to_uint8
from my_utils.metrics.artefacts import draw, measure_artefacts
from my_utils.metrics.condition_error import condition_error
from my_utils.metrics.control.regressor import load_regressor
from my_utils.metrics.fid.distances import (
    FeatureStatistics,
    collect_statistics,
    frechet_distance,
)
from my_utils.runs.config import run_config

HELD_OUT, CONTINUA, STYLES = 64, 4, 64
FRECHET_FACES = 1000
BATCH = 16


def measure(generator: Path, data: Path, *, device: str) -> dict[str, float]:
    """Condition error, Fréchet distance in the regressor's features, and artefacts.

    Lines and recall are shares of the photographs', flicker is a multiple of the renderings'.
    """
    synthesizer = FaceSynthesizer.from_checkpoint(
        generator, resources=data / "plain", device=device
    )
    size = synthesizer.config.resolution

    def photographer(params: FlameParams, styles: Sequence[int]) -> Tensor:
        return held_out_photographs(params, styles, size)

    faces = held_out_faces(HELD_OUT, size)
    artefacts = measure_artefacts(
        synthesizer,
        faces.params,
        faces.photographs,
        photographer,
        batch=BATCH,
        continua=CONTINUA,
        styles=STYLES,
    )
    params = synthesizer.dataset_params()[:FRECHET_FACES]
    images = draw(synthesizer, params, range(len(params)), batch=BATCH).image
    statistics = regressor_statistics(images, data, device)
    return {
        "condition": condition_error(synthesizer, *faces, batch=BATCH).ratio,
        "frechet": frechet_distance(statistics, photograph_statistics(data, device)),
        "border": artefacts["border"].value / artefacts["border"].floor,
        "silhouette": artefacts["silhouette"].value / artefacts["silhouette"].floor,
        "flicker": artefacts["flicker"].value,
        "style_recall": artefacts["style_recall"].value / artefacts["style_recall"].floor,
    }


def regressor_statistics(images: Tensor, data: Path, device: str) -> FeatureStatistics:
    """Of 8-bit images, in the features of the regressor beside the data."""
    regressor = load_regressor(data / "regressor-64.safetensors").to(device)
    parts = from_uint8(to_uint8(images)).split(64)
    return collect_statistics(regressor.features(part.to(device)) for part in parts)


@cache
def photograph_statistics(data: Path, device: str) -> FeatureStatistics:
    """Of all photographs of the data."""
    dataset = FaceDataset(Resources(data / "plain"), run_config(24, demo=True))
    images = torch.stack([dataset[position].image for position in range(len(dataset))])
    return regressor_statistics(images, data, device)
