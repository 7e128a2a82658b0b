"""The figures, films and curves, as a person makes them: from another folder."""

import json
import wave

import numpy as np
import pytest
from scipy.ndimage import binary_dilation

from my_utils.data.lmdb_images import NORMAL_MAP, LmdbImages, image_key
from my_utils.data.parameters import ParameterTable, save_parameters
from my_utils.data.resources import Resources
from my_utils.faces.params_file import save_params
from my_utils.faces.synthesizer import FaceSynthesizer
from my_utils.files.images import to_uint8
from tests.support.script_runs import open_gif, open_mp4, pictures, run

TILE = 128  # pixels that a picture of 32 is magnified to
STEP = TILE + 2  # from one tile to the next


@pytest.fixture
def call(resources, tmp_path):
    def call(script, *words):
        return run(script, *words, "--resources", resources, folder=tmp_path)

    return call


@pytest.fixture(scope="module")
def synthesizer(resources):
    (path,) = (resources / "output_files" / "checkpoint" / "29").glob("*.safetensors")
    return FaceSynthesizer.from_checkpoint(path, resources=resources)


def shrunk(tile):
    """A magnified tile as it was, 32 pixels large."""
    return tile[::4, ::4].astype(int)


def test_teaser(call, tmp_path, synthesizer):
    done = call("generate_teaser.py", "--run_id", 29, "--seeds", "1,4", "--outdir", "out")
    assert done.returncode == 0, done.stderr
    drawn = pictures(tmp_path / "out")
    figure = drawn.pop("teaser.png")
    assert figure.shape[0] > 7 * STEP and figure.shape[1] > 16 * STEP
    prefixes = ["mesh_normals", "mesh_grey", "mesh_textured", "1", "4", "1_skin", "4_skin"]
    names = {name.removeprefix("mesh_normals_") for name in drawn if "normals" in name}
    assert len(names) == 16
    assert set(drawn) == {f"{prefix}_{name}" for prefix in prefixes for name in names}
    grey = drawn["mesh_grey_yaw_+22.5_deg.png"]
    assert 60 < grey[grey.any(axis=-1)].mean() < 220
    light = [drawn[f"mesh_grey_light_{sign}2_sd.png"] for sign in "-+"]
    assert np.array_equal(*light)  # the plain mesh is lit from the front always
    minus, plus = (drawn[f"mesh_textured_light_{sign}2_sd.png"].astype(int) for sign in "-+")
    middle = drawn["mesh_textured_jaw_0_deg.png"].astype(int)
    assert np.abs((minus + plus) / 2 - middle).mean() < 2 < np.abs(minus - plus).mean()
    skin = drawn["4_skin_jaw_0_deg.png"]
    assert skin.shape == (256, 256, 3)
    assert (skin[0, 0] == 255).all() and (skin < 250).any(axis=-1).mean() > 0.2


def test_a_sequence_that_stands_still_gives_equal_frames(call, tmp_path, synthesizer):
    params = synthesizer.dataset_params()[[3, 3]]
    save_params(tmp_path / "params.npz", params, [5, 6])
    words = ("--between", "params.npz", "--frames", 4, "--fps", 25, "--format", "mp4", "gif")
    done = call("generate_animation.py", "--run_id", 29, *words, "--outdir", "out")
    assert done.returncode == 0, done.stderr
    shown, durations = open_gif(tmp_path / "out" / "between.gif")
    assert len(shown) == 1 and sum(durations) == 5 * 40  # a GIF keeps equal frames as one
    about, frames = open_mp4(tmp_path / "out" / "between.mp4")
    assert len(frames) == 5 and about["fps"] == 25
    tiles = [
        shrunk(shown[0, -STEP + 1 : -1, x : x + TILE])  # below the labels
        for x in range(1, 3 * STEP, STEP)
    ]
    faces = synthesizer(synthesizer.framed(params), [5, 6])
    first, other = to_uint8(faces.image)
    for tile, expected in zip(tiles[1:], (faces.render, faces.normal_map), strict=True):
        assert np.abs(tile - to_uint8(expected[0])).mean() < 5
    assert np.abs(tiles[0] - first).mean() < 10 < np.abs(tiles[0] - other).mean()


def test_a_sentence_in_several_styles_with_sound(call, tmp_path, synthesizer):
    pose = np.zeros((3, 12))
    pose[:, 6] = 0, 0.1, 0.2
    moving = {"frame_pose_params": pose, "frame_exp_params": np.zeros((3, 50))}
    np.savez(tmp_path / "sentence.npz", **moving, seq_shape_params=np.zeros(100))
    words = ("--voca", "sentence.npz", "--seeds", "0-7", "--audio", write_tone(tmp_path))
    done = call("generate_animation.py", "--run_id", 29, *words, "--outdir", "out")
    assert done.returncode == 0, done.stderr
    about, frames = open_mp4(tmp_path / "out" / "sentence.mp4")
    assert frames.shape == (3, 3 * STEP, 3 * STEP, 3) and about["audio_codec"]
    corners = frames[0, 4::STEP, 4::STEP].max(axis=-1)
    assert corners[1, 1] < 30  # the mesh, on black, is in the middle
    assert (np.delete(corners, 4) > 60).all()
    first, _, last = frames[:, STEP : 2 * STEP, STEP : 2 * STEP].astype(int)
    assert np.abs(first - last).max() > 60  # the mouth has opened


def write_tone(folder):
    with wave.open(str(folder / "tone.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(b"\0\1" * 4000)
    return folder / "tone.wav"


@pytest.mark.parametrize(("words", "distinct"), [([], 1), (["--per_frame", "lighting"], 3)])
def test_the_light_of_a_tracked_film_is_constant_or_its_own(
    call, tmp_path, synthesizer, words, distinct
):
    faces = synthesizer.dataset_params()
    faces = faces[[0, 0, 0]].replace(lighting=faces.lighting[:3])
    table = ParameterTable(np.arange(3), faces.to_vector().numpy())
    save_parameters(tmp_path / "tracked.npy", table)
    more = ("--tracked", "tracked.npy", "--format", "gif", "--fps", 10, "--outdir", "out")
    done = call("generate_animation.py", "--run_id", 29, *words, *more)
    assert done.returncode == 0, done.stderr
    shown, durations = open_gif(tmp_path / "out" / "tracked.gif")
    assert len(shown) == distinct and sum(durations) == 300


def test_the_default_film_is_a_demonstration(call, resources):
    done = call("generate_animation.py", "--run_id", 29, "--frames", 1)
    assert done.returncode == 0, done.stderr
    outdir = resources / "output_files" / "sample" / "29" / "animation"
    _, frames = open_mp4(outdir / "demonstration.mp4")
    assert len(frames) == 15


def read_pair(resources, face):
    """Photograph, rendering and normal map of a face, uint8, and where the mesh is."""
    paths = Resources(resources).paths
    photographs, renderings = LmdbImages(paths.photographs), LmdbImages(paths.renderings)
    normal_map = renderings.get(image_key(32, face, NORMAL_MAP))
    pair = photographs.get(image_key(32, face)), renderings.get(image_key(32, face)), normal_map
    return *(picture.astype(int) for picture in pair), normal_map.any(axis=-1)


def test_training_data_still(call, tmp_path, resources):
    done = call("show_training_data.py", "--faces", "2,7", "--out", "new/still.png")
    assert done.returncode == 0, done.stderr
    figure = pictures(tmp_path / "new")["still.png"]
    top, left = np.array(figure.shape[:2]) - (4 * STEP, 2 * STEP)
    for column, face in enumerate((2, 7)):
        photograph, render, normal_map, mesh = read_pair(resources, face)
        rows = [
            shrunk(figure[y + 1 : y + 1 + TILE, x + 1 : x + 1 + TILE])
            for y in range(top, figure.shape[0], STEP)
            for x in [left + column * STEP]
        ]
        for found, expected in zip(rows, (photograph, render, normal_map), strict=False):
            assert np.abs(found - expected).max() <= 1
        over, outside = rows[3], ~binary_dilation(mesh, np.ones((3, 3)))
        assert np.abs(over[mesh] - (photograph + render)[mesh] / 2).max() <= 2
        assert np.abs(over[outside] - photograph[outside]).max() <= 1
        assert (over[~mesh & ~outside] == (0, 255, 255)).all()


def test_training_data_film(call, tmp_path, resources):
    words = ("--film", "--faces", "0-15,0-15,0-3", "--out", "wall.mp4")
    done = call("show_training_data.py", *words)
    assert done.returncode == 0, done.stderr
    about, frames = open_mp4(tmp_path / "wall.mp4")
    columns, width = 6, 2 * STEP
    assert frames.shape[1:3] == (6 * STEP, 5 * width) and about["fps"] == 60
    assert len(frames) == (columns - 5) * width // 5
    photograph, render, *_ = read_pair(resources, 5)  # the last one of the first column
    bottom = frames[0, 5 * STEP + 1 : 5 * STEP + 1 + TILE]
    for found, expected in zip(
        (bottom[:, 1:], bottom[:, STEP + 1 :]), (render, photograph), strict=True
    ):
        assert np.abs(shrunk(found[:, :TILE]) - expected).mean() < 25
    moved = np.abs(frames[1][:, :-5].astype(int) - frames[0][:, 5:]).mean()
    assert moved < 3 < np.abs(frames[1].astype(int) - frames[0]).mean()


def test_training_curves(call, tmp_path, resources):
    row = {"nimg": 1000, "loss/D": 1.0, "fid": 30.0}
    stats = resources / "output_files" / "checkpoint" / "29" / "stats.jsonl"
    for path in (stats, tmp_path / "other.jsonl"):
        path.write_text(json.dumps(row) + "\n")
    done = call("plot_training.py", "--run_id", 29, "other.jsonl", "--out", "curves.png")
    stats.unlink()
    assert done.returncode == 0, done.stderr
    assert "run 29, other.jsonl" in done.stdout
    assert pictures(tmp_path)["curves.png"].shape[1] > 800


@pytest.mark.parametrize(
    ("words", "phrase"),
    [
        (("generate_animation.py", "--run_id", 29, "--between", "one.npz"), "holds one face"),
        (("show_training_data.py", "--faces", "16"), "there are 16 faces"),
        (("plot_training.py",), "say which runs to plot"),
    ],
)
def test_wrong_calls_are_answered_in_one_sentence(call, tmp_path, synthesizer, words, phrase):
    save_params(tmp_path / "one.npz", synthesizer.dataset_params()[[0]], [0])
    done = call(*words)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and phrase in done.stderr
    assert len(done.stderr.splitlines()) == 1
