import pytest
import torch

from model.flame import FlameParams
from my_utils.faces.synthesizer import Faces
from my_utils.metrics.condition_error import condition_error


class Painter:
    """A synthesizer that paints what it is told, in batches."""

    def __init__(self, images):
        self.images = images

    def batches(self, params, seeds, *, batch):
        for image in self.images.split(batch):
            yield Faces(image=image, render=None, normal_map=None, mask=None, params=None)


def measure(images, photographs, region):
    params = FlameParams.from_vector(torch.zeros(len(images), 236))
    return condition_error(Painter(images), params, photographs, region, batch=3)


def test_a_perfect_copy_has_ratio_0_and_an_ignored_condition_1():
    photographs = torch.rand(8, 3, 4, 4) * 2 - 1
    region = torch.ones(8, 1, 4, 4)
    assert measure(photographs, photographs, region).ratio == 0
    same_face = photographs[:1].expand(8, -1, -1, -1)
    assert measure(same_face, photographs, region).ratio == pytest.approx(1)


def test_only_the_face_region_counts():
    photographs = torch.zeros(8, 3, 4, 4)
    images = torch.zeros(8, 3, 4, 4)
    images[:, :, 0, 0] = 1  # outside
    images[:, :, 1, 1] = 0.5  # inside
    region = torch.zeros(8, 1, 4, 4)
    region[:, :, 1] = 1
    assert measure(images, photographs, region).matched == pytest.approx(0.5 / 4)
