"""The renderings against scenes written by hand, a slow twin, and recordings."""

import numpy as np
import pytest
import torch

from model.camera import fit_camera_to_eyes, orthographic_projection
from model.flame import FLAME, FlameParams, FlameTexture
from model.mesh import UvLayout, vertex_normals
from model.rasterizer import rasterize
from model.renderer import (
    SH_FACTORS,
    FaceRenderer,
    MeshRenderer,
    Rendering,
    spherical_harmonics_shading,
)
from tests.support.recordings import open_head, texture_space
from tests.support.toy_head import (
    TOY_EYE_VERTICES,
    toy_flame_assets,
    toy_texture_space,
    toy_uv_layout,
)

CAMERA = torch.tensor([[1.0, 0.0, 0.0]])


def levels(picture: torch.Tensor) -> np.ndarray:
    """8-bit levels [N, 3, H, W] of a picture in [-1, 1]; they must be whole."""
    found = (picture.double() + 1) / 2 * 255
    assert (found - found.round()).abs().max() < 1e-4
    return found.round().long().numpy()


def white_light(batch: int = 1) -> torch.Tensor:
    """Ambient light under which the image shows the albedo."""
    lighting = torch.zeros(batch, 9, 3)
    lighting[:, 0] = 1 / SH_FACTORS[0]
    return lighting


def square(half_width: float) -> tuple[torch.Tensor, torch.Tensor, UvLayout]:
    """A square facing the viewer with the whole texture on it."""
    corners = torch.tensor([[-1.0, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]])
    faces = torch.tensor([[0, 1, 2], [0, 2, 3]])
    coordinates = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=np.float32)
    return corners[None] * half_width, faces, UvLayout(coordinates, faces.numpy())


# --- shading ----------------------------------------------------------------------------------


def test_shading_agrees_with_the_recording(data):
    recorded = np.load(data / "shading.npz")
    shading = spherical_harmonics_shading(
        torch.tensor(recorded["normals"]), torch.tensor(recorded["lights"])
    )
    np.testing.assert_allclose(shading.numpy(), recorded["shading"], atol=5e-6)
    np.testing.assert_allclose(SH_FACTORS, recorded["constants"], rtol=1e-7)


def test_each_harmonic_lights_what_it_should():
    directions = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [-1, 0, 0], [0, 0.6, 0.8]])
    normals = directions.T.reshape(1, 3, 1, 5)
    expected = {
        0: [1, 1, 1, 1, 1],
        1: [1, 0, 0, -1, 0],
        2: [0, 1, 0, 0, 0.6],
        3: [0, 0, 1, 0, 0.8],
        6: [0, 0, 0, 0, 0.48],
        7: [1, -1, 0, 1, -0.36],
        8: [-1, -1, 2, -1, 0.92],
    }
    for harmonic, pattern in expected.items():
        lighting = torch.zeros(1, 9, 3)
        lighting[0, harmonic, 1] = 2  # green only
        shading = spherical_harmonics_shading(normals, lighting)[0, :, 0]
        pattern = torch.tensor(pattern, dtype=torch.float32)
        torch.testing.assert_close(shading[1], 2 * SH_FACTORS[harmonic] * pattern)
        assert not shading[0].any() and not shading[2].any()


# --- scenes by hand ---------------------------------------------------------------------------


def test_a_square_in_front_shows_its_texture_upright():
    vertices, faces, uv = square(1.0)
    albedo = torch.randint(0, 256, (1, 3, 8, 8), generator=torch.Generator().manual_seed(0))
    rendering = MeshRenderer(faces, uv, 8)(vertices, CAMERA, white_light(), albedo + 0.5)
    assert np.array_equal(levels(rendering.image), albedo.numpy())
    assert rendering.mask.all()


def test_background_is_minus_one_and_out_of_the_mask():
    vertices, faces, uv = square(0.5)
    albedo = torch.full((1, 3, 4, 4), 180.0)
    rendering = MeshRenderer(faces, uv, 8)(vertices, CAMERA, white_light(), albedo)
    inside = torch.zeros(8, 8, dtype=torch.bool)
    inside[2:6, 2:6] = True
    assert torch.equal(rendering.mask[0, 0], inside.float())
    assert (rendering.image[:, :, ~inside] == -1).all()
    assert (rendering.normal_map[:, :, ~inside] == -1).all()
    assert (rendering.image[:, :, inside] > -0.5).all()  # a plain mesh is not black


def test_normal_map_shows_positive_components_only():
    vertices, faces, uv = square(1.0)
    render, albedo = MeshRenderer(faces, uv, 4), torch.full((1, 3, 4, 4), 180.0)
    front = render(vertices, CAMERA, white_light(), albedo)
    assert (levels(front.normal_map)[0].reshape(3, -1) == [[0], [0], [255]]).all()
    back = MeshRenderer(faces.flip(1), UvLayout(uv.coordinates, uv.faces[:, ::-1].copy()), 4)(
        vertices, CAMERA, white_light(), albedo
    )
    assert (back.normal_map == -1).all()  # (0, 0, -1) is cut off
    assert back.mask.all()  # and yet the face is drawn: nothing is culled


def test_levels_are_cut_off_and_rounded_down():
    vertices, faces, uv = square(1.0)
    render = MeshRenderer(faces, uv, 4)
    for albedo, level in ((300.0, 255), (99.99, 99), (-5.0, 0)):
        plain = torch.full((1, 3, 4, 4), albedo)
        centre = levels(render(vertices, CAMERA, white_light(), plain).image)[0, :, 1:3, 1:3]
        assert (centre == level).all()


def test_a_layout_of_another_mesh_is_refused():
    _, faces, uv = square(1.0)
    with pytest.raises(ValueError, match="2 faces and the mesh 3"):
        MeshRenderer(torch.cat([faces, faces[:1]]), uv)


# --- the toy head -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def toy_renderer() -> FaceRenderer:
    flame = FLAME(toy_flame_assets(0))
    texture = FlameTexture(toy_texture_space(32), 32)
    return FaceRenderer(flame, texture, MeshRenderer(flame.faces, toy_uv_layout(), 48))


def toy_params(flame: FLAME, count: int) -> FlameParams:
    generator = torch.Generator().manual_seed(5)
    vector = torch.randn(count, 236, generator=generator)
    params = FlameParams.from_vector(vector)
    lighting = 0.2 * params.lighting
    lighting[:, 0] += 3.5
    params = params.replace(pose=0.3 * params.pose, lighting=lighting)
    camera = fit_camera_to_eyes(flame(params), eye_vertices=TOY_EYE_VERTICES)
    return params.replace(camera=1.5 * camera)


def shade_slowly(renderer: FaceRenderer, params: FlameParams, row: int, column: int):
    """Textured levels and normal at one pixel in float64, every step by hand."""
    flame, size = renderer.flame, renderer.mesh_renderer.size
    vertices, uv = flame(params), toy_uv_layout()
    fragments = rasterize(orthographic_projection(vertices, params.camera), flame.faces, size)
    place = int((fragments.pixel == row * size + column).nonzero())
    face = int(fragments.face[place])
    weights = fragments.barycentric[:, place].double().numpy()
    normals = vertex_normals(vertices.double(), flame.faces)[0].numpy()
    x, y, z = weights @ normals[flame.faces[face].numpy()]
    u, v = weights @ uv.coordinates[uv.faces[face]]

    albedo = renderer.texture(params.texture)[0].double().numpy()
    texture_size = albedo.shape[-1]
    across, down = u * texture_size - 0.5, (1 - v) * texture_size - 0.5
    left, above = int(np.floor(across)), int(np.floor(down))
    across, down = across - left, down - above
    colour = (
        albedo[:, above, left] * (1 - across) * (1 - down)
        + albedo[:, above, left + 1] * across * (1 - down)
        + albedo[:, above + 1, left] * (1 - across) * down
        + albedo[:, above + 1, left + 1] * across * down
    )
    harmonics = [1, x, y, z, x * y, x * z, y * z, x * x - y * y, 3 * z * z - 1]
    light = (np.array(SH_FACTORS) * harmonics) @ params.lighting[0].double().numpy()
    return np.clip(colour * light, 0, 255), np.clip([x, y, z], 0, 1) * 255


def test_pixels_agree_with_the_slow_twin(toy_renderer):
    params = toy_params(toy_renderer.flame, 1)
    rendering = toy_renderer(params)
    image, normal_map = levels(rendering.image)[0], levels(rendering.normal_map)[0]
    pixels = rendering.mask[0, 0].nonzero()[::40].tolist()
    assert len(pixels) > 10
    for row, column in pixels:
        textured, normal = shade_slowly(toy_renderer, params, row, column)
        np.testing.assert_allclose(image[:, row, column] + 0.5, textured, atol=0.502)
        np.testing.assert_allclose(normal_map[:, row, column] + 0.5, normal, atol=0.502)


def test_a_batch_is_its_faces(toy_renderer):
    params = toy_params(toy_renderer.flame, 3)
    whole = toy_renderer(params)
    for row in range(3):
        alone = toy_renderer(params[row])
        for name, one, all_three in zip(Rendering._fields, alone, whole, strict=True):
            # A last bit may tip a value over to the next whole level.
            assert (one[0] - all_three[row]).abs().max() <= 2.01 / 255, name
            assert (one[0] != all_three[row]).float().mean() < 0.001, name


def test_one_albedo_may_serve_the_batch(toy_renderer):
    params = toy_params(toy_renderer.flame, 2)
    vertices = toy_renderer.flame(params)
    plain = torch.full((1, 3, 32, 32), 180.0)
    render = toy_renderer.mesh_renderer
    shared = render(vertices, params.camera, params.lighting, plain)
    each = render(vertices, params.camera, params.lighting, plain.repeat(2, 1, 1, 1))
    assert torch.equal(shared.image, each.image)


def test_renderings_are_constants(toy_renderer):
    params = toy_params(toy_renderer.flame, 1)
    params = FlameParams.from_vector(params.to_vector().requires_grad_())
    assert not any(part.requires_grad for part in toy_renderer(params))
    assert not toy_renderer.state_dict()  # and nothing licensed is saved with a network


# --- recordings -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def head_renderer(shared) -> FaceRenderer:
    lift = np.load(shared / "oracles" / "texture_lift.npz")
    flame = FLAME(open_head(shared))
    uv = UvLayout(lift["uv_vt"], lift["uv_ft"])
    return FaceRenderer(flame, FlameTexture(texture_space()), MeshRenderer(flame.faces, uv))


def assert_same_levels(found: torch.Tensor, recorded: np.ndarray, ambiguous: np.ndarray) -> None:
    apart = np.abs(levels(found) - recorded).max(axis=1) > 1
    assert apart.mean() <= 0.001
    assert not (apart & ~ambiguous).any()


def test_renderings_agree_with_the_recording(shared, head_renderer):
    recorded = np.load(shared / "oracles" / "render.npz")
    rendering = head_renderer(FlameParams.from_vector(torch.tensor(recorded["params"])))
    ambiguous = recorded["ambiguous"]
    assert_same_levels(rendering.image, recorded["textured_u8"], ambiguous)
    assert_same_levels(rendering.normal_map, recorded["normal_u8"], ambiguous)
    assert not ((rendering.mask[:, 0].numpy() > 0) != recorded["mask"])[~ambiguous].any()


def test_fragments_agree_with_the_recording(shared, head_renderer):
    recorded = np.load(shared / "oracles" / "render.npz")
    params = FlameParams.from_vector(torch.tensor(recorded["params"]))
    flame = head_renderer.flame
    projected = orthographic_projection(flame(params), params.camera)
    fragments = rasterize(projected, flame.faces, 256)
    values = torch.cat(
        [fragments.face[None].double(), fragments.depth[None], fragments.barycentric]
    )
    face_id, depth, *barycentric = fragments.to_images(values, background=-1).unbind(dim=1)
    differs = face_id.numpy() != recorded["face_id"]
    assert not (differs & ~recorded["ambiguous"]).any()
    clear = ~differs & recorded["mask"]
    # Depths were recorded with 10 added, barycentrics of thin faces are worth fewer digits.
    np.testing.assert_allclose(depth.numpy()[clear], recorded["depth"][clear] - 10, atol=1e-4)
    apart = np.abs(np.stack(barycentric, axis=-1) - recorded["bary"]).max(axis=-1)[clear]
    assert apart.max() < 5e-3 and (apart > 1e-4).mean() < 0.01


def test_a_plain_mesh_agrees_with_the_recording(shared, head_renderer):
    recorded = np.load(shared / "oracles" / "render.npz")
    params = FlameParams.from_vector(torch.tensor(recorded["params"][:1]))
    plain = torch.full((1, 3, 256, 256), float(recorded["grey_albedo"]))
    rendering = head_renderer.mesh_renderer(
        head_renderer.flame(params), params.camera, params.lighting, plain
    )
    assert_same_levels(rendering.image, recorded["grey_textured_u8"], recorded["ambiguous"][:1])


def test_interpolated_faces_agree_with_the_recording(shared, head_renderer):
    recorded = np.load(shared / "oracles" / "texture_loss.npz")
    params = FlameParams.from_vector(torch.tensor(recorded["e2e_interpolated_params"]))
    params = params.replace(
        lighting=params.lighting[:1].expand(3, -1, -1), texture=params.texture[:1].expand(3, -1)
    )
    rendering = head_renderer(params)
    condition = torch.cat([rendering.image, rendering.normal_map], dim=1)
    apart = np.abs(levels(condition) - recorded["e2e_cond_u8"]).max(axis=1) > 1
    assert (apart.sum(axis=(1, 2)) <= recorded["e2e_ambiguous_pixels"]).all()
