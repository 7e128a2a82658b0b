"""How far two sets of images are apart, judged by the features that a network sees in them.

Mean and covariance are added up as features come, and of the features themselves only the first
ten thousand are kept: memory does not depend on the number of images.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from scipy.linalg import lapack
from torch import Tensor

import my_utils.metrics.fid.torchvision_operators  # noqa: F401 (torch_fidelity imports torchvision, which has to be helped)

# isort: split
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric

KEPT_FEATURES = 10_000
KID_SUBSET = 1000  # images in each of the library's 100 subsets, or all where there are fewer
NEIGHBOURS = 3  # the k of precision and recall
DISTANCE_ROWS = 2000  # feature rows compared at once with all others
ADDED_ROWS = 256  # feature rows added at once: a few at a time take twice as long


@dataclass(frozen=True, eq=False)
class FeatureStatistics:
    """What is known about the features of a set of images."""

    count: int | None  # of the images; published statistics do not tell it
    mean: np.ndarray  # float64 [D]
    covariance: np.ndarray  # float64 [D, D], the unbiased estimate
    kept: Tensor | None = None  # float32 [K, D] of the first images, on the CPU, if there are any


def collect_statistics(
    batches: Iterable[Tensor],  # features [N, D] of any device
) -> FeatureStatistics:
    """Add up the statistics of at least two feature rows, in float64, where the features are."""
    mean: Tensor | None = None
    scatter: Tensor | None = None
    count, kept, room = 0, [], KEPT_FEATURES
    for batch in _at_least(ADDED_ROWS, batches):
        rows = batch.double()
        batch_mean = rows.mean(dim=0)
        if mean is None or scatter is None:
            mean, scatter = torch.zeros_like(batch_mean), rows.new_zeros(2 * batch_mean.shape)
        # Chan, Golub and LeVeque's update: no large sums whose difference is small.
        centred, step, total = rows - batch_mean, batch_mean - mean, count + len(rows)
        scatter.addmm_(centred.T, centred)
        scatter.addr_(step, step, alpha=count * len(rows) / total)
        mean += step * (len(rows) / total)
        count = total
        if room:  # an empty slice would hold on to its batch
            kept.append(batch[:room].float().cpu())
            room -= len(kept[-1])
    if mean is None or scatter is None:
        raise ValueError("there are no features")
    if count < 2:
        raise ValueError("one image has no covariance: give two at least")
    covariance = (scatter / (count - 1)).cpu().numpy()
    return FeatureStatistics(count, mean.cpu().numpy(), covariance, torch.cat(kept))


def _at_least(count: int, batches: Iterable[Tensor]) -> Iterator[Tensor]:
    """The rows of small batches, `count` or more at a time, and at last what is left."""
    waiting: list[Tensor] = []
    for batch in batches:
        waiting.append(batch)
        if sum(map(len, waiting)) >= count:
            yield torch.cat(waiting)
            waiting = []
    if waiting:
        yield torch.cat(waiting)


def frechet_distance(a: FeatureStatistics, b: FeatureStatistics) -> float:
    """Squared Fréchet distance of two Gaussians: |m - n|^2 + tr(S + T - 2 (S T)^(1/2)).

    The trace of the root is the sum of the singular values of S^(1/2) T^(1/2). Unlike a root of
    the product, it stays accurate where the covariances lack rank.
    """
    shift = a.mean - b.mean
    overlap = torch.linalg.svdvals(_factor(a.covariance).T @ _factor(b.covariance)).sum().item()
    spread = np.trace(a.covariance) + np.trace(b.covariance) - 2 * overlap
    return max(float(shift @ shift + spread), 0.0)  # rounding may fall below zero


def _factor(covariance: np.ndarray) -> Tensor:
    """F [D, rank] with F F^T = covariance."""
    # Cholesky's decomposition with pivoting takes a twentieth of the time of eigenvectors.
    upper, order, rank, _ = lapack.dpstrf(covariance)
    factor = np.zeros((len(covariance), rank))
    factor[order - 1] = np.triu(upper[:rank]).T  # LAPACK counts from one
    return torch.from_numpy(factor)


def compare(
    generated: FeatureStatistics, reference: FeatureStatistics, *, seed: int
) -> dict[str, float]:
    """Every distance by its name; without kept features of both only the Fréchet one.

    "frechet"; "kernel" and "kernel_std", the squared MMD of a cubic kernel, its mean and standard
    deviation over random subsets (KID; Binkowski et al. 2018); "precision" and "recall"
    (Kynkäänniemi et al. 2019).
    """
    distances = {"frechet": frechet_distance(generated, reference)}
    if generated.kept is not None and reference.kept is not None:
        sets = generated.kept.double(), reference.kept.double()
        kernel = kid_features_to_metric(
            *sets, kid_subset_size=min(KID_SUBSET, *map(len, sets)), rng_seed=seed, verbose=False
        )
        neighbours = prc_features_to_metric(
            generated.kept,
            reference.kept,
            prc_neighborhood=NEIGHBOURS,
            prc_batch_size=DISTANCE_ROWS,
            save_cpu_ram=True,
            verbose=False,
        )
        distances["kernel"] = kernel["kernel_inception_distance_mean"]
        distances["kernel_std"] = kernel["kernel_inception_distance_std"]
        distances |= {name: neighbours[name] for name in ("precision", "recall")}
    return distances
