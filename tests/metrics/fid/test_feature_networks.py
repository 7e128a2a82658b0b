"""The Inception network: found where others keep it, refused when wrong, never downloaded."""

import argparse

import pytest
import torch
import torch.nn.functional as F

from my_utils.errors import UserError
from my_utils.files.atomic import file_sha256
from my_utils.metrics.control.regressor import ParameterRegressor, save_regressor
from my_utils.metrics.fid import feature_networks as fid_features
from my_utils.metrics.fid.feature_networks import (
    INCEPTION_FILES,
    FeatureExtractorInceptionV3,
    control,
    inception,
    inception_weights,
)
from my_utils.metrics.fid.options import chosen_network
from my_utils.metrics.fid.protocol import PROTOCOLS, Protocol

CPU = torch.device("cpu")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty folder where torch keeps what others downloaded."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(scope="module")
def random_weights(tmp_path_factory):
    """A file like the real one, of an Inception network that was never trained."""
    path = tmp_path_factory.mktemp("inception") / "weights.pth"
    torch.save({}, path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda self, state: None)
        network = FeatureExtractorInceptionV3("inception", ["2048"], str(path))
    torch.manual_seed(0)
    for values in network.parameters():
        if values.ndim == 4:  # else what the network sees fades to nothing on its way
            torch.nn.init.kaiming_normal_(values)
    torch.save(network.state_dict(), path)
    return path


def trust(monkeypatch, path):
    monkeypatch.setattr(fid_features, "INCEPTION_SHA256", file_sha256(path))


def test_missing_weights_are_one_sentence_that_says_everything(cache):
    with pytest.raises(UserError) as caught:
        inception_weights(None)
    sentence = str(caught.value)
    assert "\n" not in sentence
    for part in (str(cache / INCEPTION_FILES[0]), "https://", "6726825d0af5", "--weights"):
        assert part in sentence


@pytest.mark.parametrize("name", INCEPTION_FILES)
def test_weights_are_found_where_other_programs_keep_them(cache, monkeypatch, name):
    (cache / name).write_bytes(b"weights")
    trust(monkeypatch, cache / name)
    assert inception_weights(None) == cache / name


def test_a_chosen_file_is_used_and_must_exist(cache, monkeypatch, tmp_path):
    (cache / INCEPTION_FILES[0]).write_bytes(b"weights")
    trust(monkeypatch, cache / INCEPTION_FILES[0])
    with pytest.raises(UserError, match="chosen.pth, are missing"):
        inception_weights(tmp_path / "chosen.pth")


def test_any_other_weights_are_refused_unread(tmp_path):
    (tmp_path / "weights.pth").write_bytes(b"something else")
    with pytest.raises(UserError, match="is not FID's Inception network"):
        inception_weights(tmp_path / "weights.pth")


@pytest.mark.slow
def test_inception_features_are_the_library_s(random_weights):
    pixels = torch.randint(256, (2, 3, 40, 40), dtype=torch.uint8)
    network = inception(random_weights, CPU, published=False)
    features = network.extract(pixels / 255)
    library = FeatureExtractorInceptionV3("inception", ["2048"], str(random_weights))
    assert features.shape == (2, 2048)
    assert torch.equal(features, library(pixels)[0])


@pytest.mark.slow
def test_published_features_are_those_of_the_same_network_after_another_resize(random_weights):
    images = torch.rand(2, 3, 40, 40)
    features = inception(random_weights, CPU, published=True).extract(images)
    library = FeatureExtractorInceptionV3("inception", ["2048"], str(random_weights))
    prepared = F.interpolate(images, (299, 299), mode="bilinear", align_corners=False) * 2 - 1
    library.Conv2d_1a_3x3.register_forward_pre_hook(lambda module, inputs: (prepared,))
    expected = library(torch.zeros(2, 3, 8, 8, dtype=torch.uint8))[0]
    assert torch.allclose(features, expected, rtol=1e-4)
    assert expected.std() > 0.01


def options(**given):
    return argparse.Namespace(**{"features": "inception", "weights": None} | given)


@pytest.mark.slow
def test_too_few_images_for_the_covariance_are_refused(random_weights, monkeypatch):
    trust(monkeypatch, random_weights)
    args = options(weights=random_weights)
    with pytest.raises(UserError, match="2048 images are too few.*--count 2049"):
        chosen_network(args, Protocol("fid-2048", count=2048), CPU)
    assert chosen_network(args, Protocol("fid-2049", count=2049), CPU).minimum == 2049


def test_control_features_come_from_the_regressor_and_are_never_called_fid(tmp_path):
    regressor = ParameterRegressor(8, width=2).eval()
    path = tmp_path / "regressor.safetensors"
    save_regressor(path, regressor, faces=0)
    network = control(path, CPU)
    images = torch.rand(2, 3, 16, 16)  # in [0, 1], where the regressor expects [-1, 1]
    assert torch.equal(network.extract(images), regressor.features(images * 2 - 1))
    assert network.measures["frechet"] == "frechet_control"
    assert not any("fid" in name or "kid" in name for name in network.measures.values())
    assert network.weights_sha256 == file_sha256(path)
    assert "8 px" in network.resize


def test_control_features_need_a_regressor():
    with pytest.raises(UserError, match="--weights FILE"):
        chosen_network(options(features="control"), PROTOCOLS["fid10k"], CPU)
