from functools import partial
from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional as F

from model.flame import FlameParams
from my_utils.faces.synthesizer import Faces
from my_utils.metrics.artefacts import (
    border_lines,
    line_energy,
    mean_change,
    measure_artefacts,
    recall,
    rings,
    silhouette_lines,
)

SIZE = 32


def test_rings_lie_around_a_region_one_pixel_wide():
    inside = torch.zeros(1, 1, 9, 9)
    inside[..., 4, 4] = 1
    first, second = rings(inside, 2)
    assert first.sum() == 8 and second.sum() == 16
    assert not (first * second).any() and not (first * inside).any()


def test_border_lines_are_the_frames_up_to_the_edge():
    lines = border_lines(SIZE)
    assert [int(line.sum()) for line in lines] == [4 * (SIZE - 1 - 2 * k) for k in (1, 0)]


@pytest.mark.parametrize("lines", ["border", "silhouette"])
def test_a_drawn_line_counts_and_noise_along_it_does_not(lines):
    mask = torch.zeros(4, 1, SIZE, SIZE)
    mask[..., 8:24, 8:24] = 1
    places = border_lines(SIZE) if lines == "border" else silhouette_lines(mask)
    rng = torch.Generator().manual_seed(0)
    noise = 0.3 * torch.randn(4, 3, SIZE, SIZE, generator=rng)
    drawn = -0.2 * places[0]
    assert line_energy(drawn.expand_as(noise), places) == pytest.approx(0.2**2, rel=1e-4)
    assert line_energy(noise, places) < 0.1 * 0.2**2


def test_the_change_is_that_of_pixels_on_the_mesh_in_both_pictures():
    images, mask = torch.zeros(3, 3, 4, 4), torch.ones(3, 1, 4, 4)
    images[1] = 0.5
    assert mean_change(images, mask) == 0.5
    images[1, :, 0] = 9
    mask[1, :, 0] = 0
    assert mean_change(images, mask) == 0.5


def test_recall_counts_what_is_within_reach():
    points = torch.arange(8.0)[:, None]
    assert recall(points, points + 0.1) == 1
    assert recall(points, torch.zeros(8, 1)) == 1 / 8
    assert recall(points, points[:4] + 0.5) == pytest.approx(7 / 8)  # up to 3.5 + 3


class Painter:
    """A synthesizer whose face is its rendering with something more."""

    def __init__(self, more):
        self.more = more
        self.config = SimpleNamespace(resolution=SIZE)

    def batches(self, params, seeds, *, batch):
        for start in range(0, len(params), batch):
            rows = slice(start, start + batch)
            render = rendering(params[rows])
            mask = F.pad(torch.ones(len(render), 1, SIZE - 8, SIZE - 8), [4] * 4)
            image = render + self.more(render, list(seeds)[rows])
            yield Faces(image=image, render=render, normal_map=None, mask=mask, params=None)


def rendering(params: FlameParams) -> torch.Tensor:
    """Smooth pictures that follow shape."""
    waves = torch.sin(torch.arange(SIZE) / 5 + params.shape[:, :1])
    return 0.5 * waves[:, None, None].expand(-1, 3, SIZE, -1)


def styled(render, seeds):
    """Every style adds a colour of its own, the same in every picture."""
    colors = [torch.rand(3, 1, 1, generator=torch.Generator().manual_seed(s)) for s in seeds]
    return torch.stack(colors)


def test_copies_of_photographs_have_their_floor_and_flickering_or_dull_faces_do_not():
    params = FlameParams.from_vector(
        torch.randn(6, 236, generator=torch.Generator().manual_seed(0))
    )

    def photographer(faces, styles):
        return rendering(faces) + styled(None, styles)

    measure = partial(measure_artefacts, batch=4, continua=2, styles=24)
    photographs = photographer(params, range(6))
    faithful = measure(Painter(styled), params, photographs, photographer)
    for name in ("border", "silhouette", "flicker"):
        assert faithful[name].value == pytest.approx(faithful[name].floor, rel=1e-4)
    assert faithful["flicker"].value == pytest.approx(1, rel=1e-3)
    assert faithful["style_recall"].value > 0.9

    def unsteady(render, seeds):
        return 0.1 * torch.rand(render.shape, generator=torch.Generator().manual_seed(len(seeds)))

    found = measure(Painter(unsteady), params, photographs, None)
    assert found["flicker"].value > 1.5 and found["flicker"].floor is None
    assert "style_recall" not in found
    dull = measure(Painter(lambda render, seeds: 0), params, photographs, photographer)
    assert dull["style_recall"].value == 0 and dull["style_recall"].floor > 0.9
