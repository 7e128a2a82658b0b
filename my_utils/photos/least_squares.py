"""Normal equations of many small least-squares problems of the same unknowns, solved at once."""

import torch
from torch import Tensor


class NormalEquations:
    """Of N problems with D unknowns each; terms are added, then the step of all is solved for."""

    def __init__(self, like: Tensor, count: int, unknowns: int):
        self.matrix = like.new_zeros(count, unknowns, unknowns)
        self.right = like.new_zeros(count, unknowns)

    def add(
        self,
        jacobian: Tensor,  # [N, R, C] of the model by some unknowns
        residual: Tensor,  # [N, R] wanted minus modelled
        weight: Tensor,  # [N, R] one over the variance
        columns: Tensor,  # [C] which unknowns
    ) -> None:
        """Add squared errors, linear around where the unknowns are."""
        weighted = jacobian * weight[..., None]
        block = jacobian.transpose(1, 2) @ weighted
        self.matrix[:, columns[:, None], columns] += block
        self.right[:, columns] += (weighted.transpose(1, 2) @ residual[..., None])[..., 0]

    def add_prior(
        self,
        deviation: Tensor,  # [N, C] of the unknowns from where they are expected
        precision: Tensor,  # [C, C] inverse covariance
        columns: Tensor,  # [C]
    ) -> None:
        """Add what is expected of unknowns before anything is seen."""
        self.matrix[:, columns[:, None], columns] += precision
        self.right[:, columns] -= deviation @ precision

    def hold(self, columns: Tensor) -> None:
        """Let these unknowns stay as they are."""
        self.matrix[:, columns] = 0
        self.matrix[:, :, columns] = 0
        self.matrix[:, columns, columns] = 1
        self.right[:, columns] = 0

    def solve(self) -> Tensor:
        """The step [N, D] of the unknowns to the minimum."""
        return torch.linalg.solve(self.matrix, self.right)


def cauchy_weight(
    squared: Tensor,  # squared errors in standard deviations
    outlier: float,  # standard deviations
) -> Tensor:
    """The weight of an error among others: 1 for small ones, falling with the square of large."""
    return 1 / (1 + squared / outlier**2)
