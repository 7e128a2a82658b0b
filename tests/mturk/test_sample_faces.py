"""The pictures of both studies: what they show, their manifest, and stopping and going on."""

import dataclasses
import io

import numpy as np
import pytest
import torch
from PIL import Image

from model.camera import center_eyes
from my_utils.errors import UserError
from my_utils.faces.synthesizer import FaceSynthesizer
from my_utils.files.images import to_uint8
from my_utils.runs.config import run_config
from my_utils.runs.generators import load_generator, save_generator
from my_utils.runs.networks import build_generator
from my_utils.study.manifest import read_manifest
from tests.support.toy_study import call_script

SIZE = 32


@pytest.fixture(scope="module")
def generators(tmp_path_factory):
    """Untrained generators of three runs, by run id."""
    folder = tmp_path_factory.mktemp("generators")
    for run_id in (29, 7, 24):
        config = dataclasses.replace(
            run_config(run_id, demo=True),
            resolution=SIZE,
            render_size=2 * SIZE,
            channel_base=128,
            channel_max=8,
        )
        torch.manual_seed(run_id)
        save_generator(folder / f"{run_id}.safetensors", build_generator(config), config, nimg=0)
    return folder


@pytest.fixture(autouse=True)
def far_cameras(monkeypatch):
    """Faces seen from further away than photographs show them, so that centring is visible."""
    as_stored = FaceSynthesizer.dataset_params

    def dataset_params(self):
        params = as_stored(self)
        return params.replace(camera=params.camera * params.camera.new_tensor([0.6, 1, 1]))

    monkeypatch.setattr(FaceSynthesizer, "dataset_params", dataset_params)


@pytest.fixture
def draw(monkeypatch, generators, demo_folder, tmp_path):
    def call(study, *words, runs=(29, 7, 24), outdir="out"):
        chosen = [word for run in runs for word in ("--ckpt", generators / f"{run}.safetensors")]
        places = ("--resources", demo_folder, "--outdir", tmp_path / outdir, "--device", "cpu")
        call_script(monkeypatch, "sample_faces", study, *chosen, *places, *words)
        return tmp_path / outdir

    return call


def pixels(path):
    return np.array(Image.open(path)).astype(int)


def synthesizer_of(generators, demo_folder, run_id):
    return FaceSynthesizer.from_checkpoint(
        generators / f"{run_id}.safetensors", resources=demo_folder
    )


def test_pairwise_pictures_are_the_same_faces_by_every_model(draw, generators, demo_folder):
    folder = draw("pairwise", "--conditions", 3, "--batch", 2)
    pictures = read_manifest(folder, "pairwise")
    names = [f"full_model/mdl1__{face:04d}.png" for face in range(3)]
    names += [f"full_model/mesh_{face:04d}.png" for face in range(3)]
    for model in ("flm_rndr_tex_interp", "vector_cond"):
        names += [f"{model}/mdl2__{face:04d}.png" for face in range(3)]
    assert [picture.file for picture in pictures] == names
    generated = [picture for picture in pictures if picture.kind == "generated"]
    assert [picture.params_row for picture in generated] == [0, 1, 2] * 3
    seeds = [picture.seed for picture in generated]
    assert seeds == seeds[:3] * 3 and len(set(seeds)) == 3

    # The slow twin: one face at a time, by hand.
    for run_id, picture in ((29, generated[1]), (7, generated[4]), (24, generated[7])):
        synthesizer = synthesizer_of(generators, demo_folder, run_id)
        params = center_eyes(synthesizer.dataset_params()[[1]], synthesizer.renderer.flame)
        image = to_uint8(synthesizer(params, [picture.seed]).image)[0]
        assert picture.run_id == run_id
        assert np.abs(pixels(folder / picture.file) - image).max() <= 1


def test_the_mesh_is_grey_visible_and_where_the_face_is(draw, generators, demo_folder):
    folder = draw("pairwise", "--conditions", 2, runs=(29, 7))
    synthesizer = synthesizer_of(generators, demo_folder, 29)
    params = center_eyes(synthesizer.dataset_params()[[0, 1]], synthesizer.renderer.flame)
    mask = torch.nn.functional.avg_pool2d(synthesizer.renderer(params).mask, 2)[:, 0].numpy()
    for face in range(2):
        mesh = pixels(folder / f"full_model/mesh_{face:04d}.png")
        assert mesh.shape == (SIZE, SIZE, 3) and np.ptp(mesh, axis=2).max() == 0
        assert mesh[mask[face] == 0].max() == 0
        inside = mesh[mask[face] == 1]
        assert inside.mean() > 100 and inside.std() > 10 and inside.max() < 255


def test_likert_pictures_show_face_gap_and_rendering_in_every_style(draw, generators, demo_folder):
    folder = draw("likert", "--conditions", 2, "--styles", 3, "--batch", 4, runs=(29,))
    pictures = read_manifest(folder, "likert")
    assert [(one.condition, one.style) for one in pictures] == [
        (face, style) for face in range(2) for style in range(3)
    ]
    seed_of_style = {one.style: one.seed for one in pictures}
    assert len(set(seed_of_style.values())) == 3
    assert all(one.seed == seed_of_style[one.style] for one in pictures)

    synthesizer = synthesizer_of(generators, demo_folder, 29)
    one = pictures[4]
    faces = synthesizer(synthesizer.dataset_params()[[one.condition]], [one.seed])
    render = torch.nn.functional.avg_pool2d(faces.render, 2)
    pair = pixels(folder / one.file)
    assert one.file == "textured_rendering/1_0001.png"
    assert pair.shape == (SIZE, 2 * SIZE + 5, 3)
    assert np.abs(pair[:, :SIZE] - to_uint8(faces.image)[0]).max() <= 1
    assert (pair[:, SIZE : SIZE + 5] == 127).all()
    assert np.abs(pair[:, SIZE + 5 :] - to_uint8(render)[0]).max() <= 1


def test_a_repeated_call_draws_only_what_is_missing(draw):
    folder = draw("pairwise", "--conditions", 3, runs=(29, 7))
    first = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*.png")}
    lost = folder / "flm_rndr_tex_interp" / "mdl2__0001.png"
    lost.unlink()
    (folder / "manifest.csv").unlink()

    draw("pairwise", "--conditions", 4, "--batch", 1, runs=(29, 7, 24))
    assert len(read_manifest(folder)) == 4 * 4
    for path, (time, data) in first.items():
        if path == lost:
            assert np.abs(pixels(path) - pixels(io.BytesIO(data))).max() <= 1
        else:
            assert (path.stat().st_mtime_ns, path.read_bytes()) == (time, data)


def test_other_settings_do_not_mix_with_earlier_pictures(draw):
    folder = draw("likert", "--conditions", 1, "--styles", 1, runs=(29,))
    before = (folder / "settings.json").read_bytes()
    for words in (("--seed", "3"), ("--truncation", "0.5")):
        with pytest.raises(UserError, match=f"drawn with another {words[0][2:]}"):
            draw("likert", "--conditions", 1, "--styles", 1, *words, runs=(29,))
    with pytest.raises(UserError, match="drawn with another study"):
        draw("pairwise", "--conditions", 1, runs=(29, 7))
    assert (folder / "settings.json").read_bytes() == before


def test_fewer_pictures_do_not_lie_among_those_of_an_earlier_call(draw):
    folder = draw("pairwise", "--conditions", 2, runs=(29, 7, 24))
    with pytest.raises(UserError, match="holds 5 files of another call.*--overwrite"):
        draw("pairwise", "--conditions", 1, runs=(29, 7))
    assert len(list(folder.rglob("*.png"))) == 8
    draw("pairwise", "--conditions", 1, "--seed", 5, "--overwrite", runs=(29, 7))
    assert len(list(folder.rglob("*.png"))) == len(read_manifest(folder)) == 3


def test_a_generator_trained_on_does_not_mix_with_earlier_pictures(draw, generators, tmp_path):
    draw("likert", "--conditions", 1, "--styles", 1, runs=(29,))
    later = load_generator(generators / "29.safetensors")
    later.generator.synthesis.constant.add_(1)
    save_generator(tmp_path / "later.safetensors", later.generator, later.config, nimg=9)
    with pytest.raises(UserError, match="drawn with another full_model"):
        draw("likert", "--ckpt", tmp_path / "later.safetensors", "--conditions", 1, runs=())


def test_two_generators_of_one_run_are_named_by_file(draw, generators, tmp_path):
    later = load_generator(generators / "29.safetensors")
    save_generator(tmp_path / "later.safetensors", later.generator, later.config, nimg=9)
    words = ("--conditions", 1, "--ckpt", generators / "29.safetensors")
    folder = draw("pairwise", *words, "--ckpt", tmp_path / "later.safetensors", runs=())
    models = {picture.model for picture in read_manifest(folder) if picture.kind == "generated"}
    assert models == {"full_model", "full_model_later"}


@pytest.mark.parametrize(
    ("study", "words", "runs", "phrase"),
    [
        ("pairwise", (), (29,), "name at least two"),
        ("likert", (), (29, 7), "likert rates one model"),
        ("pairwise", (), (29, 29), "are one file, or named alike"),
        ("likert", ("--conditions", "99999"), (29,), "has 16 faces: pass --conditions 16"),
        ("pairwise", ("--ckpt", "absent.safetensors"), (29,), "does not exist"),
    ],
)
def test_wrong_calls_are_answered_in_one_sentence(draw, tmp_path, study, words, runs, phrase):
    with pytest.raises(UserError, match=phrase):
        draw(study, *words, runs=runs)
    assert not list(tmp_path.rglob("manifest.csv"))
