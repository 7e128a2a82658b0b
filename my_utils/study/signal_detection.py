"""Sensitivity and bias from answers to same/different, ABX and odd one out.

Sources: Macmillan & Creelman, Detection Theory (2nd ed., 2005), chapters 1, 9 and 10.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from scipy import integrate, special

LARGEST_D = 8.0
Counts = float | np.ndarray  # one number, or an array of them


class Sensitivity(NamedTuple):
    """Yes-no detection: the answer "different" to different and to same pairs."""

    d_prime: Counts
    criterion: Counts  # positive: "same" is preferred


def sensitivity(hits: Counts, signals: Counts, false_alarms: Counts, noises: Counts) -> Sensitivity:
    """d' = z(H) - z(F) and c = -(z(H) + z(F)) / 2.

    Half an answer is added to each cell (log-linear rule, Hautus 1995), so that rates of 0 and 1
    stay finite.
    """
    hit = (hits + 0.5) / (signals + 1)
    false_alarm = (false_alarms + 0.5) / (noises + 1)
    z_hit, z_false = special.ndtri(hit), special.ndtri(false_alarm)
    return Sensitivity(z_hit - z_false, -(z_hit + z_false) / 2)


def abx_correct(d_prime: float) -> float:
    """Share of right answers to ABX of an observer who takes each picture by itself."""
    near, far = special.ndtr(d_prime / np.sqrt(2)), special.ndtr(d_prime / 2)
    return float(near * far + (1 - near) * (1 - far))


def oddity_correct(d_prime: float) -> float:
    """Share of right answers to odd one out of three, for an observer who compares differences.

    The triangular method of Frijters (1979).
    """
    root3, root23 = np.sqrt(3), np.sqrt(2 / 3)

    def density(z: float) -> float:
        inside = special.ndtr(-z * root3 + d_prime * root23)
        inside += special.ndtr(-z * root3 - d_prime * root23)
        return float(2 * inside * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi))

    return float(integrate.quad(density, 0, np.inf)[0])


CORRECT = {"abx": abx_correct, "odd_one_out": oddity_correct}
CHANCE = {"abx": 1 / 2, "odd_one_out": 1 / 3}


def d_prime_of_correct(right: Counts, trials: Counts, task: str) -> Counts:
    """The d' that gives this share of right answers; 0 at chance and below."""
    share = (right + 0.5) / (trials + 1)  # finite, as in `sensitivity`
    values, shares = _table(task)
    return np.interp(share, shares, values)


@cache
def _table(task: str) -> tuple[np.ndarray, np.ndarray]:
    values = np.linspace(0, LARGEST_D, 161)
    return values, np.array([CORRECT[task](value) for value in values])
