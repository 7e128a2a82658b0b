"""The feature statistics of the photographs: computed once and kept in a file.

The file's description says what it was computed from and how. Its name holds a digest of that, so
other photographs, another network or another size never meet an old file.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from my_utils.data.lmdb_images import LmdbImages, RecordError, image_key
from my_utils.data.resource_files import FILES
from my_utils.data.resources import Resources
from my_utils.errors import UserError
from my_utils.files.atomic import atomic_path
from my_utils.files.workers import ordered_map
from my_utils.metrics.fid.distances import FeatureStatistics, collect_statistics
from my_utils.metrics.fid.feature_networks import FeatureNetwork
from my_utils.untrusted.fields import as_numbers, read_fields, require
from my_utils.untrusted.reader import reading

PUBLISHED_NAME = re.compile(r"ffhq_(\d+)X\1_fid_stats\.npz")
DIGEST_PICTURES = 1000  # so few changed ones that these do not show it move no statistic
DECODING_THREADS = 4

Description = dict[str, str | int]


class Photographs:
    """The photographs of one size in a resources folder, in an order that tells nothing."""

    def __init__(self, resources: Resources, size: int, *, limit: int | None = None) -> None:
        """Choose the first `limit` photographs, or all of them.

        Raises:
            UserError: there is no LMDB, or it lacks photographs of this size.
        """
        resources.require("photographs")
        self.size = size
        self._lmdb = LmdbImages(resources.paths.photographs, made_by=FILES["photographs"].source)
        self._ids = self._lmdb.ids(size)[:limit]
        if not len(self._ids):
            sizes = ", ".join(map(str, self._lmdb.sizes())) or "none"
            raise UserError(
                f"{self._lmdb.path} has no photographs of {size} pixels to compare with (sizes "
                f"there: {sizes}): make it with {self._lmdb.made_by}"
            )

    def __len__(self) -> int:
        return len(self._ids)

    def digest(self) -> str:
        """A sha256 of all ids and of up to 1000 pictures spread evenly over them."""
        digest = hashlib.sha256(self._ids.tobytes())
        for place in np.linspace(0, len(self) - 1, min(len(self), DIGEST_PICTURES)).astype(int):
            digest.update(self._pixels(self._ids[place]).tobytes())
        return digest.hexdigest()

    def batches(self, batch: int) -> Iterator[Tensor]:
        """All of them, shuffled: [N, 3, R, R] in [0, 1]."""
        ids = np.random.default_rng(0).permutation(self._ids)
        with ThreadPoolExecutor(DECODING_THREADS) as pool:
            waiting = []
            for pixels in ordered_map(pool, self._pixels, ids, ahead=2 * batch):
                waiting.append(pixels)
                if len(waiting) == batch:
                    yield unit_images(np.stack(waiting))
                    waiting = []
            if waiting:
                yield unit_images(np.stack(waiting))

    def _pixels(self, face_id: int) -> np.ndarray:
        try:
            return self._lmdb.get(image_key(self.size, face_id), size=self.size)
        except RecordError as error:
            raise UserError(f"{error}: make it again with {self._lmdb.made_by}") from error


def unit_images(
    pixels: np.ndarray,  # uint8 [N, H, W, 3]
) -> Tensor:
    """Floats in [0, 1], channels first: [N, 3, H, W]."""
    return torch.from_numpy(pixels).movedim(-1, 1).float() / 255


def reference_statistics(
    photographs: Photographs,
    network: FeatureNetwork,
    *,
    folder: Path,  # of the statistics kept
    batch: int,
    device: torch.device,
) -> FeatureStatistics:
    """Read the statistics of these photographs, or compute and keep them.

    Raises:
        UserError: there are too few photographs, or one is unreadable.
    """
    if len(photographs) < network.minimum:
        raise UserError(
            f"{len(photographs)} photographs are too few to compare with: the {network.name} "
            f"features need at least {network.minimum}"
        )
    expected = _expected(network, photographs.size) | {"photographs": photographs.digest()}
    digest = hashlib.sha256(json.dumps(expected).encode()).hexdigest()
    path = folder / f"{network.name}-{photographs.size}-{digest[:16]}.npz"
    if path.exists():
        return _load(path, expected)
    with tqdm(total=len(photographs), unit="photograph", disable=None) as progress:

        def features() -> Iterator[Tensor]:
            for images in photographs.batches(batch):
                yield network.extract(images.to(device))
                progress.update(len(images))

        statistics = collect_statistics(features())
    _save(path, statistics, expected)
    return statistics


def load_statistics(path: Path, network: FeatureNetwork, size: int) -> FeatureStatistics:
    """Read statistics that were computed elsewhere, by this project or as published.

    Published files (`ffhq_256X256_fid_stats.npz`) hold `mu` and `sigma` alone: they do not say how
    they were made, and give only the Fréchet distance.

    Raises:
        UserError: the file is missing, damaged, or of another protocol or size.
    """
    published = PUBLISHED_NAME.fullmatch(path.name)
    if published is None:
        return _load(path, _expected(network, size))
    if network.name != "inception-published":
        raise UserError(f"{path} has published statistics: they need --protocol published")
    if int(published[1]) != size:
        raise UserError(f"{path} is of {published[1]} pixels, the generator draws {size}")
    fields = read_fields(path)
    with reading(path):
        return FeatureStatistics(None, *_moments(fields))


def _expected(network: FeatureNetwork, size: int) -> Description:
    return {
        "features": network.name,
        "resize": network.resize,
        "weights_sha256": network.weights_sha256,
        "resolution": size,
    }


def _save(path: Path, statistics: FeatureStatistics, description: Description) -> None:
    assert statistics.count is not None and statistics.kept is not None  # they are computed here
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            mu=statistics.mean,
            sigma=statistics.covariance,
            count=statistics.count,
            kept=statistics.kept.numpy(),
            description=json.dumps(description),
        )


def _load(path: Path, expected: Description) -> FeatureStatistics:
    """Read a file of `_save` whose description agrees with what is expected, in every point."""
    fields = read_fields(path)
    with reading(path):
        require(fields, "description", "count", "kept")
        found = json.loads(str(fields["description"]))
        for name, value in expected.items():
            if found.get(name) != value:
                raise UserError(
                    f"{path} belongs to another protocol or size: its {name} is "
                    f"{found.get(name)!r} instead of {value!r}"
                )
        return FeatureStatistics(
            int(fields["count"]), *_moments(fields), torch.from_numpy(fields["kept"])
        )


def _moments(fields: Mapping) -> tuple[np.ndarray, np.ndarray]:
    require(fields, "mu", "sigma")
    mean, covariance = (as_numbers(fields[n], n).astype(np.float64) for n in ("mu", "sigma"))
    if mean.ndim != 1 or covariance.shape != 2 * mean.shape:
        raise ValueError(f"mu {mean.shape} and sigma {covariance.shape} do not fit together")
    if not np.isfinite(mean).all() or not np.allclose(covariance, covariance.T):
        raise ValueError("mu and sigma are no mean and covariance")
    return mean, covariance
