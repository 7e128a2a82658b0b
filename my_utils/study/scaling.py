"""Multidimensional scaling: a map of pictures whose distances are the dissimilarities.

Classical scaling (Torgerson 1952) gives the start; then the raw stress, the squared misfit of
distances, is made smallest (metric scaling by least squares, Kruskal 1964).
"""

from typing import NamedTuple

import numpy as np
from scipy import optimize
from scipy.spatial.distance import pdist, squareform


class Map(NamedTuple):
    """Places of N pictures, their principal axes first."""

    places: np.ndarray  # [N, dimensions]
    stress: float  # Kruskal's stress-1: misfit relative to the distances; below 0.1 is good


def scale_dissimilarities(
    dissimilarities: np.ndarray,  # [N, N] symmetric, NaN where a pair was never rated
    dimensions: int,
) -> Map:
    """The map of smallest stress in so many dimensions."""
    known = squareform(np.isfinite(dissimilarities).astype(float), checks=False) > 0
    mean = np.nanmean(dissimilarities[~np.eye(len(dissimilarities), dtype=bool)])
    filled = np.where(np.isfinite(dissimilarities), dissimilarities, mean)
    np.fill_diagonal(filled, 0)
    wanted = squareform(filled, checks=False)
    start = classical_scaling(filled, dimensions)
    first, second = np.triu_indices(len(filled), k=1)

    def cost(flat: np.ndarray) -> tuple[float, np.ndarray]:
        places = flat.reshape(-1, dimensions)
        apart = places[first] - places[second]
        distances = np.maximum(np.linalg.norm(apart, axis=1), 1e-9)
        misfit = np.where(known, distances - wanted, 0)
        pull = (2 * misfit / distances)[:, None] * apart
        gradient = np.zeros_like(places)
        np.add.at(gradient, first, pull)
        np.add.at(gradient, second, -pull)
        return float((misfit**2).sum()), gradient.ravel()

    found = optimize.minimize(cost, start.ravel(), jac=True, method="L-BFGS-B")
    places = found.x.reshape(-1, dimensions)
    places -= places.mean(axis=0)
    _, _, axes = np.linalg.svd(places, full_matrices=False)
    places = places @ axes.T
    return Map(places, float(np.sqrt(found.fun / (pdist(places)[known] ** 2).sum())))


def classical_scaling(dissimilarities: np.ndarray, dimensions: int) -> np.ndarray:
    """Places [N, dimensions] from the eigenvectors of the doubly centred squares."""
    count = len(dissimilarities)
    center = np.eye(count) - 1 / count
    values, vectors = np.linalg.eigh(-0.5 * center @ (dissimilarities**2) @ center)
    largest = np.argsort(values)[::-1][:dimensions]
    return vectors[:, largest] * np.sqrt(np.clip(values[largest], 1e-12, None))
