"""A resources folder in the published file formats, around the toy head."""

import pickle
from pathlib import Path

import numpy as np
from PIL import Image

from my_utils.data.lmdb_images import NORMAL_MAP, image_key
from my_utils.data.resource_files import ResourcePaths
from my_utils.files.image_codec import encode_jpeg, encode_png
from my_utils.files.lmdb_writer import LmdbWriter
from tests.support.toy_head import toy_flame_assets, toy_texture_space, toy_uv_layout

CODES = {"shape": 100, "exp": 50, "pose": 6, "cam": 3, "tex": 50}


def flame_fields() -> dict:
    """The toy head under the names of FLAME's model file."""
    head = toy_flame_assets()
    return {
        "v_template": head.v_template,
        "f": head.faces.astype(np.uint32),
        "shapedirs": head.shapedirs,
        "posedirs": head.posedirs,
        "J_regressor": head.J_regressor,
        "kintree_table": np.stack([head.parents, np.arange(5)]).astype(np.uint32),
        "weights": head.lbs_weights,
    }


def parameter_entry(rng: np.random.Generator) -> dict:
    """One face of the parameter file, looking at the camera."""
    entry = {name: rng.normal(0, 0.3, size).astype(np.float32) for name, size in CODES.items()}
    entry["pose"] *= 0.3
    entry["cam"] = np.array([8, 0, 0], dtype=np.float32)
    entry["lit"] = np.zeros((9, 3), dtype=np.float32)
    entry["lit"][0] = 3.5
    return entry


def write_parameters(path: Path, ids: list[int]) -> None:
    rng = np.random.default_rng(0)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, {f"{i:05d}.pkl": parameter_entry(rng) for i in ids}, allow_pickle=True)


def write_obj(path: Path) -> None:
    layout, faces = toy_uv_layout(), toy_flame_assets().faces
    lines = [f"vt {u:.6f} {v:.6f}" for u, v in layout.coordinates]
    for corners in np.stack([faces, layout.faces], axis=2) + 1:
        lines.append("f " + " ".join(f"{vertex}/{uv}" for vertex, uv in corners))
    path.write_text("\n".join(["mtllib template.mtl", "v 0 0 0", *lines, "s off", ""]))


def write_toy_resources(root: Path, ids: list[int]) -> ResourcePaths:
    """Everything but the LMDBs and the texel table."""
    paths = ResourcePaths(root)
    write_parameters(paths.parameters, ids)
    paths.flame_resource.mkdir(parents=True)
    paths.flame_model.write_bytes(pickle.dumps(flame_fields(), protocol=2))
    write_obj(paths.template_mesh)
    texture = toy_texture_space(components=60)
    np.savez_compressed(
        paths.texture_space, mean=texture.mean, tex_dir=texture.directions.astype(np.float16)
    )
    mask = np.zeros((256, 256, 3), dtype=np.uint8)
    mask[64:192, 64:192, 0] = 255
    Image.fromarray(mask).save(paths.face_mask)
    np.savez(paths.bad_images, bad_images=np.array(["00003.npy"]))
    return paths


def write_toy_lmdbs(paths: ResourcePaths, ids: list[int], *, size: int) -> None:
    """Both LMDBs, of noise."""
    pictures = np.random.default_rng(0).integers(0, 256, (len(ids), size, size, 3), dtype=np.uint8)
    for path in (paths.photographs, paths.renderings):
        path.parent.mkdir(parents=True, exist_ok=True)
    with LmdbWriter(paths.photographs) as writer:
        for face_id, picture in zip(ids, pictures, strict=True):
            writer.put(image_key(size, face_id), encode_jpeg(picture))
        writer.finish(len(ids))
    with LmdbWriter(paths.renderings) as writer:
        for face_id, picture in zip(ids, pictures, strict=True):
            writer.put(image_key(size, face_id), encode_png(picture))
            writer.put(image_key(size, face_id, NORMAL_MAP), encode_png(255 - picture))
        writer.finish(len(ids))
