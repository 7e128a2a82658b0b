"""Generated faces are drawn and prepared as their protocol says, and numbers explain themselves."""

import json
import math
import types

import pytest
import torch

from model.flame import FlameParams
from my_utils.errors import UserError
from my_utils.files.images import from_uint8, to_uint8
from my_utils.metrics.fid.distances import collect_statistics
from my_utils.metrics.fid.measurement import Measurement
from my_utils.metrics.fid.protocol import Protocol
from tests.support.fid_stubs import stub_network

COUNT = 20
PLAIN = Protocol("fid-20", count=COUNT)
PUBLISHED = Protocol("published-20", count=COUNT, published=True)


class Painter:
    """A synthesizer whose generator answers with images of its own, as often as it is asked."""

    name, nimg, file = "painter", 1500, "generator.safetensors"
    config = types.SimpleNamespace(run_id=29, resolution=4)

    def __init__(self, images, scenes=8):
        self.images = images
        self.scenes = scenes
        self.asked = []

    def dataset_params(self):
        return FlameParams.from_vector(torch.arange(self.scenes).float()[:, None].expand(-1, 236))

    def batches(self, params, seeds, *, batch, truncation_psi):
        self.asked.append((list(seeds), truncation_psi))
        for images in self.images.split(batch):
            yield types.SimpleNamespace(image=images)


def measurement(painter, protocol, network=None, **options):
    network = network or stub_network()
    reference = collect_statistics([network.extract(random_images(seed=5).clamp(0, 1))])
    return Measurement(painter, network, protocol, reference, batch=6, **options)


def random_images(*, seed=0):
    return torch.randn(COUNT, 3, 4, 4, generator=torch.Generator().manual_seed(seed))


def seen(images, protocol):
    """What the network is shown of these images."""
    shown = []

    def extract(batch):
        shown.append(batch)
        return stub_network().extract(batch)

    faces = measurement(Painter(images), protocol, stub_network(extract=extract))
    shown.clear()
    faces.measure(*faces.faces())
    return torch.cat(shown)


def test_the_network_sees_images_as_a_png_holds_them():
    images = random_images()
    shown = seen(images, PLAIN)
    assert torch.equal(shown * 2 - 1, from_uint8(to_uint8(images)))
    assert torch.equal(shown, (shown * 255).round() / 255)


def test_published_images_are_scaled_by_the_extremes_of_all_of_them_unclamped():
    images = random_images()
    assert images.min() < -1 and images.max() > 1
    expected = (images - images.min()) / (images.max() - images.min())
    assert torch.allclose(seen(images, PUBLISHED), expected, rtol=1e-6)


def test_the_faces_of_the_data_set_come_in_random_order_each_once_before_any_again():
    def rows(seed):
        faces = measurement(Painter(random_images()), PLAIN, seed=seed)
        params, styles = faces.faces()
        return params.shape[:, 0].int().tolist(), styles

    order, styles = rows(0)
    assert sorted(order[:8]) == sorted(order[8:16]) == list(range(8))
    assert order[:8] != list(range(8)) and len(order) == COUNT
    assert styles == list(range(COUNT))
    assert rows(0) == (order, styles)
    other, other_styles = rows(1)
    assert other != order and not set(other_styles) & set(styles)


def test_the_published_faces_are_the_first_ones():
    faces = measurement(Painter(random_images()), PUBLISHED)
    params, styles = faces.faces()
    assert params.shape[:, 0].int().tolist() == [row % 8 for row in range(COUNT)]
    assert styles == list(range(COUNT))


def test_faces_are_drawn_in_their_styles_and_truncation():
    painter = Painter(random_images())
    faces = measurement(painter, PLAIN, truncation=0.7)
    faces.measure(*faces.faces())
    assert painter.asked == [(list(range(COUNT)), 0.7)]


def test_a_copy_of_the_photographs_has_no_distance():
    images = random_images()
    png = (from_uint8(to_uint8(images)) + 1) / 2
    network = stub_network()
    reference = collect_statistics([network.extract(png)])
    faces = Measurement(Painter(images), network, PLAIN, reference)
    values = faces.measure(*faces.faces())
    assert values["frechet_stub"] < 1e-9
    assert values["precision"] == values["recall"] == 1


def test_images_that_are_not_finite_are_a_sentence():
    faces = measurement(Painter(torch.full((COUNT, 3, 4, 4), math.nan)), PLAIN)
    with pytest.raises(UserError, match="generator.safetensors draws images that are not finite"):
        faces.measure(*faces.faces())


def test_statistics_of_another_network_are_refused():
    faces = measurement(Painter(random_images()), PLAIN)
    other = stub_network(extract=lambda images: images.flatten(1)[:, :7])
    faces = Measurement(faces.synthesizer, other, PLAIN, faces.reference)
    with pytest.raises(UserError, match="of 12 features, stub has 7"):
        faces.measure(*faces.faces())


def test_every_number_is_kept_with_what_explains_it(tmp_path):
    faces = measurement(Painter(random_images()), PLAIN, seed=3, truncation=0.7)
    path = tmp_path / "new" / "measures.jsonl"
    faces.append(path, {"fid": 12.5, "kid": 0.25})
    faces.append(path, {"fid": 11.0}, perturbation_sd=0.5)
    first, second, third = map(json.loads, path.read_text().splitlines())
    time = first.pop("time")
    assert time.endswith("+00:00")
    assert first == {
        "measure": "fid",
        "value": 12.5,
        "protocol": "fid-20",
        "count": 20,
        "reference_count": 20,
        "resolution": 4,
        "features": "stub",
        "resize": "mean of each quarter",
        "weights_sha256": "0" * 64,
        "seed": 3,
        "truncation": 0.7,
        "run_id": 29,
        "generator": "generator.safetensors",
        "nimg": 1500,
    }
    assert (second["measure"], second["value"]) == ("kid", 0.25)
    assert (third["value"], third["perturbation_sd"]) == (11.0, 0.5)
