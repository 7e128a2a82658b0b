"""Draws the faces of a generator and measures how far they are from the photographs.

Every number is kept together with what it takes to know what it means: one line of
`measures.jsonl` each.
"""

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from constants import LARGEST_SEED
from model.flame import FlameParams
from my_utils.data.dataset import InfiniteSampler
from my_utils.errors import UserError
from my_utils.faces.synthesizer import FaceSynthesizer
from my_utils.files.images import to_uint8
from my_utils.metrics.fid.distances import FeatureStatistics, collect_statistics, compare
from my_utils.metrics.fid.feature_networks import FeatureNetwork
from my_utils.metrics.fid.protocol import Protocol
from my_utils.metrics.fid.reference import unit_images
from my_utils.metrics.records import append_measure


@dataclass(frozen=True)
class Measurement:
    """One generator, to be compared with its photographs by one protocol."""

    synthesizer: FaceSynthesizer
    network: FeatureNetwork
    protocol: Protocol
    reference: FeatureStatistics
    seed: int = 0  # of the faces drawn and of the subsets of KID
    batch: int = 8
    truncation: float = 1.0

    def faces(self) -> tuple[FlameParams, list[int]]:
        """The faces that the protocol draws, and their styles.

        Published are the first faces of the parameter file; otherwise they come in random order.
        Either way each comes once before any comes again.
        """
        scenes, count = self.synthesizer.dataset_params(), self.protocol.count
        order: Iterable[int] = InfiniteSampler(len(scenes), seed=self.seed)
        if self.protocol.published:
            order = (row % len(scenes) for row in range(count))
        first = self.seed * count % LARGEST_SEED
        styles = range(first, first + count)
        return scenes[list(islice(order, count))], list(styles)

    def measure(
        self,
        params: FlameParams,  # N rows
        styles: Sequence[int],
    ) -> dict[str, float]:
        """Draw these faces; every distance by the name it has in reports."""
        return self.distances(self.features(params, styles))

    def features(
        self,
        params: FlameParams,  # N rows
        styles: Sequence[int],
    ) -> Iterator[Tensor]:
        """Draw these faces and give what the network sees in them, a few rows at a time."""
        images = self._published_images if self.protocol.published else self._png_images
        return map(self.network.extract, images(params, styles))

    def distances(self, features: Iterable[Tensor]) -> dict[str, float]:
        """How far the features of generated faces are from the photographs'."""
        generated = collect_statistics(features)
        if generated.mean.shape != self.reference.mean.shape:
            raise UserError(
                f"the statistics of the photographs are of {len(self.reference.mean)} features, "
                f"{self.network.name} has {len(generated.mean)}"
            )
        distances = compare(generated, self.reference, seed=self.seed)
        return {self.network.measures.get(name, name): value for name, value in distances.items()}

    def append(self, path: Path, values: Mapping[str, float], **more: object) -> None:
        """Add each value to a file, one line of JSON with all that explains it."""
        config = self.synthesizer.config
        explanation = {
            "count": self.protocol.count,
            "reference_count": self.reference.count,
            "resolution": config.resolution,
            "features": self.network.name,
            "resize": self.network.resize,
            "weights_sha256": self.network.weights_sha256,
            "seed": self.seed,
            "truncation": self.truncation,
            "run_id": config.run_id,
            "generator": str(self.synthesizer.file),
            "nimg": self.synthesizer.nimg,
            "time": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            **more,
        }
        for name, value in values.items():
            append_measure(
                path, measure=name, value=value, protocol=self.protocol.name, **explanation
            )

    def _png_images(self, params: FlameParams, styles: Sequence[int]) -> Iterator[Tensor]:
        """The faces as a PNG holds them, in 256 levels: [n, 3, R, R] in [0, 1]."""
        for images in self._drawn(params, styles):
            yield unit_images(to_uint8(images)).to(images.device)

    def _published_images(self, params: FlameParams, styles: Sequence[int]) -> Iterator[Tensor]:
        """The faces scaled by the extremes of them all to [0, 1], so they are drawn twice."""
        extremes = [torch.stack(images.aminmax()) for images in self._drawn(params, styles)]
        lows, highs = torch.stack(extremes).unbind(dim=1)
        low, high = lows.min(), highs.max()
        for images in self._drawn(params, styles):
            yield (images - low) / (high - low)

    def _drawn(self, params: FlameParams, styles: Sequence[int]) -> Iterator[Tensor]:
        """The faces as the generator gives them."""
        batches = self.synthesizer.batches(
            params, styles, batch=self.batch, truncation_psi=self.truncation
        )
        with tqdm(total=len(params), unit="face", disable=None) as progress:
            for faces in batches:
                if not torch.isfinite(faces.image).all():
                    raise UserError(f"{self.synthesizer.file} draws images that are not finite")
                yield faces.image
                progress.update(len(faces.image))
