"""The networks whose features are compared: Inception as FID defines it, or our own regressor.

Nothing is ever downloaded. FID is defined by one file of weights, so any other is refused.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import my_utils.metrics.fid.torchvision_operators  # noqa: F401 (torch_fidelity imports torchvision, which has to be helped)

# isort: split
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from my_utils.errors import UserError
from my_utils.files.atomic import file_sha256
from my_utils.metrics.control.regressor import load_regressor
from my_utils.metrics.fid.distances import NEIGHBOURS

INCEPTION_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
INCEPTION_URL = "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
# The same bytes under the names that torch-fidelity and pytorch-fid gave them.
INCEPTION_FILES = (
    "weights-inception-2015-12-05-6726825d.pth",
    "pt_inception-2015-12-05-6726825d.pth",
)
INCEPTION_DIM = 2048


@dataclass(frozen=True)
class FeatureNetwork:
    """Turns images into features, and says what the distances between them are called."""

    name: str
    extract: Callable[[Tensor], Tensor]  # images [N, 3, R, R] in [0, 1] -> features [N, D]
    resize: str  # how images are brought to the size of the network
    weights_sha256: str
    minimum: int  # images without which the covariance means nothing
    measures: Mapping[str, str]  # names in `fid.compare` -> names in reports


def inception_weights(chosen: Path | None) -> Path:
    """The weights of FID's Inception network: the file chosen, or the one in torch's cache.

    Raises:
        UserError: there is none, or it is another file.
    """
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    candidates = [chosen] if chosen else [folder / name for name in INCEPTION_FILES]
    found = [path for path in candidates if path.is_file()]
    how = (
        f"download {INCEPTION_URL}{INCEPTION_FILES[0]} (96 MB, sha256 {INCEPTION_SHA256}) to "
        f"{folder}, or name it with --weights FILE"
    )
    if not found:
        raise UserError(
            f"the weights of FID's Inception network, {candidates[0]}, are missing: {how}"
        )
    if file_sha256(found[0]) != INCEPTION_SHA256:
        raise UserError(f"{found[0]} is not FID's Inception network: {how}")
    return found[0]


def inception(path: Path, device: torch.device, *, published: bool) -> FeatureNetwork:
    """FID's Inception network with its 2048 pooled features.

    Args:
        path: as `inception_weights` gives it, which has checked that it is the known file.
        published: prepare images as GIF's own code did, instead of as the original TensorFlow one.
    """
    network = FeatureExtractorInceptionV3(
        "inception-v3", [str(INCEPTION_DIM)], feature_extractor_weights_path=str(path)
    ).to(device)
    # The same without the library's own preparation and without the classifier.
    trunk = nn.Sequential(*list(network.children())[:-1], nn.Flatten())

    def original_features(images: Tensor) -> Tensor:
        return network((images * 255).round().to(torch.uint8))[0]

    def published_features(images: Tensor) -> Tensor:
        images = F.interpolate(images, (299, 299), mode="bilinear", align_corners=False)
        return trunk(images * 2 - 1)

    grid = (
        "between pixel centres (PyTorch)" if published else "between pixel corners (TensorFlow 1)"
    )
    return FeatureNetwork(
        name="inception-published" if published else "inception",
        extract=published_features if published else original_features,
        resize=f"bilinear to 299 px {grid}",
        weights_sha256=INCEPTION_SHA256,
        minimum=INCEPTION_DIM + 1,
        measures={"frechet": "fid", "kernel": "kid", "kernel_std": "kid_std"},
    )


def control(path: Path, device: torch.device) -> FeatureNetwork:
    """The features of the regressor that re-infers parameters: no FID, but needs no download."""
    regressor = load_regressor(path).to(device)
    names = ("frechet", "kernel", "kernel_std", "precision", "recall")
    return FeatureNetwork(
        name="control",
        extract=lambda images: regressor.features(images * 2 - 1),
        resize=f"averages of areas to {regressor.size} px",
        weights_sha256=file_sha256(path),
        minimum=NEIGHBOURS + 2,
        measures={name: f"{name}_control" for name in names},
    )
