"""Distances between sets of features agree with closed forms, with slow twins and the library."""

import weakref

import numpy as np
import pytest
import scipy.linalg
import torch

from my_utils.metrics.fid import distances as fid
from my_utils.metrics.fid.distances import (
    FeatureStatistics,
    collect_statistics,
    compare,
    frechet_distance,
)


def gaussian(mean, covariance):
    return FeatureStatistics(100, np.asarray(mean, float), np.asarray(covariance, float))


def features(count, width, *, seed=0, rank=None, shift=0.0):
    rng = np.random.default_rng(seed)
    latent = rng.standard_normal((count, rank or width))
    return torch.from_numpy(latent @ rng.standard_normal((rank or width, width)) + shift).float()


def test_diagonal_gaussians_have_their_closed_form():
    a = gaussian([1, 2, 3], np.diag([1.0, 4.0, 9.0]))
    b = gaussian([0, 2, 5], np.diag([4.0, 4.0, 0.25]))
    # |shift|^2 plus the squared differences of the standard deviations
    assert frechet_distance(a, b) == pytest.approx((1 + 4) + (1 + 0 + 2.5**2), rel=1e-12)


def test_commuting_covariances_have_their_closed_form():
    vectors = np.linalg.qr(np.random.default_rng(0).standard_normal((6, 6)))[0]
    s, t = np.array([3, 2, 1, 0.5, 0, 0]), np.array([0, 1, 4, 0.5, 2, 0])
    a, b = (gaussian(np.zeros(6), vectors * v @ vectors.T) for v in (s, t))
    expected = ((np.sqrt(s) - np.sqrt(t)) ** 2).sum()
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-12)


def test_points_and_lines_have_their_closed_form():
    line = np.outer([3.0, 4.0], [3.0, 4.0])
    other = np.outer([0.0, 2.0], [0.0, 2.0])
    # Of rank 1: tr (S T)^(1/2) is the absolute scalar product of the two directions, 4 * 2.
    distance = frechet_distance(gaussian([0, 0], line), gaussian([0, 0], other))
    assert distance == pytest.approx(25 + 4 - 2 * 8, rel=1e-12)
    point = gaussian([1, 1], np.zeros((2, 2)))
    assert frechet_distance(point, gaussian([0, 0], line)) == pytest.approx(2 + 25, rel=1e-12)


@pytest.mark.parametrize("rank", [4, 40])
def test_a_set_has_no_distance_from_itself(rank):
    same = collect_statistics([features(60, 40, rank=rank)])
    assert 0 <= frechet_distance(same, same) < 1e-10 * np.trace(same.covariance)


def test_full_ranks_agree_with_scipy_and_the_library():
    a, b = features(200, 12, seed=1), features(300, 12, seed=2, shift=0.3)
    a, b = collect_statistics([a]), collect_statistics([b])
    root = scipy.linalg.sqrtm(a.covariance @ b.covariance).real
    shift = a.mean - b.mean
    expected = shift @ shift + np.trace(a.covariance + b.covariance - 2 * root)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(a, b) == pytest.approx(library(a, b), rel=1e-9)


def test_deficient_ranks_agree_with_the_library():
    a = collect_statistics([features(30, 64, seed=1)])  # fewer images than features
    b = collect_statistics([features(40, 64, seed=2, rank=10)])
    assert frechet_distance(a, b) == pytest.approx(library(a, b), rel=1e-5)


def library(a, b):
    from torch_fidelity.metric_fid import fid_statistics_to_metric

    pair = [{"mu": each.mean, "sigma": each.covariance} for each in (a, b)]
    values = fid_statistics_to_metric(*pair, verbose=False)
    return values["frechet_inception_distance"]


@pytest.mark.parametrize("at_once", [1, 20, 256])  # each batch, three of them, all rows
def test_adding_up_batches_is_the_same_as_all_at_once(monkeypatch, at_once):
    monkeypatch.setattr(fid, "ADDED_ROWS", at_once)
    rows = features(101, 7, shift=1000.0)  # a large mean, where sums of squares lose digits
    streamed = collect_statistics(rows.split(8))
    assert streamed.count == 101
    assert np.allclose(streamed.mean, rows.double().mean(0).numpy(), rtol=1e-12)
    assert np.allclose(streamed.covariance, np.cov(rows.double().numpy(), rowvar=False), rtol=1e-9)
    assert torch.equal(streamed.kept, rows)


def test_no_more_features_are_kept_than_agreed(monkeypatch):
    monkeypatch.setattr(fid, "KEPT_FEATURES", 10)
    rows = features(40, 3)
    assert torch.equal(collect_statistics(rows.split(4)).kept, rows[:10])


def test_memory_does_not_grow_with_the_number_of_images(monkeypatch):
    monkeypatch.setattr(fid, "KEPT_FEATURES", 10)
    monkeypatch.setattr(fid, "ADDED_ROWS", 10)
    seen, held = [], []

    def batches():
        for _ in range(50):
            storage = np.ones((5, 3), np.float32)  # lives as long as any slice of its tensor
            seen.append(weakref.ref(storage))
            held.append(sum(each() is not None for each in seen))
            yield torch.from_numpy(storage)

    assert collect_statistics(batches()).count == 250
    assert max(held) <= 4  # the last two, which were added together, and the next two


def test_kernel_distance_agrees_with_its_slow_twin():
    x, y = features(20, 5, seed=1), features(20, 5, seed=2)
    a, b = collect_statistics([x]), collect_statistics([y])
    distances = compare(a, b, seed=0)  # of 20 images, every subset is the whole set

    def kernel(p, q):
        return (float(p @ q) / 5 + 1) ** 3

    def mean_of_pairs(p, q, same):
        return np.mean(
            [kernel(p[i], q[j]) for i in range(20) for j in range(20) if not (same and i == j)]
        )

    x, y = x.double(), y.double()
    within = mean_of_pairs(x, x, True) + mean_of_pairs(y, y, True)
    expected = within - 2 * mean_of_pairs(x, y, False)
    assert distances["kernel"] == pytest.approx(expected, rel=1e-9)
    assert distances["kernel_std"] == pytest.approx(0, abs=1e-9)


def test_precision_and_recall_agree_with_their_slow_twins():
    x, y = features(30, 3, seed=1), 0.5 * features(25, 3, seed=1)
    distances = compare(collect_statistics([x]), collect_statistics([y]), seed=0)

    def covered(points, by):
        radii = [sorted(float((p - q).norm()) for q in by)[3] for p in by]  # [0] is p itself
        inside = [any((p - q).norm() <= r for q, r in zip(by, radii, strict=True)) for p in points]
        return np.mean(inside)

    assert distances["precision"] == pytest.approx(covered(x, by=y))
    assert distances["recall"] == pytest.approx(covered(y, by=x))
    assert 0 < distances["precision"] < distances["recall"]


def test_the_seed_decides_the_subsets_of_the_kernel_distance(monkeypatch):
    monkeypatch.setattr(fid, "KID_SUBSET", 10)
    a, b = (collect_statistics([features(40, 4, seed=seed)]) for seed in (1, 2))
    first, again, other = (compare(a, b, seed=seed)["kernel"] for seed in (0, 0, 1))
    assert first == again != other


def test_published_statistics_give_the_frechet_distance_alone():
    a = collect_statistics([features(40, 4)])
    published = FeatureStatistics(None, a.mean, a.covariance)
    assert set(compare(a, published, seed=0)) == {"frechet"}


def test_one_image_has_no_statistics():
    with pytest.raises(ValueError, match="two at least"):
        collect_statistics([torch.zeros(1, 4)])
