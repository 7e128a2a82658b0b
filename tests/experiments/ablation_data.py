"""The data of the ablation: the demo's, with smooth renderings, and with its mirror images."""

from pathlib import Path

import numpy as np
import torch

from model.flame import FlameParams
from model.mesh import UvLayout
from model.renderer import MeshRenderer
from my_utils.data.lmdb_images import NORMAL_MAP, LmdbImages, image_key
from my_utils.data.parameters import ParameterTable, save_parameters
from my_utils.data.resources import Resources
from my_utils.demo.resources_folder import write_resources
from my_utils.files.image_codec import encode_jpeg, encode_png
from my_utils.files.images import to_uint8
from my_utils.files.lmdb_writer import LmdbWriter

DATA = "data"
FACES, SIZE = 2000, 64
# Of the nine spherical harmonics, those that change sign with x: x, x y, x z.
ODD_IN_X = torch.tensor([1, -1, 1, 1, -1, -1, 1, 1, 1.0])


def write_data(out: Path, *, workers: int = 2) -> None:
    """Write `out`/data/plain, smooth and mirrored, where they are missing."""
    options = {"count": FACES, "size": SIZE, "seed": 0, "workers": workers}
    write_resources(out / DATA / "plain", **options)
    smooth, photographs = out / DATA / "smooth", "input_files/FFHQ"
    if not (smooth / photographs).exists():
        (smooth / "input_files").mkdir(parents=True)
        (smooth / photographs).symlink_to((out / DATA / "plain" / photographs).resolve())
    write_resources(smooth, render_size=2 * SIZE, **options)
    write_mirrored(out / DATA / "plain", out / DATA / "mirrored")


def write_mirrored(plain: Path, folder: Path) -> None:
    """A resources folder of all faces and, under ids of their own, their mirror images.

    The photograph is turned round; the renderings are of the mirrored mesh in mirrored light,
    since the published normal map cuts negative parts, so that its channels cannot be turned.
    """
    source, paths = Resources(plain), Resources(folder).paths
    if paths.renderings.exists():
        return
    for path in (paths.parameters, paths.photographs):
        path.parent.mkdir(parents=True)
    paths.flame_model.parent.symlink_to(source.paths.flame_model.parent.resolve())
    ids, vectors = source.parameters
    twice = ParameterTable(np.concatenate([ids, ids + len(ids)]), np.concatenate([vectors] * 2))
    save_parameters(paths.parameters, twice)
    bad = sorted(source.bad_images)
    names = [f"{face:05d}.npy" for face in [*bad, *(face + len(ids) for face in bad)]]
    np.savez(paths.bad_images, bad_images=np.array(names, dtype="<U9"))
    photographs, renderings = (
        LmdbImages(path) for path in (source.paths.photographs, source.paths.renderings)
    )
    drawing = source.face_renderer(SIZE)
    flame, texture = drawing.flame, drawing.texture
    with (
        LmdbWriter(paths.photographs, recipe="mirrored") as photograph_writer,
        LmdbWriter(paths.renderings, recipe="mirrored") as rendering_writer,
    ):
        renderer = mirrored_renderer(flame.faces, source.uv)
        for row, face in enumerate(ids.tolist()):
            photograph = photographs.get(image_key(SIZE, face))
            other = face + len(ids)
            photograph_writer.put_all({image_key(SIZE, face): encode_jpeg(photograph)})
            turned = encode_jpeg(np.ascontiguousarray(photograph[:, ::-1]))
            photograph_writer.put_all({image_key(SIZE, other): turned})
            params = FlameParams.from_vector(torch.from_numpy(vectors[row : row + 1]))
            with torch.no_grad():
                drawn = renderer(
                    flame(params) * torch.tensor([-1, 1, 1.0]),
                    params.camera * torch.tensor([1, -1, 1.0]),
                    params.lighting * ODD_IN_X[:, None],
                    texture(params.texture),
                )
            for prefix, picture in (("", drawn.image), (NORMAL_MAP, drawn.normal_map)):
                old = renderings.get(image_key(SIZE, face, prefix))
                rendering_writer.put_all({image_key(SIZE, face, prefix): encode_png(old)})
                new = encode_png(to_uint8(picture)[0])
                rendering_writer.put_all({image_key(SIZE, other, prefix): new})
        photograph_writer.finish(2 * len(ids))
        rendering_writer.finish(2 * len(ids))


def mirrored_renderer(faces: torch.Tensor, uv: UvLayout) -> MeshRenderer:
    """The renderer of a mesh whose mirror image looks outwards too."""
    turned = uv._replace(faces=np.ascontiguousarray(uv.faces[:, ::-1]))
    return MeshRenderer(faces.flip(1), turned, size=SIZE)
