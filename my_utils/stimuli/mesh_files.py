"""The head of a picture as a textured mesh, GLB and OBJ, its skin lifted from the picture."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from model.flame import FlameParams
from my_utils.errors import UserError
from my_utils.faces.synthesizer import FaceSynthesizer
from my_utils.files.atomic import atomic_path
from my_utils.files.images import encode_png, from_uint8, to_uint8
from my_utils.stimuli.surface import Surface

try:
    import trimesh
    from trimesh.exchange.obj import export_obj
    from trimesh.visual import TextureVisuals
    from trimesh.visual.material import PBRMaterial, SimpleMaterial
except ModuleNotFoundError:
    raise UserError(
        "meshes need trimesh: python -m pip install -r requirements-stimuli.txt, or leave mesh out "
        "of [labels]"
    ) from None


SPECK, RIM = 4, 4  # texels


class MeshWriter:
    """Writes the heads of one head model."""

    def __init__(self, synthesizer: FaceSynthesizer) -> None:
        resources, device = synthesizer.resources, synthesizer.device
        self._sampler = resources.texture_sampler().to(device)
        self._albedo = synthesizer.renderer.texture
        # A vertex on a seam of the layout has several places in the texture: one vertex for each.
        both = np.stack([resources.flame.faces.ravel(), resources.uv.faces.ravel()], axis=1)
        pairs, index = np.unique(both, axis=0, return_inverse=True)
        self._vertices, self._uv = pairs[:, 0], resources.uv.coordinates[pairs[:, 1]]
        self._faces = index.reshape(-1, 3)

    def write(
        self,
        path: Path,  # without ending
        seen: Surface,
        params: FlameParams,  # one row
        pixels: np.ndarray,  # uint8 [R, R, 3], the generated picture
    ) -> None:
        """Write <path>.glb with the texture inside, and <path>.obj with .mtl and _texture.png."""
        texture = self.lifted_texture(seen, params, pixels)
        picture = Image.fromarray(texture)
        matt = PBRMaterial(baseColorTexture=picture, metallicFactor=0.0, roughnessFactor=1.0)
        plain = SimpleMaterial(image=picture)
        obj = export_obj(self._mesh(seen, plain), mtl_name=f"{path.name}.mtl")
        mtl = f"newmtl material_0\nKd 1 1 1\nKs 0 0 0\nmap_Kd {path.name}_texture.png\n"
        for ending, data in (
            (".glb", self._mesh(seen, matt).export(file_type="glb")),
            ("_texture.png", encode_png(texture)),
            (".mtl", mtl.encode()),
            (".obj", obj.encode()),
        ):
            with atomic_path(path.with_name(path.name + ending)) as temporary:
                temporary.write_bytes(data)

    def _mesh(self, seen: Surface, material: object) -> Any:
        points = seen.vertices[0].cpu().double().numpy()[self._vertices]
        visual = TextureVisuals(uv=self._uv, material=material)
        return trimesh.Trimesh(points, self._faces, visual=visual, process=False)

    @torch.no_grad()
    def lifted_texture(self, seen: Surface, params: FlameParams, pixels: np.ndarray) -> np.ndarray:
        """The texture [T, T, 3] uint8: the picture where the surface faces the viewer, else the
        albedo of the face, brought to the mean colour of what is seen.
        """
        image = from_uint8(pixels)[None].to(seen.vertices)
        lifted = self._sampler(image, seen.vertices, seen.camera)
        albedo = self._albedo(params.texture.to(image))
        # What is seen at a grazing angle is drawn out over many texels: the rim of large hidden
        # parts is left too. Small ones, as between the lips, have no such rim.
        hidden = (~lifted.visibility).to(image)
        large = _grow(1 - _grow(1 - hidden, SPECK), SPECK + RIM)
        hidden = torch.maximum(hidden, large)
        light, visible = (lifted.texture + 1) / 2, 1 - hidden
        means = [(part * visible).sum(dim=(2, 3), keepdim=True) for part in (light, albedo)]
        filled = albedo * means[0] / means[1].clamp(min=1e-6)
        return to_uint8(torch.where(visible > 0, light, filled)[0] * 2 - 1)


def _grow(mask: Tensor, texels: int) -> Tensor:
    """A mask [1, 1, T, T] in {0, 1} grown by so many texels on all sides."""
    return F.max_pool2d(mask, 2 * texels + 1, stride=1, padding=texels)
