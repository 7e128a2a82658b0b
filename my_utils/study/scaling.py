"""Multidimensional scaling: a map of pictures whose distances are the dissimilarities.

Classical scaling (Torgerson 1952) gives the start; then the raw stress, the squared misfit of
distances, is made smallest (metric scaling by least squares, Kruskal 1964).
"""

from typing import NamedTuple

import numpy as np
from scipy import optimize
from scipy.spatial.distance import pdist, squareform

STARTS, SEED = 12, 0


class Map(NamedTuple):
    """Places of N pictures, their principal axes first."""

    places: np.ndarray  # [N, dimensions]
    stress: float  # Kruskal's stress-1: misfit relative to the distances; below 0.1 is good


def scale_dissimilarities(
    dissimilarities: np.ndarray,  # [N, N] symmetric, NaN where a pair was never rated
    dimensions: int,
) -> Map:
    """The map of smallest stress in so many dimensions.

    Pairs that were never rated do not count; for the start they are taken for the mean. The search
    begins again from places shaken at random, which leads out of poor solutions.
    """
    mean = np.nanmean(dissimilarities[~np.eye(len(dissimilarities), dtype=bool)])
    known = np.isfinite(dissimilarities)
    filled = np.where(known, dissimilarities, mean)
    np.fill_diagonal(filled, 0)
    start = classical_scaling(filled, dimensions)
    rng = np.random.default_rng(SEED)
    found = []
    for number in range(STARTS):
        shaken = start + rng.normal(size=start.shape) * (mean / 2 if number else 0)
        places = _least_squares(shaken, dissimilarities)
        distances = squareform(pdist(places))[known]
        misfit = distances - dissimilarities[known]
        stress = float(np.sqrt((misfit**2).sum() / (distances**2).sum()))
        found.append(Map(places, stress))
    best = min(found, key=lambda one: one.stress)
    places = best.places - best.places.mean(axis=0)
    _, _, axes = np.linalg.svd(places, full_matrices=False)
    return Map(places @ axes.T, best.stress)


def _least_squares(start: np.ndarray, dissimilarities: np.ndarray) -> np.ndarray:
    """Places near a start whose distances are closest to the known dissimilarities."""
    first, second = np.nonzero(np.triu(np.isfinite(dissimilarities), k=1))
    wanted = dissimilarities[first, second]

    def cost(flat: np.ndarray) -> tuple[float, np.ndarray]:
        places = flat.reshape(start.shape)
        apart = places[first] - places[second]
        distances = np.maximum(np.linalg.norm(apart, axis=1), 1e-9)
        misfit = distances - wanted
        pull = (2 * misfit / distances)[:, None] * apart
        gradient = np.zeros_like(places)
        np.add.at(gradient, first, pull)
        np.add.at(gradient, second, -pull)
        return float((misfit**2).sum()), gradient.ravel()

    found = optimize.minimize(cost, start.ravel(), jac=True, method="L-BFGS-B")
    return found.x.reshape(start.shape)


def classical_scaling(dissimilarities: np.ndarray, dimensions: int) -> np.ndarray:
    """Places [N, dimensions] from the eigenvectors of the doubly centred squares."""
    count = len(dissimilarities)
    center = np.eye(count) - 1 / count
    values, vectors = np.linalg.eigh(-0.5 * center @ (dissimilarities**2) @ center)
    largest = np.argsort(values)[::-1][:dimensions]
    return vectors[:, largest] * np.sqrt(np.clip(values[largest], 1e-12, None))
