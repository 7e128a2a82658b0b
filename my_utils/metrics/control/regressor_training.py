"""Trains the network that re-infers parameters, on the photographs of the resources folder.

A tenth of the faces, chosen by their ids, is held out: what the network gets wrong on them is the
floor under every number that it measures. To the photographs come renderings of faces whose
factors are drawn from different people, before the backgrounds of photographs: thousands of
photographs do not show enough heads, and in them one factor could be guessed from another.
"""

import dataclasses
import hashlib
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from constants import PARAM_DIM
from model.camera import center_eyes
from model.condition import shrink
from model.flame import FlameParams
from model.renderer import FaceRenderer
from my_utils.data.dataset import FaceDataset
from my_utils.data.resources import Resources
from my_utils.errors import UserError
from my_utils.files.images import to_uint8
from my_utils.metrics.control.regressor import ParameterRegressor
from my_utils.metrics.control.visible_factors import FACTORS
from my_utils.runs.config import RunConfig
from my_utils.runs.runtime import seeded

HELD_OUT_SHARE = 0.1
FEWEST = 5  # photographs to train on or to measure with
MOST = 20_000  # photographs to train on: bounds the memory (1 GB at 128 pixels)
RENDERED = 4000  # faces
BATCH = 32
EPOCHS = 14
LEARNING_RATE, WEIGHT_DECAY = 3e-3, 0.1
MOST_NOISE = 0.1  # standard deviation, images in [-1, 1]


class LabelledFaces(NamedTuple):
    """Pictures of known faces, in memory."""

    images: Tensor  # [N, 3, S, S] uint8
    params: FlameParams  # N rows

    def floats(self, rows: Tensor | slice = slice(None)) -> Tensor:
        """Some of the images in [-1, 1]."""
        return self.images[rows].float() / 127.5 - 1


def is_held_out(face_id: int) -> bool:
    """Whether a face is never trained on: the same in any data set, whatever else it holds."""
    digest = hashlib.sha256(f"face {face_id}".encode()).digest()
    return int.from_bytes(digest[:4], "big") < HELD_OUT_SHARE * 2**32


def load_photographs(
    resources: Resources, config: RunConfig, size: int, *, held_out: bool, most: int
) -> LabelledFaces:
    """The first usable photographs, either those held out or the others.

    Args:
        config: of a generator of these resources.
        size: of the photographs, one of those in the LMDB.
    """
    # The vector condition is the one that reads no renderings.
    vector = dataclasses.replace(config, condition="vector", texture_weight=0.0, resolution=size)
    dataset = FaceDataset(resources, vector)
    positions = [
        position
        for position, face in enumerate(dataset.ids.tolist())
        if face not in dataset.bad_images and is_held_out(face) == held_out
    ][:most]
    images, vectors = [], []
    for position in tqdm(positions, unit="photo", desc="reading", disable=None):
        pair = dataset[position]
        if pair.position == position:  # else it is unreadable, and this is its neighbour
            images.append(pair.photograph.permute(2, 0, 1))
            vectors.append(pair.params)
    if len(images) < min(most, FEWEST):
        kind = "held out" if held_out else "left to train on"
        raise UserError(
            f"of the {len(dataset)} faces in {resources.paths.root} only {len(images)} are {kind}: "
            "to measure control takes a hundred faces at least"
        )
    return LabelledFaces(torch.stack(images), FlameParams.from_vector(torch.stack(vectors)))


@torch.no_grad()
def rendered_faces(
    photographs: LabelledFaces,
    renderer: FaceRenderer,
    *,
    count: int,
    batch: int = 32,
    seed: int = 0,
) -> LabelledFaces:
    """Renderings of new people before the backgrounds of photographs.

    Every factor of a person is that of another face; the camera is centred on the eyes.
    """
    rng = torch.Generator().manual_seed(seed)
    device = renderer.flame.v_template.device
    vectors = photographs.params.to_vector()
    images, drawn = [], []
    with tqdm(total=count, unit="face", desc="rendering", disable=None) as progress:
        for start in range(0, count, batch):
            size = min(batch, count - start)
            *lenders, behind = torch.randint(len(vectors), (len(FACTORS) + 1, size), generator=rng)
            mixed = torch.zeros(size, PARAM_DIM)
            for rows, columns in zip(lenders, FACTORS.values(), strict=True):
                mixed[:, columns] = vectors[rows, columns]
            params = center_eyes(FlameParams.from_vector(mixed).to(device), renderer.flame)
            rendering = renderer(params)
            background = photographs.floats(behind)
            parts = [rendering.image, rendering.mask]
            face, mask = (shrink(part, background.shape[-1]).cpu() for part in parts)
            image = background + mask * (face - background)
            images.append(torch.from_numpy(to_uint8(image)).permute(0, 3, 1, 2))
            drawn.append(params.to("cpu"))
            progress.update(size)
    return LabelledFaces(torch.cat(images), FlameParams.cat(drawn))


def train_regressor(
    faces: LabelledFaces,
    weights: Tensor,  # [236] of the parameters in the loss, see component_weights
    *,
    mean: Tensor,  # [236] of the data set
    std: Tensor,  # [236]
    device: torch.device,
    width: int = 16,
    epochs: int = EPOCHS,
    seed: int = 0,
) -> ParameterRegressor:
    """Learn to read the parameters; the regressor comes in evaluation mode.

    The loss is the share of what is seen that it fails to explain, averaged over the factors: 1
    for one that always says the mean face, 0 for a perfect one.
    """
    if len(faces.images) < FEWEST:
        raise UserError(f"{len(faces.images)} photographs are too few: give {FEWEST} at least")
    with seeded(seed):
        regressor = ParameterRegressor(faces.images.shape[-1], width).to(device)
    regressor.mean.copy_(mean)
    regressor.std.copy_(std)
    targets = ((faces.params.to_vector() - mean) / std).to(device)
    weights = (weights / len(FACTORS)).to(device)
    batch = min(BATCH, len(targets))
    steps = epochs * (len(targets) // batch)
    optimizer = torch.optim.AdamW(regressor.parameters(), weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    rng = torch.Generator().manual_seed(seed)
    regressor.train()
    with seeded(seed), tqdm(total=steps, unit="step", desc="training", disable=None) as progress:
        for _ in range(steps):
            rows = torch.randint(len(targets), (batch,), generator=rng)
            images = augmented(faces.floats(rows), rng).to(device)
            error = regressor.normalised(images) - targets[rows.to(device)]
            loss = (error.square() * weights).sum(dim=1).mean()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            progress.update()
    return regressor.eval().requires_grad_(False)


def augmented(
    images: Tensor,  # [N, 3, S, S] in [-1, 1]
    rng: torch.Generator,
) -> Tensor:
    """The same faces with the noise and the blur of other cameras, drawn for each.

    Nothing else: brightness and colour are the light's and the skin's, mirrored faces are others.
    """
    noise, blur = torch.rand((2, len(images), 1, 1, 1), generator=rng)
    blurred = F.avg_pool2d(images, 3, stride=1, padding=1, count_include_pad=False)
    images = images + blur * (blurred - images)
    return images + MOST_NOISE * noise * torch.randn(images.shape, generator=rng)
