"""Fits a folder of photographs: aligned pictures, the parameter file and a report, restartable.

Some photographs at a time go to a worker process, which writes the aligned pictures and keeps what
it found in a file of its own; the last step puts these together. So a build that was stopped goes
on where it was when the same command is run again.
"""

import csv
import functools
import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from tqdm import tqdm

from constants import FLAME_SLICES, PARAM_DIM
from my_utils.data.parameters import ParameterTable, save_parameters
from my_utils.data.resource_files import ResourcePaths
from my_utils.data.resources import Resources
from my_utils.errors import UserError
from my_utils.files.atomic import atomic_path
from my_utils.files.image_codec import encode_png, read_photograph
from my_utils.files.workers import WorkerProcesses, ordered_map
from my_utils.photos.fitting import BATCH, FittingHead

NO_FACE = "no face was found"
LARGE_CODE = 3.0  # standard deviations: shape or expression at the edge of what the head can be
LARGE_TURN = np.deg2rad(45)  # one half of the face is hardly seen any more


class FaceReport(NamedTuple):
    """One line of the report of a folder."""

    id: int
    photograph: str
    other_faces: int  # in the photograph
    landmark_residual: float  # median, pixels of 256
    color_residual: float  # root mean square, of 255
    skin_used: float  # share of the visible face that looks like skin in soft light
    shape: float  # root mean square, standard deviations
    expression: float
    texture: float
    at_bound: str  # what lies at the edge of what is allowed or expected


class FolderReport(NamedTuple):
    """What became of a folder of photographs."""

    faces: list[FaceReport]  # worst first
    left_out: list[str]  # a sentence each


class Places(NamedTuple):
    """Where the results of a fit lie below a resources folder."""

    images: Path
    parameters: Path
    partial: Path  # of the unfinished
    sheets: Path  # folder of the report and the contact sheets

    @staticmethod
    def below(root: Path) -> "Places":
        paths = ResourcePaths(root)
        return Places(
            paths.ffhq / "images",
            paths.parameters,
            paths.parameters.parent / "photographs.partial",
            paths.output_root / "photographs",
        )

    def check_free(self) -> None:
        """Raise UserError where results of another fit would be mixed with those of a new one."""
        if self.partial.exists():
            return
        for path in (self.parameters, self.images):
            if path.exists():
                raise UserError(
                    f"{path} exists already: give --force to replace it, or another folder with "
                    "--resources"
                )

    def clear(self) -> None:
        """Remove the results of an earlier fit."""
        self.parameters.unlink(missing_ok=True)
        for folder in (self.images, self.partial, self.sheets):
            shutil.rmtree(folder, ignore_errors=True)


def fit_folder(
    head: FittingHead,
    photographs: dict[int, Path],  # by id
    *,
    size: int,  # of the aligned pictures
    fine: bool,
    workers: int,
) -> FolderReport:
    """Fit photographs into the resources folder of a head.

    Interrupted, it goes on where it stopped when called again with the same arguments.

    Raises:
        UserError: no photograph shows a face, or an unfinished fit had other arguments.
    """
    root = head.resources.paths.root
    places = Places.below(root)
    places.images.mkdir(parents=True, exist_ok=True)
    claim(places.partial, photographs, size=size, fine=fine)
    _ = head.embedding  # found once, before the workers ask for it
    ids = list(photographs)
    tasks = [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]
    todo = [task for task in tasks if not _result_path(places.partial, task).exists()]
    fit = functools.partial(fit_some, root=root, networks=head.networks, size=size, fine=fine)
    with (
        WorkerProcesses(min(workers, max(1, len(todo)))) as pool,
        tqdm(total=len(ids), unit="photo", desc="fitting", disable=None) as progress,
    ):
        progress.update(len(ids) - sum(map(len, todo)))
        arguments = [{number: photographs[number] for number in task} for task in todo]
        for done in ordered_map(pool, fit, arguments, ahead=2 * workers):
            progress.update(done)
    return finish(places, [_result_path(places.partial, task) for task in tasks])


def claim(partial: Path, photographs: dict[int, Path], **options: object) -> None:
    """Begin, or go on with what was begun with the same photographs and options."""
    listing = "\n".join(f"{number} {path}" for number, path in photographs.items())
    digest = hashlib.sha256(listing.encode()).hexdigest()[:12]
    recipe = {"photographs": len(photographs), "digest": digest, **options}
    path = partial / "recipe.json"
    if path.exists() and json.loads(path.read_text()) != recipe:
        raise UserError(
            f"{partial} is an unfinished fit of other photographs or options: repeat that command, "
            "or give --force to begin anew"
        )
    partial.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(recipe))


def _result_path(partial: Path, ids: Sequence[int]) -> Path:
    return partial / f"{ids[0]:08d}.npz"


@functools.cache
def _head(root: Path, networks: Path) -> FittingHead:
    """The head of a worker process."""
    return FittingHead(Resources(root), networks)


def fit_some(
    photographs: dict[int, Path], *, root: Path, networks: Path, size: int, fine: bool
) -> int:
    """Align and fit some photographs, write the pictures and a file of results; their number."""
    head, places = _head(root, networks), Places.below(root)
    aligned, left_out = {}, []
    for number, path in photographs.items():
        try:
            face = head.align(read_photograph(path), size=size)
        except (OSError, ValueError) as error:
            left_out.append(f"{path}: {error}")
            continue
        if face is None:
            left_out.append(f"{path}: {NO_FACE}")
            continue
        aligned[number] = face
        with atomic_path(places.images / f"{number:05d}.png") as temporary:
            temporary.write_bytes(encode_png(face.pixels))
    vectors, reports = np.empty((0, PARAM_DIM), np.float32), []
    if aligned:
        fitted = head.fit(list(aligned.values()), fine=fine)
        vectors = fitted.params.to_vector().numpy()
        residuals = torch.stack(list(fitted[1:]), dim=1).tolist()
        for row, (number, face) in enumerate(aligned.items()):
            described = describe(
                number, photographs[number], face.other_faces, residuals[row], vectors[row]
            )
            reports.append(described)
    result = _result_path(places.partial, list(photographs))
    save_result(result, vectors, reports, left_out)
    return len(photographs)


def save_result(
    path: Path,
    vectors: np.ndarray,  # [N, 236]
    faces: Sequence[FaceReport],  # N
    left_out: Sequence[str],
) -> None:
    """Write what a worker found, whole or not at all."""
    text = json.dumps({"faces": faces, "left_out": left_out})
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, vectors=vectors, report=text)


def describe(
    number: int,
    path: Path,
    other_faces: int,
    residuals: Sequence[float],  # landmarks, colors, share of skin
    vector: np.ndarray,  # [236]
) -> FaceReport:
    """The line of the report of one face."""
    codes = {name: vector[FLAME_SLICES[name]] for name in ("shape", "expression", "texture")}
    pose = vector[FLAME_SLICES["pose"]]
    bounds = {
        f"{name} {np.abs(code).max():.1f} sd": np.abs(code).max() > LARGE_CODE
        for name, code in codes.items()
    }
    bounds["jaw shut"] = pose[3] == 0
    bounds["head turned far"] = np.linalg.norm(pose[:3]) > LARGE_TURN
    landmark_residual, color_residual, skin_used = (round(number, 3) for number in residuals)
    spread = {
        name: round(float(np.sqrt(np.square(code).mean())), 3) for name, code in codes.items()
    }
    return FaceReport(
        id=number,
        photograph=str(path),
        other_faces=other_faces,
        landmark_residual=landmark_residual,
        color_residual=color_residual,
        skin_used=skin_used,
        **spread,
        at_bound="; ".join(name for name, reached in bounds.items() if reached),
    )


def finish(places: Places, results: Sequence[Path]) -> FolderReport:
    """Put the results together: parameter file and report; then the unfinished is gone."""
    vectors, faces, left_out = [], [], []
    for path in results:
        with np.load(path) as file:
            vectors.append(file["vectors"])
            report = json.loads(str(file["report"]))
        faces += [FaceReport(*face) for face in report["faces"]]
        left_out += report["left_out"]
    if not faces:
        shutil.rmtree(places.partial)
        raise UserError("\n  ".join(["no photograph shows a face that can be fitted:", *left_out]))
    ids = np.array([face.id for face in faces])
    save_parameters(places.parameters, ParameterTable(ids, np.concatenate(vectors)))
    faces.sort(key=badness, reverse=True)
    write_report(places.sheets / "fit_report.csv", faces)
    shutil.rmtree(places.partial)
    return FolderReport(faces, left_out)


def badness(face: FaceReport) -> float:
    """What the report is sorted by: residuals of landmarks and colors, both in usual units."""
    return face.landmark_residual / 1.2 + face.color_residual / 8 + 2 * (1 - face.skin_used)


def write_report(path: Path, faces: Sequence[FaceReport]) -> None:
    """Write one line for each face."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(FaceReport._fields)
        writer.writerows(faces)
