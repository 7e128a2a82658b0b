"""Labels: points, depth, normals, parts and meshes agree with the head that was drawn."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from model.camera import orthographic_projection
from my_utils.data.landmarks import load_landmarks
from my_utils.demo.landmarks import landmark_places, write_landmarks
from my_utils.errors import UserError
from my_utils.faces.named_factors import load_named_expressions
from my_utils.faces.synthesizer import FaceSynthesizer
from my_utils.stimuli.design_file import read_design
from my_utils.stimuli.label_geometry import EYES, MOUTH, NECK, SKIN
from my_utils.stimuli.stimulus_set import make_set

SIZE = 128
NOSE_TIP, LEFT_EYE_CORNER, RIGHT_EYE_CORNER = 30, 36, 45  # as the viewer sees them


@pytest.fixture(scope="module")
def labelled(resources, tmp_path_factory):
    """A set of one person seen from three sides, with all labels; the head that drew it."""
    folder = tmp_path_factory.mktemp("labels")
    synthesizer = FaceSynthesizer.from_checkpoint(
        next(resources.glob("output_files/checkpoint/29/*.safetensors")), resources=resources
    )
    path = folder / "design.toml"
    path.write_text(
        f"[[people]]\nseed = 4\n[factors]\nyaw = [-60, 0, 60]\n[output]\nsize = {SIZE}\n[labels]\n"
    )
    expressions = load_named_expressions(synthesizer.resources.paths.named_expressions)
    design = read_design(path, expressions)
    return make_set(design, folder / "set", synthesizer, expressions, "0" * 64), synthesizer


def read_label(made, number):
    path = made.folder / "labels" / made.pictures[number].name
    with np.load(f"{path}.npz") as arrays:
        maps = dict(arrays)
    parts = np.asarray(Image.open(f"{path}_parts.png"))[..., 0]
    return json.loads(path.with_name(f"{path.name}.json").read_text()), maps, parts


def test_landmarks_are_where_a_plain_camera_puts_them(labelled):
    made, synthesizer = labelled
    flame, landmarks = synthesizer.renderer.flame, synthesizer.resources.landmarks
    for number, picture in enumerate(made.pictures):
        label, maps, _ = read_label(made, number)
        params = picture.face.params
        vertices = flame(params, eyes=picture.eyes)
        projected = orthographic_projection(
            torch.cat([landmarks.locate(vertices, flame.faces), vertices], dim=1), params.camera
        )
        # The centre of pixel j of S is at (2 j + 1) / S - 1.
        expected = ((projected[0, :, :2].double().numpy() + 1) * SIZE - 1) / 2
        assert np.abs(label["landmarks"]["pixels"] - expected[:68]).max() < 0.01
        assert np.abs(maps["vertices"] - expected[68:]).max() < 0.01
        metres = np.c_[label["landmarks"]["metres"], np.ones(68)]
        again = metres @ np.transpose(label["camera"]["matrix"])
        assert np.abs(again - label["landmarks"]["pixels"]).max() < 0.01
        assert label["pose_degrees"]["yaw"] == pytest.approx([-60, 0, 60][number], abs=1e-3)


def test_what_is_turned_away_is_not_visible(labelled):
    made, _ = labelled
    # At -60 degrees the head looks to the picture's left: the eye at its left is behind the nose.
    expected = ([False, True], [True, True], [True, False])
    for number, seen in enumerate(expected):
        label, maps, _ = read_label(made, number)
        visible = label["landmarks"]["visible"]
        assert visible[NOSE_TIP]
        assert [visible[LEFT_EYE_CORNER], visible[RIGHT_EYE_CORNER]] == seen
        assert 0.2 < maps["vertices_visible"].mean() < 0.7


def test_depth_and_normals_belong_to_the_surface(labelled):
    made, synthesizer = labelled
    for number, picture in enumerate(made.pictures):
        _, maps, parts = read_label(made, number)
        depth, normals = maps["depth"], maps["normals"]
        assert (np.isnan(depth) == (parts == 0)).all()
        length = np.linalg.norm(normals, axis=0)
        assert length[parts > 0] == pytest.approx(1, abs=1e-4) and not length[parts == 0].any()
        vertices = synthesizer.renderer.flame(picture.face.params)[0].numpy()
        column, row = np.rint(maps["vertices"]).astype(int).T
        inside = maps["vertices_visible"] & (column > 1) & (row > 1)
        inside &= (column < SIZE - 2) & (row < SIZE - 2)
        difference = depth[row[inside], column[inside]] + vertices[inside, 2]
        assert np.nanmedian(np.abs(difference)) < 0.001  # metres
        # Slopes of the depth are the normals: d depth / d column = n_x / n_z * pixel size.
        pixel = 2 / SIZE / float(picture.face.params.camera[0, 0])
        slope = np.gradient(depth, axis=1) * normals[2] / pixel
        flat = (normals[2] > 0.7) & np.isfinite(slope)
        assert np.median(np.abs(slope[flat] - normals[0][flat])) < 0.03


def test_parts_are_where_the_landmarks_are(labelled):
    made, _ = labelled
    label, maps, parts = read_label(made, 1)
    pixels = np.array(label["landmarks"]["pixels"])

    def part_at(points):
        column, row = np.rint(pixels[points].mean(axis=0)).astype(int)
        return parts[row, column]

    assert part_at([36, 37, 38, 39, 40, 41]) == part_at([42, 43, 44, 45, 46, 47]) == EYES
    assert part_at([48, 54]) == MOUTH
    assert part_at([27, 28, 29]) == SKIN
    lowest = pixels[8]
    below = parts[min(SIZE - 1, int(lowest[1]) + 3), int(lowest[0])]
    assert below in (NECK, SKIN) and (parts[-1] == NECK).any()


def test_meshes_open_elsewhere_with_the_texture_in_place(labelled):
    trimesh = pytest.importorskip("trimesh")
    made, synthesizer = labelled
    picture = made.pictures[1]
    path = made.folder / "labels" / picture.name
    (mesh,) = trimesh.load(f"{path}.glb").geometry.values()
    texture = np.asarray(mesh.visual.material.baseColorTexture.convert("RGB")).astype(int)
    other = trimesh.load(f"{path}.obj")
    assert other.vertices == pytest.approx(mesh.vertices, abs=1e-6)
    assert np.array(other.faces).tolist() == np.array(mesh.faces).tolist()
    assert np.asarray(other.visual.material.image.convert("RGB")).shape == texture.shape
    assert len(mesh.faces) == len(synthesizer.resources.flame.faces)
    # The colour of a vertex in the middle of the face is that of its pixel in the picture.
    label, _, _ = read_label(made, 1)
    with Image.open(made.folder / "pictures" / f"{picture.name}.png") as image:
        pixels = np.asarray(image.resize((32, 32), Image.Resampling.BOX)).astype(int)
    vertices, uv = np.array(mesh.vertices), np.array(mesh.visual.uv)
    middle = np.linalg.norm(vertices - label["landmarks"]["metres"][NOSE_TIP], axis=1) < 0.03
    assert middle.sum() > 50
    column, row = ((uv[middle] * [1, -1] + [0, 1]) * len(texture) - 0.5).round().astype(int).T
    places = np.c_[vertices[middle], np.ones(middle.sum())] @ np.transpose(
        label["camera"]["matrix"]
    )
    x, y = ((places + 0.5) / SIZE * 32).astype(int).T
    difference = np.abs(texture[row, column] - pixels[y, x]).mean()
    aside = np.abs(texture[row, column] - pixels[y, x - 8]).mean()
    assert difference < 0.5 * aside


def test_landmarks_of_the_demo_head_are_symmetric(tmp_path):
    places = landmark_places()
    assert places.shape == (68, 2)
    mirrored = places * [-1, 1]
    pairs = [(k, 16 - k) for k in range(17)] + [(17 + k, 26 - k) for k in range(10)]
    pairs += [(31 + k, 35 - k) for k in range(5)] + [(36, 45), (37, 44), (39, 42), (48, 54)]
    pairs += [(49, 53), (51, 51), (55, 59), (57, 57), (60, 64), (61, 63), (65, 67)]
    for first, second in pairs:
        assert places[first] == pytest.approx(mirrored[second]), (first, second)
    path = tmp_path / "landmark_embedding.npy"
    write_landmarks(path)
    found = load_landmarks(path)
    assert found.barycentric.sum(axis=1) == pytest.approx(1, abs=1e-6)
    with pytest.raises(UserError, match="landmark_embedding"):
        load_landmarks(path, face_count=10)
