"""A whole set, made by a small untrained generator of the demo's head."""

import csv
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from my_utils.errors import UserError
from my_utils.faces.named_factors import head_angles, load_named_expressions
from my_utils.faces.synthesizer import FaceSynthesizer
from my_utils.files.atomic import file_sha256
from my_utils.stimuli.design_file import read_design
from my_utils.stimuli.people import between, resolve_people
from my_utils.stimuli.plan import hold_eyes, plan_pictures
from my_utils.stimuli.report import write_report
from my_utils.stimuli.stimulus_set import make_set
from my_utils.stimuli.training_range import beyond_training

DESIGN = """
name = "toy"
[[people]]
seeds = "1-2"
[[people]]
row = 3
[[people]]
name = "mean"
average = "all"
[[people]]
name = "big"
caricature = "seed1"
of = "mean"
amount = 1.5
[[continua]]
name = "path"
from = "seed1"
to = "seed2"
steps = 5
range = [-50, 150]
"""
FINISHED = """
[factors]
yaw = [-20, 20]
[output]
size = 48
mask = "oval"
[match]
properties = ["luminance", "contrast"]
region = "picture"
[smooth]
window = 3
"""


@pytest.fixture(scope="module")
def synthesizer(resources):
    path = next(resources.glob("output_files/checkpoint/29/*.safetensors"))
    return FaceSynthesizer.from_checkpoint(path, resources=resources), file_sha256(path)


@pytest.fixture
def make(tmp_path, synthesizer):
    """Make a set after a design; into the same folder again where it is named."""

    def call(text, *, report=False, name="set"):
        path = tmp_path / f"{name}.toml"
        path.write_text(text)
        maker, digest = synthesizer
        expressions = load_named_expressions(maker.resources.paths.named_expressions)
        design = read_design(path, expressions)
        made = make_set(design, tmp_path / name, maker, expressions, digest)
        if report:
            write_report(made, design, maker.dataset_params(), "toy")
        return made

    return call


@pytest.fixture
def plan(tmp_path, synthesizer):
    def call(text):
        path = tmp_path / "plan.toml"
        path.write_text(text)
        maker, _ = synthesizer
        expressions = load_named_expressions(maker.resources.paths.named_expressions)
        design = read_design(path, expressions)
        people = resolve_people(design, maker, expressions, {})
        return people, plan_pictures(design, people, maker, expressions)

    return call


def rows(made):
    with (made.folder / "stimuli.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def content(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_only_what_varies_varies(plan):
    people, pictures = plan(DESIGN + '[factors]\njaw = [0, 10]\nlight = ["soft", "left"]\n')
    assert len(pictures) == 5 * 4
    first = people["seed1"]
    for picture in pictures:
        same = picture.face.params.replace(
            shape=first.params.shape,
            texture=first.params.texture,
            pose=first.params.pose,
            lighting=first.params.lighting,
        )
        assert torch.equal(same.to_vector(), first.params.to_vector())
        assert torch.equal(picture.face.z, first.z) and picture.face.style == "1"
    jaws = [float(head_angles(picture.face.params)[0, 3]) for picture in pictures[:4]]
    assert jaws == pytest.approx([0, 0, 10, 10], abs=1e-4)


def test_continua_go_beyond_their_ends_and_caricatures_away_from_the_mean(plan):
    people, pictures = plan(DESIGN)
    start, end = (people[name].params for name in ("seed1", "seed2"))
    assert [picture.percent for picture in pictures] == [-50, 0, 50, 100, 150]
    for picture in pictures:
        expected = start.shape + picture.percent / 100 * (end.shape - start.shape)
        assert torch.allclose(picture.face.params.shape, expected, atol=1e-5)
    mean, big = people["mean"].params, people["big"].params
    members = [people[name].params.shape for name in ("seed1", "seed2", "row3")]
    assert torch.allclose(mean.shape, torch.stack(members).mean(dim=0), atol=1e-6)
    assert torch.allclose(big.shape - mean.shape, 1.5 * (start.shape - mean.shape), atol=1e-5)
    assert torch.equal(big.lighting, start.lighting)


def test_styles_move_along_an_arc(plan):
    people, _ = plan(DESIGN)
    start, end = people["seed1"], people["seed2"]
    half = between(start, end, 0.5, ("style",))
    assert torch.equal(half.params.to_vector(), start.params.to_vector())
    length = float((start.z.norm() + end.z.norm()) / 2)
    assert float(half.z.norm()) == pytest.approx(length, rel=0.1)
    assert torch.allclose(between(start, end, 1.0, ("style",)).z, end.z, atol=1e-5)


def test_eyes_stay_in_place_when_the_head_turns(plan, synthesizer):
    maker, _ = synthesizer
    _, pictures = plan('camera = "eyes"\n' + DESIGN + "[factors]\nyaw = [-30, 0, 30]\n")
    flame = maker.renderer.flame
    places = []
    for picture in pictures[:3]:
        params = picture.face.params
        middle = flame(params)[0, [4051, 4597], :2].mean(dim=0)
        places.append(params.camera[0, 0] * (middle + params.camera[0, 1:]))
    assert torch.allclose(places[0], places[1], atol=1e-5)
    assert torch.allclose(places[2], places[1], atol=1e-5)
    scales = {float(picture.face.params.camera[0, 0]) for picture in pictures}
    assert len(scales) == 1
    again = hold_eyes(pictures[0].face.params, flame)
    assert torch.allclose(again.camera, pictures[0].face.params.camera, atol=1e-6)


def test_the_set_is_complete_and_matched(make):
    made = make(DESIGN + FINISHED, report=True)
    table = rows(made)
    assert len(table) == 10 and made.drawn == 10
    assert [row["percent"] for row in table[::2]] == ["-50", "0", "50", "100", "150"]
    assert {row["yaw"] for row in table} == {"-20", "20"}
    for name in ("picture_luminance", "picture_contrast"):
        values = np.array([float(row[name]) for row in table])
        assert np.ptp(values) / values.mean() < 0.005
    for row, picture in zip(table, made.pictures, strict=True):
        with Image.open(made.folder / row["file"]) as image:
            pixels = np.asarray(image)
        assert pixels.shape == (48, 48, 3)
        assert (pixels[0, 0] == 128).all()  # the background
        shape = np.array(row["shape"].split(), np.float32)
        assert (shape == picture.face.params.shape[0].numpy()).all()
        assert (row["neighbour_difference"] == "") == (row["step"] == "1")
    assert len(made.continua) == 2
    assert all(one.after != one.before for one in made.continua)
    for file in ("contact_sheet.png", "diagnostics.md", "diagnostics.png", "README.txt"):
        assert (made.folder / file).stat().st_size


def test_the_same_bytes_from_the_folder_alone(make, tmp_path, synthesizer):
    made = make(DESIGN + FINISHED, report=True)
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in ("design.toml", "people.json", "made_with.json"):
        shutil.copy(made.folder / file, copy / file)
    maker, digest = synthesizer
    # People come from the folder: the data set may have changed meanwhile.
    design = read_design(copy / "design.toml", {})
    changed = FaceSynthesizer(maker.generator, maker.renderer, maker.config, maker.resources)
    changed.dataset_params = lambda: pytest.fail("the data set was read")
    again = make_set(design, copy, changed, {}, digest)
    write_report(again, design, maker.dataset_params(), "toy")
    assert content(copy) == content(made.folder)


def test_only_missing_pictures_are_drawn(make):
    made = make(DESIGN + "[factors]\nyaw = [-20, 20]\n")
    before = content(made.folder)
    gone = sorted((made.folder / "generated").iterdir())[:3]
    for path in gone:
        path.unlink()
    assert make(DESIGN + "[factors]\nyaw = [-20, 20]\n").drawn == 3
    assert content(made.folder) == before
    fewer = make(DESIGN + "[factors]\nyaw = [20]\n")
    assert fewer.drawn == 0 and len(rows(fewer)) == 5
    assert len(list((made.folder / "pictures").iterdir())) == 5
    more = make(DESIGN + "[factors]\nyaw = [20, 30]\n")
    assert more.drawn == 5


def test_a_set_of_another_generator_is_left_alone(make, tmp_path, synthesizer):
    made = make(DESIGN)
    before = content(made.folder)
    design = read_design(made.folder / "design.toml", {})
    with pytest.raises(UserError, match="another --outdir"):
        make_set(design, made.folder, synthesizer[0], {}, "0" * 64)
    assert content(made.folder) == before


def test_a_missing_row_is_named_with_its_line(make):
    with pytest.raises(UserError, match=r"set\.toml, line 1: row 99: .* rows 0 to 15"):
        make("[[people]]\nrow = 99\n")


def test_what_leaves_the_range_of_the_data_is_told(plan, synthesizer):
    dataset = synthesizer[0].dataset_params()
    _, pictures = plan(DESIGN + "[factors]\nyaw = [0, 80]\n")
    (sentence,) = [one for one in beyond_training(pictures, dataset) if one.startswith("yaw")]
    assert "5 pictures of 10 beyond" in sentence and "80" in sentence
    _, pictures = plan("[[people]]\nrows = [2, 3]\n")
    assert beyond_training(pictures, dataset) == []


def test_alpha_and_grey(make):
    made = make('[[people]]\nseed = 1\n[output]\nmask = "head"\nalpha = true\ngreyscale = true\n')
    with Image.open(made.folder / rows(made)[0]["file"]) as image:
        pixels = np.asarray(image)
    assert pixels.shape == (32, 32, 4)
    assert (pixels[..., 0] == pixels[..., 1]).all() and (pixels[..., 1] == pixels[..., 2]).all()
    assert set(np.unique(pixels[..., 3])) == {0, 255}
