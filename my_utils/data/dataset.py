"""The training data: photographs paired with the renderings and parameters of their faces.

A few records of 70 000 may be unreadable, and DECA failed on some photographs. Such a face is
replaced, as a whole, by the next usable one; too many of them stop the run with a clear sentence.
"""

import warnings
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from model.condition import shrink
from my_utils.data.lmdb_images import NORMAL_MAP, LmdbImages, RecordError, image_key
from my_utils.data.origins import HEAD, codes_problem, flame_digest, head_problem
from my_utils.data.resource_files import FILES
from my_utils.data.resources import Resources
from my_utils.errors import UserError
from my_utils.files.images import from_levels
from my_utils.runs.config import RunConfig

MAX_CORRUPT_IN_A_ROW = 10
MAX_CORRUPT_SHARE = 0.001  # of the data set; ten are always forgiven
MIN_STD = 1e-6  # of a parameter; below it the parameter is constant


class TrainingPair(NamedTuple):
    """One face of the data set, or a batch of them with one dimension more.

    Pictures stay 8-bit until they are on the device that needs them: they pass from process to
    process, and to a GPU, in a quarter of the bytes.
    """

    photograph: Tensor  # uint8 [R, R, 3]
    renderings: Tensor  # uint8 [S, S, 3 or 6], those of the condition; 0 channels for the vector
    params: Tensor  # [236]
    position: int  # in the parameter table

    @property
    def image(self) -> Tensor:  # [3, R, R] in [-1, 1]
        """The photograph."""
        return from_levels(self.photograph)

    @property
    def condition(self) -> Tensor:  # [3 or 6, R, R] in [-1, 1], or [236] for the vector condition
        """What the networks are told about it."""
        if not self.renderings.shape[-1]:
            return self.params
        return shrink(from_levels(self.renderings), self.photograph.shape[-2])

    def to(self, device: torch.device) -> "TrainingPair":
        """The same with pictures and parameters there."""
        photograph, renderings, params = (
            tensor.to(device, non_blocking=True)
            for tensor in (self.photograph, self.renderings, self.params)
        )
        return TrainingPair(photograph, renderings, params, self.position)


class FaceDataset(Dataset[TrainingPair]):
    """Face at position p: the p-th entry of the parameter file with its photograph and renderings.

    Args:
        resources: where the LMDBs and the parameter file are.
        config: `resolution` of the pairs, `render_size` in the LMDB, and the `condition` kind.

    Raises:
        UserError: files are missing or incomplete, or lack pictures of the sizes wanted; when
            reading: 10 unreadable faces in a row, or more than 0.1 % of all.
    """

    def __init__(self, resources: Resources, config: RunConfig):
        self.resolution = config.resolution
        self.render_size = config.render_size
        kinds = [] if config.condition == "vector" else config.condition.split("+")
        self.prefixes = {kind: {"render": "", "normal": NORMAL_MAP}[kind] for kind in kinds}
        resources.require("parameters", "photographs", *(["renderings"] if kinds else []))
        self.ids, self.vectors = resources.parameters
        self.bad_images = resources.bad_images
        paths = resources.paths
        self.photographs = LmdbImages(paths.photographs, made_by=FILES["photographs"].source)
        self.renderings = LmdbImages(paths.renderings, made_by=FILES["renderings"].source)
        self._corrupt: dict[int, str] = {}
        _require_size(self.photographs, "", self.resolution, "--resolution")
        for prefix in self.prefixes.values():
            _require_size(self.renderings, prefix, self.render_size, "--render_size")
        if kinds:
            self._check_origin(resources, config)

    def _check_origin(self, resources: Resources, config: RunConfig) -> None:
        """UserError where the renderings are known to show other faces or another head.

        The head is compared where the texture loss reads it anyway.
        """
        problem = codes_problem(self.renderings, resources.parameters)
        if problem is None and config.texture_weight and self.renderings.record(HEAD):
            problem = head_problem(self.renderings, flame_digest(resources))
        if problem:
            raise UserError(problem)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, position: int) -> TrainingPair:
        if not 0 <= position < len(self):
            raise IndexError(f"position {position} of {len(self)}")
        in_a_row = 0
        for step in range(len(self)):
            candidate = (position + step) % len(self)
            face_id = int(self.ids[candidate])
            if face_id in self.bad_images:
                continue
            try:
                return self._load(candidate, face_id)
            except RecordError as error:
                in_a_row += 1
                self._count_corrupt(face_id, str(error), in_a_row)
        raise UserError(f"all {len(self)} faces are unreadable or on the list of bad images")

    def parameter_statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation [236] over the data set; 1 where a parameter is constant."""
        usable = ~np.isin(self.ids, list(self.bad_images))
        vectors = self.vectors[usable].astype(np.float64)
        mean, std = vectors.mean(axis=0), vectors.std(axis=0)
        std[std < MIN_STD] = 1
        return torch.from_numpy(mean).float(), torch.from_numpy(std).float()

    def _load(self, position: int, face_id: int) -> TrainingPair:
        key = image_key(self.resolution, face_id)
        photograph = self.photographs.get(key, size=self.resolution)
        size = self.render_size
        renderings = np.empty((size, size, 3 * len(self.prefixes)), dtype=np.uint8)
        for number, prefix in enumerate(self.prefixes.values()):
            picture = self.renderings.get(image_key(size, face_id, prefix), size=size)
            for channel in range(3):  # all at once are slower, as NumPy copies three bytes a time
                renderings[..., 3 * number + channel] = picture[..., channel]
        params = torch.tensor(self.vectors[position])
        return TrainingPair(
            torch.from_numpy(photograph), torch.from_numpy(renderings), params, position
        )

    def _count_corrupt(self, face_id: int, reason: str, in_a_row: int) -> None:
        """Note an unreadable face, warn about it once, and stop when there are too many."""
        if face_id not in self._corrupt:
            warnings.warn(f"face {face_id:05d} is replaced by the next: {reason}", stacklevel=3)
        self._corrupt[face_id] = reason
        limit = max(MAX_CORRUPT_IN_A_ROW, MAX_CORRUPT_SHARE * len(self))
        if in_a_row >= MAX_CORRUPT_IN_A_ROW or len(self._corrupt) > limit:
            raise UserError(
                f"{len(self._corrupt)} of {len(self)} faces cannot be read, the last one because "
                f"{reason}: build the LMDB again with {self.photographs.made_by} or "
                f"{self.renderings.made_by}"
            )


def _require_size(images: LmdbImages, prefix: str, size: int, flag: str) -> None:
    sizes = images.sizes(prefix)
    if size not in sizes:
        kind = "normal maps" if prefix else "pictures"
        found = ", ".join(map(str, sizes)) or "none at all"
        raise UserError(
            f"{images.path} has no {kind} of {size} pixels (sizes there: {found}): pass {flag} "
            f"with one of these, or make it with {images.made_by}"
        )


def check_pairing(dataset: FaceDataset) -> list[str]:
    """What does not fit between the parameter file and the two LMDBs; empty if all does.

    Reads keys only, so a face that is there but unreadable is not noticed.
    """
    wanted = np.setdiff1d(dataset.ids, list(dataset.bad_images))
    sources = [(dataset.photographs, dataset.resolution, "")]
    sources += [(dataset.renderings, dataset.render_size, p) for p in dataset.prefixes.values()]
    problems = []
    for images, size, prefix in sources:
        missing = np.setdiff1d(wanted, images.ids(size, prefix))
        if len(missing):
            problems.append(
                f"{len(missing)} of {len(wanted)} faces have no record {prefix}{size} in "
                f"{images.path}, the first is id {missing[0]:05d}: make it with {images.made_by}"
            )
    if dataset.prefixes:
        first_prefix = next(iter(dataset.prefixes.values()))
        extra = np.setdiff1d(dataset.renderings.ids(dataset.render_size, first_prefix), dataset.ids)
        if len(extra):
            problems.append(
                f"{dataset.renderings.path} has {len(extra)} faces that the parameter file lacks, "
                f"the first is id {extra[0]:05d}: it was made from other parameters"
            )
    return problems


class InfiniteSampler(Sampler[int]):
    """Shuffled positions without end, where the n-th is a function of the seed and n alone.

    A run that starts at the number of images it has seen continues exactly where it stopped, and
    several processes share one order: process r of w takes places r, r + w, r + 2w, ... of it.
    """

    def __init__(
        self, length: int, *, seed: int, start: int = 0, rank: int = 0, world_size: int = 1
    ):
        self.length = length
        self.seed = seed
        self.start = start
        self.rank = rank
        self.world_size = world_size

    def __iter__(self) -> Iterator[int]:
        place = self.start + self.rank
        current_epoch, order = -1, np.empty(0, dtype=np.int64)
        while True:
            epoch, offset = divmod(place, self.length)
            if epoch != current_epoch:
                order = np.random.default_rng([self.seed, epoch]).permutation(self.length)
                current_epoch = epoch
            yield int(order[offset])
            place += self.world_size
