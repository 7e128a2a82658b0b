"""Writes what each picture shows, as training data for detectors."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from my_utils.errors import UserError
from my_utils.faces.named_factors import head_angles
from my_utils.faces.synthesizer import FaceSynthesizer
from my_utils.files.atomic import atomic_path
from my_utils.stimuli.drawing import GENERATED, read_png, write_png
from my_utils.stimuli.label_geometry import (
    PARTS,
    HeadParts,
    camera_matrix,
    depth_map,
    head_parts,
    project,
    segment,
)
from my_utils.stimuli.people import FIELDS
from my_utils.stimuli.plan import Stimulus
from my_utils.stimuli.surface import Surface, pixel_normals, view_surface

LABELS = "labels"  # folder of a set
ENDINGS = (".json", ".npz", "_parts.png", ".glb", ".obj", ".mtl", "_texture.png")


def write_labels(
    folder: Path,
    pictures: Sequence[Stimulus],
    keys: Sequence[str],  # of the generated pictures
    synthesizer: FaceSynthesizer,
    size: int,
    chosen: Sequence[str],  # of design.LABELS
) -> None:
    """Write `folder/labels`: of every picture a JSON file, and the chosen maps and meshes.

    Raises:
        UserError: landmarks are asked for and the head has none.
    """
    home = folder / LABELS
    home.mkdir(exist_ok=True)
    _remove_others(home, {picture.name for picture in pictures})
    renderer, resources = synthesizer.renderer, synthesizer.resources
    if "landmarks" in chosen and resources.landmarks is None:
        raise UserError(
            f"landmarks need {resources.paths.landmark_embedding}: get it, or leave them out of "
            "[labels]"
        )
    parts = head_parts(renderer.flame, resources.landmarks)
    face_mask = torch.from_numpy(resources.face_mask)
    if "mesh" in chosen:
        from my_utils.stimuli.mesh_files import MeshWriter  # needs trimesh

        meshes = MeshWriter(synthesizer)
    numbered = list(zip(pictures, keys, strict=True))
    for picture, key in tqdm(numbered, desc="labels", unit="picture", disable=None):
        seen = view_surface(renderer, face_mask, picture.face.params, picture.eyes, size)
        path = home / picture.name
        _write_json(path, picture, seen, parts, chosen)
        _write_maps(path, seen, parts, chosen)
        if "mesh" in chosen:
            pixels = read_png(folder / GENERATED / f"{key}.png")
            meshes.write(path, seen, picture.face.params, pixels)


def _remove_others(home: Path, names: set[str]) -> None:
    """Remove the labels that an earlier design left."""
    for path in home.iterdir():
        ending = next((end for end in ENDINGS if path.name.endswith(end)), "")
        if ending and path.name.removesuffix(ending) not in names:
            path.unlink()


def _write_json(
    path: Path, picture: Stimulus, seen: Surface, parts: HeadParts, chosen: Sequence[str]
) -> None:
    """Camera, pose, every parameter, and the 68 landmarks."""
    size = len(seen.head)
    angles = head_angles(picture.face.params)[0].tolist()
    label: dict[str, object] = {
        "picture": f"pictures/{picture.name}.png",
        "size": size,
        "camera": {
            "model": "scaled orthographic: pixels = matrix (x, y, z, 1), metres",
            "matrix": camera_matrix(seen.camera, size).tolist(),
        },
        "pose_degrees": dict(zip(("yaw", "pitch", "roll", "jaw"), angles, strict=True)),
        "style_seed": picture.face.style,
        "parameters": {
            **{name: getattr(picture.face.params, name)[0].tolist() for name in FIELDS},
            "eyes": picture.eyes[0].tolist(),
        },
        "parts": list(PARTS),
    }
    if "landmarks" in chosen and parts.landmarks is not None:
        points = parts.landmarks.locate(seen.vertices[0].cpu(), parts.faces)
        pixels, visible = project(points, seen)
        label["landmarks"] = {
            "metres": points.tolist(),
            "pixels": pixels.tolist(),
            "visible": visible.tolist(),
        }
    with atomic_path(path.with_name(f"{path.name}.json")) as temporary:
        temporary.write_text(json.dumps(label, indent=1) + "\n", encoding="utf-8")


def _write_maps(path: Path, seen: Surface, parts: HeadParts, chosen: Sequence[str]) -> None:
    """Depth [S, S], normals [3, S, S] and the mesh's own points in one .npz; parts as a PNG."""
    arrays: dict[str, np.ndarray] = {}
    if "depth" in chosen:
        arrays["depth"] = depth_map(seen)
    if "normals" in chosen:
        arrays["normals"] = pixel_normals(seen, parts.faces.to(seen.vertices.device)).cpu().numpy()
    if "landmarks" in chosen:
        pixels, visible = project(seen.vertices[0], seen)
        arrays |= {"vertices": pixels.astype(np.float32), "vertices_visible": visible}
    if arrays:
        with (
            atomic_path(path.with_name(f"{path.name}.npz")) as temporary,
            temporary.open("wb") as file,
        ):
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    if "segmentation" in chosen:
        levels = segment(seen, parts)[..., None].repeat(3, 2)
        write_png(path.with_name(f"{path.name}_parts.png"), levels)
