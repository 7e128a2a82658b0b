"""Writes the demo as a complete resources folder, in the formats of the published one.

So `--demo` runs the very code that licensed data runs: every reader, LMDB and check.
"""

import json
import pickle
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.sparse import csc_matrix
from tqdm import tqdm

from constants import LMDB_SIZES, RENDER_SIZE
from model.flame import FlameParams
from model.mesh import UvLayout
from model.texture_sampler import texel_table_from_uv
from my_utils.data.head_writer import (
    save_template_mesh,
    save_texel_table,
    save_texture_space,
)
from my_utils.data.lmdb_images import image_key
from my_utils.data.origins import origin_records
from my_utils.data.parameters import ParameterTable, save_parameters
from my_utils.data.photograph_lmdb import resize_and_crop
from my_utils.data.rendering_lmdb import write_rendering_lmdb
from my_utils.data.resource_files import ResourcePaths
from my_utils.data.resources import Resources
from my_utils.demo.albedo import face_mask, texture_space
from my_utils.demo.expressions import write_named_expressions
from my_utils.demo.landmarks import write_landmarks
from my_utils.demo.mesh import head_mesh
from my_utils.demo.parameters import sample_parameters
from my_utils.demo.photographs import photograph
from my_utils.demo.variation import JOINTS, PARENTS, head_assets
from my_utils.errors import UserError
from my_utils.files.atomic import atomic_path
from my_utils.files.image_codec import encode_jpeg, encode_png
from my_utils.files.lmdb_writer import LmdbWriter
from my_utils.files.workers import WorkerProcesses, ordered_map

DEMO_VERSION = 1  # of the pictures and the head; raised when either changes
FACES_PER_TASK = 4
DEFAULT_COUNT = 2000  # faces
HEAD_ONLY = "what drawing faces needs"  # of a folder without photographs and renderings
FIRST_BAD_ID, BAD_ID_STEP = 173, 500  # photographs that are no good, as DECA failed on some


def uv_layout() -> UvLayout:
    """The texture layout of the demo head."""
    mesh = head_mesh()
    return UvLayout(mesh.uv.astype(np.float32), mesh.uv_faces)


def bad_ids(count: int) -> list[int]:
    """The ids below `count` whose photographs do not show their parameters."""
    return list(range(FIRST_BAD_ID, count, BAD_ID_STEP))


def write_head_files(root: Path) -> None:
    """Write `flame_resource/`, in a few seconds; files that are there already are left alone."""
    paths = ResourcePaths(Path(root))
    paths.flame_resource.mkdir(parents=True, exist_ok=True)
    writers = {
        paths.flame_model: _write_flame_model,
        paths.template_mesh: _write_template_mesh,
        paths.texture_space: _write_texture_space,
        paths.texel_table: _write_texel_table,
        paths.named_expressions: write_named_expressions,
        paths.landmark_embedding: write_landmarks,
        paths.face_mask: lambda path: path.write_bytes(
            encode_png(face_mask()[..., None].repeat(3, 2))
        ),
    }
    for path, write in writers.items():
        if not path.exists():
            with atomic_path(path) as temporary:
                write(temporary)


def write_drawing_files(root: Path) -> None:
    """Write what drawing faces needs, the head and some parameters, where it is missing."""
    paths = ResourcePaths(Path(root))
    if not paths.flame_model.exists() and not paths.demo_manifest.exists():
        paths.root.mkdir(parents=True, exist_ok=True)
        _save_manifest(paths.demo_manifest, {"recipe": HEAD_ONLY, "finished": False})
    write_head_files(root)
    if not ResourcePaths(Path(root)).parameters.exists():
        write_parameter_files(root, sample_parameters(range(DEFAULT_COUNT)))


def _write_flame_model(path: Path) -> None:
    assets = head_assets()
    parents = np.where(PARENTS < 0, 2**32 - 1, PARENTS)
    fields = {
        "f": assets.faces.astype(np.uint32),
        "v_template": assets.v_template,
        "shapedirs": assets.shapedirs,
        "posedirs": assets.posedirs,
        "J_regressor": csc_matrix(assets.J_regressor),
        "J": JOINTS.astype(np.float32),
        "kintree_table": np.stack([parents, np.arange(len(PARENTS))]).astype(np.int64),
        "weights": assets.lbs_weights,
        "bs_style": "lbs",
        "bs_type": "lrotmin",
    }
    with path.open("wb") as file:
        pickle.dump(fields, file, protocol=2)


def _write_template_mesh(path: Path) -> None:
    assets = head_assets()
    save_template_mesh(path, assets.v_template, assets.faces, uv_layout())


def _write_texture_space(path: Path) -> None:
    save_texture_space(path, texture_space(), uv_layout())


def _write_texel_table(path: Path) -> None:
    table = texel_table_from_uv(uv_layout(), head_assets().faces, size=RENDER_SIZE)
    save_texel_table(path, table)


def write_parameter_files(root: Path, params: FlameParams) -> None:
    """Write the parameters of ids 0..N-1 and the list of bad photographs."""
    paths = ResourcePaths(Path(root))
    table = ParameterTable(np.arange(len(params)), params.to_vector().numpy())
    save_parameters(paths.parameters, table)
    names = np.array([f"{face:05d}.npy" for face in bad_ids(len(params))], dtype="<U9")
    with atomic_path(paths.bad_images) as temporary, temporary.open("wb") as file:
        np.savez(file, bad_images=names)


def encode_faces(
    ids: Sequence[int], *, size: int, seed: int, bad: frozenset[int]
) -> list[dict[str, bytes]]:
    """The JPEG records of these photographs, at `size` and every smaller size of the LMDB."""
    params = sample_parameters(ids, seed=seed)
    records = []
    for number, face in enumerate(ids):
        pixels = _bad_photograph(face, size) if face in bad else None
        if pixels is None:
            pixels = photograph(params[number], [seed, face, 1], size=size)
        picture = Image.fromarray(pixels)
        records.append(
            {
                image_key(small, face): encode_jpeg(np.asarray(resize_and_crop(picture, small)))
                for small in LMDB_SIZES
                if small <= size
            }
        )
    return records


def _bad_photograph(face: int, size: int) -> np.ndarray:
    """A photograph without a face: a grey card with its number for a brightness."""
    return np.full((size, size, 3), 90 + face % 80, dtype=np.uint8)


def write_photographs(root: Path, *, count: int, size: int, seed: int, workers: int) -> None:
    """Write the LMDB of photographs; the result does not depend on the number of workers."""
    paths = ResourcePaths(Path(root))
    tasks = [range(n, min(n + FACES_PER_TASK, count)) for n in range(0, count, FACES_PER_TASK)]
    encode = partial(encode_faces, size=size, seed=seed, bad=frozenset(bad_ids(count)))
    with (
        LmdbWriter(paths.photographs, recipe=_recipe(count, size, seed)) as writer,
        WorkerProcesses(workers) as pool,
        tqdm(total=count, unit="photo", desc="photographs", disable=None) as progress,
    ):
        todo = [ids for ids in tasks if image_key(size, ids[-1]) not in writer]
        progress.update(count - sum(map(len, todo)))
        for faces in ordered_map(pool, encode, todo, ahead=4 * workers):
            for records in faces:
                writer.put_all(records)
                progress.update()
        writer.finish(count)


def _recipe(count: int, size: int, seed: int) -> str:
    return f"demo version {DEMO_VERSION}, {count} faces, {size} pixels, seed {seed}"


def write_resources(
    root: Path,
    *,
    count: int,
    size: int,
    seed: int,
    workers: int,
    render_size: int | None = None,  # of the renderings; that of the photographs
) -> bool:
    """Write the whole resources folder; False if this very one was there already.

    Interrupted, it goes on where it stopped when called again. The bytes do not depend on the
    number of workers.

    Raises:
        UserError: `root` holds a demo of other options or an older version, or the options cannot
            be met.
    """
    for pixels in (size, render_size or size):
        if pixels not in LMDB_SIZES:
            raise UserError(f"size {pixels} is not one of {', '.join(map(str, LMDB_SIZES))}")
    if render_size and render_size < size:
        raise UserError(f"render_size {render_size} is below the photographs' {size}")
    if count < 1 or workers < 1:
        raise UserError(f"count {count} and workers {workers} must both be at least 1")
    root = Path(root)
    paths = ResourcePaths(root)
    manifest, recipe = paths.demo_manifest, _recipe(count, size, seed)
    render_size = render_size or size
    if render_size != size:
        recipe += f", renderings of {render_size} pixels"
    state = json.loads(manifest.read_text()) if manifest.exists() else {"recipe": recipe}
    if state["recipe"] not in (recipe, HEAD_ONLY):
        raise UserError(
            f"{root} holds another demo ({state['recipe']}; wanted: {recipe}): delete that folder "
            "or choose another with --out"
        )
    if state.get("finished"):
        return False
    root.mkdir(parents=True, exist_ok=True)
    _save_manifest(manifest, {"recipe": recipe, "finished": False})
    write_head_files(root)
    params = sample_parameters(range(count), seed=seed)
    write_parameter_files(root, params)
    table = ParameterTable(np.arange(count), params.to_vector().numpy())
    if not paths.photographs.exists():
        paths.ffhq.mkdir(parents=True, exist_ok=True)
        write_photographs(root, count=count, size=size, seed=seed, workers=workers)
    if not paths.renderings.exists():
        resources = Resources(root)
        write_rendering_lmdb(
            paths.renderings,
            resources.face_renderer(render_size),
            table,
            size=render_size,
            workers=workers,
            origin=origin_records(table, resources),
        )
    paths.output_root.mkdir(exist_ok=True)
    _save_manifest(manifest, {"recipe": recipe, "finished": True})
    return True


def _save_manifest(path: Path, state: dict) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(state, indent=2) + "\n")
