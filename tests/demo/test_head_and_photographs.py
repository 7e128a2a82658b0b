"""The embedded default: its head is sound, its photographs fit their renderings, its files real."""

import dataclasses
import filecmp
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial import Delaunay, cKDTree

from constants import EYE_VERTICES
from model.camera import orthographic_projection
from model.flame import FlameParams
from model.rasterizer import rasterize
from my_utils.data.dataset import FaceDataset
from my_utils.data.lmdb_images import NORMAL_MAP, LmdbImages, image_key
from my_utils.data.resource_files import ResourcePaths
from my_utils.data.resources import Resources
from my_utils.demo import resources_folder as demo_files
from my_utils.demo.albedo import face_mask, texture_space
from my_utils.demo.held_out import HELD_OUT_ID, face_region, face_renderer, held_out_faces
from my_utils.demo.mesh import (
    LEFT_EYE,
    LOWER_TEETH,
    MOUTH_BAG,
    RIGHT_EYE,
    SKIN,
    UPPER_TEETH,
    head_mesh,
    surface_of,
    uv_of,
)
from my_utils.demo.parameters import demo_flame, sample_parameters
from my_utils.demo.photographs import photograph, photographs
from my_utils.demo.resources_folder import uv_layout, write_head_files, write_resources
from my_utils.demo.variation import head_assets
from my_utils.errors import UserError
from my_utils.files.image_codec import decode_image
from my_utils.files.images import to_uint8
from my_utils.runs.config import run_config


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Many small operations: on a busy machine several threads mostly wait for one another."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def neutral_params(count: int = 1) -> FlameParams:
    params = FlameParams.from_vector(torch.zeros(count, 236))
    params.lighting[:, 0] = 3.7
    params.camera[:, 0] = 8
    return params


def edges_of(faces: np.ndarray) -> np.ndarray:
    """Directed edges [3 F, 2]."""
    return np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])


def test_neighbouring_triangles_run_the_same_way_round():
    edges = edges_of(head_mesh().faces)
    assert len(np.unique(edges, axis=0)) == len(edges)


def test_every_edge_joins_two_triangles_except_at_neck_lids_and_teeth():
    mesh = head_mesh()
    edges = edges_of(mesh.faces)
    directed = set(map(tuple, edges))
    rims = np.array([edge for edge in directed if edge[::-1] not in directed])
    bottom = mesh.surface[rims, 1].min(axis=1) > 0.99
    parts = mesh.parts[rims]
    assert not np.isin(parts, (MOUTH_BAG, LEFT_EYE, RIGHT_EYE)).any()
    assert bottom[(parts == SKIN).all(axis=1)].all()


def test_triangles_face_outwards():
    mesh = head_mesh()
    corners = mesh.vertices[mesh.faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    part = mesh.parts[mesh.faces[:, 0]]
    for eye in (LEFT_EYE, RIGHT_EYE):
        center = mesh.vertices[mesh.parts == eye].mean(axis=0)
        outwards = corners[part == eye].mean(axis=1) - center
        assert (np.einsum("ij,ij->i", normals[part == eye], outwards) > 0).all()
    skin = (mesh.parts[mesh.faces] == SKIN).all(axis=1)
    outwards = corners[skin].mean(axis=1) * [1, 0, 1] - [0, 0, -0.05]
    share = (np.einsum("ij,ij->i", normals[skin], outwards) > 0).mean()
    assert share > 0.93  # the undersides of nose, chin and ears may look inwards
    assert np.linalg.norm(normals, axis=1).min() > 1e-10


def test_eye_vertices_are_the_fronts_of_the_eyeballs():
    mesh = head_mesh()
    for vertex, part, side in zip(EYE_VERTICES, (LEFT_EYE, RIGHT_EYE), (1, -1), strict=True):
        ball = mesh.vertices[mesh.parts == part]
        front = mesh.vertices[vertex]
        assert mesh.parts[vertex] == part
        assert front[2] == ball[:, 2].max()
        assert np.allclose(front, [side * 0.0315, 0.022, 0.0373], atol=1e-6)


def test_head_is_mirror_symmetric_and_of_human_size():
    mesh = head_mesh()
    skin = mesh.vertices[mesh.parts == SKIN]
    extent = np.ptp(skin, axis=0)
    assert np.allclose(extent, [0.18, 0.295, 0.225], atol=0.02)
    assert cKDTree(skin).query(skin * [-1, 1, 1])[0].max() < 1e-4


def test_unwrap_inverts():
    theta, t = np.meshgrid(np.linspace(-3, 3, 7), np.linspace(0, 1, 5))
    uv = uv_of(theta, t)
    again = surface_of(uv[..., 0], uv[..., 1])
    assert np.allclose(again, (theta, t))
    uv = head_mesh().uv
    assert uv.min() >= 0 and uv.max() <= 1


def test_assets_are_a_consistent_flame():
    assets = head_assets()
    vertices = len(assets.v_template)
    assert assets.shapedirs.shape == (vertices, 3, 400)
    assert assets.posedirs.shape == (vertices, 3, 36)
    assert np.allclose(assets.lbs_weights.sum(axis=1), 1, atol=1e-6)
    assert assets.lbs_weights.min() >= 0
    assert np.allclose(assets.J_regressor.sum(axis=1), 1, atol=1e-5)
    assert np.allclose(assets.J_regressor @ assets.v_template, demo_files.JOINTS, atol=1e-5)
    size = np.linalg.norm(assets.shapedirs, axis=1).max(axis=0)
    assert 0.0005 < size[:300].max() < 0.012  # metres for one standard deviation
    assert size.min() > 0


def test_positive_jaw_angle_opens_the_mouth():
    mesh = head_mesh()
    params = neutral_params(2)
    params.pose[1, 3] = 0.3
    closed, opened = demo_flame()(params).numpy()
    on_middle = (mesh.parts == SKIN) & (np.abs(mesh.vertices[:, 0]) < 0.002)
    near = on_middle & (np.abs(mesh.vertices[:, 1] + 0.045) < 0.012) & (mesh.vertices[:, 2] > 0.03)
    upper, lower = near & (mesh.lip_side > 0), near & (mesh.lip_side < 0)

    def gap(vertices):
        return vertices[upper, 1].min() - vertices[lower, 1].max()

    assert abs(gap(closed)) < 0.002
    assert gap(opened) > 0.015
    still = mesh.vertices[:, 1] > 0
    assert np.abs(opened - closed)[still].max() < 0.002


def test_eyeballs_move_as_wholes_with_identity_and_keep_still_with_expression():
    assets = head_assets()
    for part in (LEFT_EYE, RIGHT_EYE):
        moves = assets.shapedirs[head_mesh().parts == part]
        assert np.allclose(moves, moves[:1], atol=1e-7)
        assert np.abs(moves[:, :, 300:315]).max() < 1e-6


def test_teeth_are_seen_between_the_lips_only():
    """In narrow faces with narrow mouths, and one with a wide one."""
    mesh, params, size = head_mesh(), sample_parameters([0, 70, 166, 344, 501]), 128
    places = orthographic_projection(demo_flame()(params), params.camera)
    fragments = rasterize(places, demo_flame().faces, size)
    is_tooth = np.isin(mesh.parts, (UPPER_TEETH, LOWER_TEETH))[mesh.faces].all(axis=1)
    teeth = fragments.to_images(torch.from_numpy(is_tooth)[fragments.face][None].float())
    lips = mesh.follows[mesh.parts == MOUTH_BAG]
    for seen, place in zip(teeth[:, 0].numpy(), places[:, lips, :2].numpy(), strict=True):
        row, column = np.nonzero(seen)
        centers = (2 * np.stack([column, row], axis=1) + 1) / size - 1
        mouth = Delaunay(place.mean(axis=0) + 1.05 * (place - place.mean(axis=0)))
        assert (mouth.find_simplex(centers) >= 0).all()


def test_parameters_of_an_id_do_not_depend_on_the_others():
    many = sample_parameters(range(20))
    one = sample_parameters([13])
    assert torch.allclose(many[13].to_vector(), one.to_vector(), atol=1e-5)
    other = sample_parameters([13], seed=1)
    assert not torch.allclose(other.shape, one.shape)


# Of DECA's parameters of FFHQ, by which the published camera network was normalised, and of the
# mean light of the published teaser.
OF_DECA = {
    "yaw, deviation": 0.273,
    "pitch, deviation": 0.116,
    "jaw, mean": 0.089,
    "jaw, deviation": 0.056,
    "camera scale, mean": 8.02,
    "camera scale, deviation": 0.388,
    "camera tx, deviation": 0.0335,
    "camera ty, deviation": 0.0153,
    "ambient light, mean": 4.13,
    "texture, deviation": 1,
}


def test_parameters_are_distributed_roughly_as_deca_s_of_ffhq():
    params = sample_parameters(range(300))
    deviation, jaw, scale = params.pose.std(dim=0), params.pose[:, 3], params.camera[:, 0]
    found = {
        "yaw, deviation": deviation[1],
        "pitch, deviation": deviation[0],
        "jaw, mean": jaw.mean(),
        "jaw, deviation": jaw.std(),
        "camera scale, mean": scale.mean(),
        "camera scale, deviation": scale.std(),
        "camera tx, deviation": params.camera[:, 1].std(),
        "camera ty, deviation": params.camera[:, 2].std(),
        "ambient light, mean": params.lighting[:, 0].mean(),
        "texture, deviation": params.texture.std(),
    }
    ratios = {name: float(value) / OF_DECA[name] for name, value in found.items()}
    assert all(0.6 < ratio < 1.6 for ratio in ratios.values()), ratios
    assert jaw.min() >= 0


def test_texture_space_stays_in_range_for_plausible_codes():
    space = texture_space()
    assert space.mean.shape == (256, 256, 3) and space.directions.shape == (256, 256, 3, 50)
    skin_tone = space.mean[..., None] + space.directions[..., :1] * np.array([-3.0, 3.0])
    assert ((skin_tone > -1) & (skin_tone < 260)).mean() > 0.99
    blue, _, red = np.moveaxis(space.mean[100, 128], -1, 0)
    assert red > blue  # BGR


def test_photograph_shows_the_face_where_the_rendering_does():
    ids = range(6)
    params = sample_parameters(ids)
    pictures = photographs(params, ids, size=48).astype(float)
    renders = to_uint8(face_renderer(48)(params).image).astype(float)
    region = face_region(params, 48)[:, 0].numpy() > 0
    assert region.mean() > 0.08
    right = np.abs(pictures - renders)[region].mean()
    wrong = np.abs(pictures - np.roll(renders, 1, axis=0))[region].mean()
    assert right < 22
    assert right < 0.5 * wrong


def test_style_changes_what_the_rendering_leaves_open():
    params = sample_parameters([4])
    first, second = (photograph(params, [style], size=48).astype(float) for style in (1, 2))
    region = face_region(params, 48)[0, 0].numpy() > 0
    change = np.abs(first - second).mean(axis=2)
    assert change[region].mean() < 16
    assert change[~region].mean() > 2.5 * change[region].mean()


def test_photograph_repeats_exactly():
    params = sample_parameters([9])
    first, again = (photographs(params, [9], size=32) for _ in range(2))
    assert np.array_equal(first, again)


def test_held_out_faces_are_pairs():
    unseen = held_out_faces(2, 32)
    assert unseen.photographs.shape == (2, 3, 32, 32)
    assert unseen.region.shape == (2, 1, 32, 32)
    assert set(unseen.region.unique().tolist()) == {0.0, 1.0}
    again = sample_parameters([HELD_OUT_ID + 1])
    assert torch.allclose(again.to_vector(), unseen.params[1].to_vector(), atol=1e-5)


def test_head_files_read_back_as_the_head_they_were_written_from(tmp_path):
    write_head_files(tmp_path)
    resources = Resources(tmp_path)
    written, read = head_assets(), resources.flame
    for name in ("v_template", "faces", "shapedirs", "posedirs", "lbs_weights", "parents"):
        assert np.array_equal(getattr(written, name), getattr(read, name)), name
    assert np.allclose(written.J_regressor, read.J_regressor)
    assert np.allclose(resources.uv.coordinates, uv_layout().coordinates, atol=1e-6)
    assert np.array_equal(resources.texture_space.directions, texture_space().directions)
    assert np.array_equal(resources.face_mask[0, 0] * 255, face_mask())
    assert len(resources.texels.x) > 40_000
    stamp = ResourcePaths(tmp_path).flame_model.stat().st_mtime_ns
    write_head_files(tmp_path)
    assert ResourcePaths(tmp_path).flame_model.stat().st_mtime_ns == stamp


def written_files(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_resources_folder_has_the_published_formats(demo_folder):
    resources = Resources(demo_folder)
    assert resources.parameters.ids.tolist() == list(range(16))
    assert resources.bad_images == frozenset()
    photographs = LmdbImages(resources.paths.photographs)
    renderings = LmdbImages(resources.paths.renderings)
    assert photographs.length == renderings.length == 16
    assert photographs.sizes() == [8, 16, 32]
    assert photographs.get(image_key(8, 15)).shape == (8, 8, 3)
    stored = renderings.get(image_key(32, 7))
    params = FlameParams.from_vector(torch.from_numpy(resources.parameters.vectors[7:8]))
    drawn = resources.face_renderer(32)(params)
    assert np.array_equal(stored, to_uint8(drawn.image)[0])
    assert np.array_equal(
        renderings.get(image_key(32, 7, NORMAL_MAP)), to_uint8(drawn.normal_map)[0]
    )


def test_interrupted_folder_is_completed_to_the_same_bytes(demo_folder, tmp_path, monkeypatch):
    folder = tmp_path / "again"

    def stop(*args, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(demo_files, "write_rendering_lmdb", stop)
        write_resources(folder, count=16, size=32, seed=0, workers=2)
    assert not ResourcePaths(folder).renderings.exists()
    assert write_resources(folder, count=16, size=32, seed=0, workers=2)

    names = written_files(folder)
    assert names == written_files(demo_folder)
    _, different, broken = filecmp.cmpfiles(folder, demo_folder, names, shallow=False)
    assert (different, broken) == ([], [])


def test_finished_folder_is_left_alone_and_another_call_refused(demo_folder):
    before = {name: (demo_folder / name).stat().st_mtime_ns for name in written_files(demo_folder)}
    assert not write_resources(demo_folder, count=16, size=32, seed=0, workers=2)
    with pytest.raises(UserError, match="another demo"):
        write_resources(demo_folder, count=17, size=32, seed=0, workers=2)
    assert before == {name: (demo_folder / name).stat().st_mtime_ns for name in before}


def test_bad_photographs_are_listed_and_bad():
    assert demo_files.bad_ids(2000) == [173, 673, 1173, 1673]
    records = demo_files.encode_faces([173], size=16, seed=0, bad=frozenset({173}))
    pixels = decode_image(records[0][image_key(16, 173)])
    assert pixels.std() < 2


@pytest.mark.parametrize("options", [{"size": 48}, {"count": 0}, {"workers": 0}])
def test_impossible_options_are_refused(tmp_path, options):
    call = {"count": 4, "size": 32, "seed": 0, "workers": 1} | options
    with pytest.raises(UserError):
        write_resources(tmp_path / "demo", **call)
    assert not (tmp_path / "demo").exists()


def test_renderings_may_be_larger_than_photographs(demo_folder, tmp_path):
    for name in ("flame_resource", "FFHQ"):  # the same in both
        (tmp_path / "input_files").mkdir(exist_ok=True)
        (tmp_path / "input_files" / name).symlink_to(demo_folder / "input_files" / name)
    assert write_resources(tmp_path, count=16, size=32, seed=0, workers=1, render_size=64)
    assert LmdbImages(ResourcePaths(tmp_path).renderings).sizes() == [64]
    config = dataclasses.replace(run_config(0, demo=True), resolution=32, render_size=64)
    pair = FaceDataset(Resources(tmp_path), config)[3]
    assert pair.image.shape[-1] == pair.condition.shape[-1] == 32
    with pytest.raises(UserError, match="another demo"):
        write_resources(tmp_path, count=16, size=32, seed=0, workers=1)
    with pytest.raises(UserError, match="size 48 is not one of"):
        write_resources(tmp_path, count=16, size=32, seed=0, workers=1, render_size=48)
