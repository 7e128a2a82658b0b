"""The picture that training shows of itself: the same faces in the same styles every time."""

import torch
from PIL import Image

from model.condition import shrink
from model.flame import FlameParams
from my_utils.data.dataset import FaceDataset
from my_utils.faces.synthesizer import FaceSynthesizer
from my_utils.files.images import image_grid

GRID_FACES = 8


def sample_grid(synthesizer: FaceSynthesizer, dataset: FaceDataset) -> Image.Image:
    """The first faces of the data set: photograph, what the network sees, two styles."""
    samples = [dataset[position] for position in range(min(GRID_FACES, len(dataset)))]
    params = FlameParams.from_vector(torch.stack([sample.params for sample in samples]))
    styles = [
        synthesizer(params, [seed + offset for seed in range(len(samples))])
        for offset in (0, len(samples))
    ]
    size = synthesizer.config.resolution
    rows = {
        "photograph": torch.stack([sample.image for sample in samples]),
        "rendering": shrink(styles[0].render, size),
        "normal map": shrink(styles[0].normal_map, size),
        "style 1": styles[0].image,
        "style 2": styles[1].image,
    }
    return image_grid(
        torch.cat([images.cpu() for images in rows.values()]),
        columns=len(samples),
        row_labels=list(rows),
    )
