"""The page's modules compute what their Python twins compute."""

import base64

import numpy as np
import pytest
import torch

from model.camera import fit_camera_to_eyes, fit_camera_to_head, looking_ahead
from model.flame import FLAME, FlameParams
from model.generator import seeded_z
from model.rasterizer import rasterize
from my_utils.faces.params_file import load_params, save_params
from my_utils.viewer.light import adjust_light
from my_utils.viewer.state import ViewerState
from tests.support.node import run_module
from tests.support.toy_head import TOY_EYE_VERTICES, toy_flame_assets


def some_faces(count, *, seed=0):
    rng = np.random.default_rng(seed)
    vectors = torch.from_numpy(rng.normal(0, 0.5, (count, 236)).astype(np.float32))
    vectors[:, 156] += 8  # the camera's scale
    return FlameParams.from_vector(vectors)


def test_styles_are_those_of_torch():
    code = """
    import { seededZ } from "./style.js";
    answer(cases.map(([seed, size]) => [...seededZ(seed, size)]));
    """
    cases = [[0, 64], [7, 512], [123_456_789_012, 20], [2**53 - 1, 31]]
    for (seed, size), z in zip(cases, run_module(code, cases=cases), strict=True):
        assert np.abs(np.array(z) - seeded_z([seed], size)[0].numpy()).max() < 2e-6


def test_light_turns_as_in_the_viewer():
    code = """
    import { adjustLight } from "./light.js";
    answer(cases.map(([lighting, how]) => [...adjustLight(lighting, how)]));
    """
    rng = np.random.default_rng(0)
    cases = []
    for _ in range(5):
        azimuth, elevation, strength, ambient = rng.uniform((-180, -90, 0, 0), (180, 90, 2, 2))
        how = dict(azimuth=azimuth, elevation=elevation, strength=strength, ambient=ambient)
        cases.append([rng.normal(size=27).tolist(), how])
    for (lighting, how), found in zip(cases, run_module(code, cases=cases), strict=True):
        expected = adjust_light(torch.tensor(lighting).view(9, 3), **how)
        assert np.abs(np.array(found) - expected.flatten().numpy()).max() < 1e-5


def test_a_state_stands_for_the_face_that_the_viewer_draws():
    code = """
    import { toVector } from "./flame.js";
    import { FaceState } from "./state.js";
    answer(vectors.map((vector) => {
      const defaults = { seed: 3, truncation: 0.5, centerEyes: false };
      const state = FaceState.of(Float32Array.from(vector), defaults).change(changes);
      const { params, neck, eyes } = state.face();
      return [[...toVector(params)], [...neck], [...eyes], state.values];
    }));
    """
    params = some_faces(4)
    changes = {"Head yaw": 20, "Neck pitch": -10, "Eyes yaw": 5, "Azimuth": 30, "Shape 3": 1.5}
    answers = run_module(code, vectors=params.to_vector().tolist(), changes=changes)
    flame = FLAME(toy_flame_assets())
    for row, (vector, neck, eyes, values) in enumerate(answers):
        state = ViewerState.of(params[row], 3, truncation=0.5, center_eyes=False)
        for name, value in changes.items():
            state = state.change(name, value)
        expected = state.pose(flame)
        for found, tensor in ((vector, expected.params.to_vector()), (neck, expected.neck)):
            assert np.abs(np.array(found) - tensor[0].numpy()).max() < 1e-5
        assert np.abs(np.array(eyes) - expected.eyes[0].numpy()).max() < 1e-6
        assert {name: values[name] for name in state.values} == pytest.approx(
            dict(state.values), abs=1e-4
        )


def test_the_rasterizer_sees_the_same_faces():
    code = """
    import { rasterize } from "./rasterizer.js";
    const { face, barycentric } = rasterize(Float32Array.from(projected), faces, size);
    answer([[...face], [...barycentric]]);
    """
    rng = np.random.default_rng(1)
    points = torch.from_numpy(rng.uniform(-1.2, 1.2, (90, 3)).astype(np.float32))
    points[:45] = (points[:45] * 8).round() / 8  # corners and edges on pixel centres, equal depths
    faces = torch.from_numpy(rng.integers(0, 90, (120, 3)))
    faces = torch.cat([faces, faces])  # the first of equal ones is seen
    expected = rasterize(points[None], faces, 24)
    found, weights = run_module(
        code, projected=points.T.flatten().tolist(), faces=faces.flatten().tolist(), size=24
    )
    image = np.full(24 * 24, -1)
    image[expected.pixel] = expected.face
    assert (np.array(found) != image).sum() <= 1  # float32 against float64, on an edge
    both = np.array(found)[expected.pixel] == expected.face.numpy()
    weights = np.array(weights).reshape(-1, 3)[expected.pixel]
    assert np.abs(weights - expected.barycentric.T.numpy())[both].max() < 1e-3


def test_cameras_keep_the_size_of_a_head():
    code = """
    import { fitCameraToHead } from "./camera.js";
    const [one, other] = [vertices, frontal].map((points) => Float32Array.from(points));
    answer(fitCameraToHead(one, other, eyes, [[0.24, -0.05], [-0.24, -0.05]]));
    """
    flame, face = FLAME(toy_flame_assets()), some_faces(1)
    heads = flame(face), flame(looking_ahead(face))
    vertices, frontal = (points[0].T.flatten().tolist() for points in heads)
    camera = run_module(code, vertices=vertices, frontal=frontal, eyes=TOY_EYE_VERTICES)
    targets = ((0.24, -0.05), (-0.24, -0.05))
    expected = fit_camera_to_head(*heads, eye_vertices=TOY_EYE_VERTICES, targets=targets)
    np.testing.assert_allclose(camera, expected[0].numpy(), rtol=1e-4, atol=1e-5)


def test_cameras_centre_the_eyes():
    code = """
    import { fitCameraToEyes } from "./camera.js";
    answer(fitCameraToEyes(Float32Array.from(vertices), eyes, [[0.24, -0.05], [-0.24, -0.05]]));
    """
    vertices = FLAME(toy_flame_assets())(some_faces(1))
    camera = run_module(code, vertices=vertices[0].T.flatten().tolist(), eyes=TOY_EYE_VERTICES)
    targets = ((0.24, -0.05), (-0.24, -0.05))
    expected = fit_camera_to_eyes(vertices, eye_vertices=TOY_EYE_VERTICES, targets=targets)
    assert np.abs(np.array(camera) - expected[0].numpy()).max() < 1e-4


def test_parameter_files_go_both_ways(tmp_path):
    code = """
    import { fromVector } from "./flame.js";
    import { readParams, writeParams } from "./npz.js";
    const faces = readParams(Buffer.from(file, "base64"));
    const written = writeParams(fromVector(faces[1].vector), faces[1].seed);
    answer([faces.map(({ seed }) => seed), Buffer.from(written).toString("base64")]);
    """
    params, path = some_faces(2), tmp_path / "params.npz"
    save_params(path, params, [3, 2**40])
    file = base64.b64encode(path.read_bytes()).decode()
    seeds, written = run_module(code, file=file)
    assert seeds == [3, 2**40]
    path.write_bytes(base64.b64decode(written))
    again, seeds = load_params(path)
    assert seeds == [2**40]
    assert torch.equal(again.to_vector(), params[1].to_vector())


@pytest.mark.parametrize(
    ("content", "phrase"),
    [(b"no archive", "is no .npz"), (b"", "is no .npz")],
)
def test_other_files_are_told_in_a_sentence(content, phrase):
    code = """
    import { readParams } from "./npz.js";
    try { readParams(Buffer.from(file, "base64")); } catch (error) { answer(error.message); }
    """
    assert phrase in run_module(code, file=base64.b64encode(content).decode())
