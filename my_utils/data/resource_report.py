"""Looks through a resources folder: what is there, whether it can be read, and whether it fits.

Every file that is there is opened with the loader that training uses, so that damage shows here and
not in the middle of a run.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from constants import RENDER_SIZE, TEXTURE_DIM
from my_utils.data.dataset import FaceDataset, check_pairing
from my_utils.data.flame_files import load_flame, load_texel_table, load_uv_layout
from my_utils.data.lmdb_images import NORMAL_MAP, LmdbImages, image_key
from my_utils.data.origins import head_digests, head_problem
from my_utils.data.resource_files import FILES, ResourceFile, ResourcePaths
from my_utils.data.resources import Resources
from my_utils.errors import UserError
from my_utils.files.atomic import file_sha256
from my_utils.runs.config import RunConfig
from my_utils.runs.generators import load_generator
from my_utils.untrusted.fields import float_field, read_fields
from my_utils.untrusted.reader import reading

PRESENT, MISSING, DAMAGED, POINTER = "present", "missing", "damaged", "LFS pointer"
INCEPTION_FEATURES = 2048


class Row(NamedTuple):
    """One file or folder of the report."""

    path: Path
    file: ResourceFile  # what is known of it
    state: str  # PRESENT, MISSING, DAMAGED or POINTER
    note: str  # what it holds, or what is wrong with it

    @property
    def in_the_way(self) -> bool:
        """Whether training would miss it or stumble over it."""
        return self.state in (DAMAGED, POINTER) or (self.file.required and self.state == MISSING)


class Report(NamedTuple):
    """The state of a resources folder."""

    rows: dict[str, Row]  # what training reads, by the names of FILES
    extras: list[Row]  # statistics and generators
    problems: list[str]  # what does not fit together
    remarks: list[str]  # worth knowing, nothing to mend

    @property
    def complete(self) -> bool:
        """Whether everything that training needs is there and fits."""
        return not self.problems and not any(row.in_the_way for row in self.rows.values())


def _describe_flame(resources: Resources) -> str:
    flame = load_flame(resources.path("flame_model"))
    directions = flame.shapedirs.shape[2]
    return (
        f"{len(flame.v_template)} vertices, {len(flame.faces)} triangles, {directions} directions"
    )


def _describe_layout(resources: Resources) -> str:
    layout = load_uv_layout(resources.paths.template_mesh)
    return f"{len(layout.faces)} triangles, {len(layout.coordinates)} texture coordinates"


def _describe_texture_space(resources: Resources) -> str:
    height, width, _, components = resources.texture_space.directions.shape
    return f"{width} x {height} texels, {components} components in use"


def _describe_lmdb(path: Path) -> str:
    """Its pictures by kind and size, after decoding the first, the middle and the last of each."""
    found = []
    with reading(path / "data.mdb"):
        images = LmdbImages(path)
        for prefix, kind in (("", "pictures"), (NORMAL_MAP, "normal maps")):
            for size in images.sizes(prefix):
                ids = images.ids(size, prefix)
                for face_id in ids[[0, len(ids) // 2, -1]]:
                    images.get(image_key(size, face_id, prefix), size=size)
                found.append(f"{len(ids)} {kind} of {size} pixels")
        if not images.sizes():
            raise ValueError("it holds no pictures")
        return f"length {images.length}: {', '.join(found)}"


def _describe_statistics(path: Path) -> str:
    fields = read_fields(path)
    with reading(path):
        float_field(fields, "mu", (INCEPTION_FEATURES,))
        float_field(fields, "sigma", (INCEPTION_FEATURES, INCEPTION_FEATURES))
    return f"mean and covariance of {INCEPTION_FEATURES} features"


def _describe_generator(path: Path) -> str:
    with reading(path):
        loaded = load_generator(path)
    return f"run {loaded.config.run_id}, {loaded.nimg:,} images seen"


DESCRIBE: dict[str, Callable[[Resources], str]] = {  # read it; UserError if it cannot be read
    "flame_model": _describe_flame,
    "template_mesh": _describe_layout,
    "texture_space": _describe_texture_space,
    "face_mask": lambda r: f"{r.face_mask.mean():.0%} of the texture is face",
    "texel_table": lambda r: f"{len(load_texel_table(r.paths.texel_table).x)} texels show the mesh",
    "parameters": lambda r: f"{len(r.parameters.ids)} faces",
    "bad_images": lambda r: f"{len(r.bad_images)} photographs to leave out",
    "renderings": lambda r: _describe_lmdb(r.paths.renderings),
    "photographs": lambda r: _describe_lmdb(r.paths.photographs),
}


def inspect_resources(resources: Resources, config: RunConfig) -> Report:
    """Open everything in the folder and compare what belongs together.

    Args:
        config: of the run to be trained, whose picture sizes the LMDBs should have.

    Raises:
        UserError: there is no such folder. Whatever is wrong inside it is in the report.
    """
    resources.require()
    rows = {
        name: _inspect(_row(resources.path(name), FILES[name]), partial(describe, resources))
        for name, describe in DESCRIBE.items()
    }
    return Report(rows, _inspect_extras(resources.paths), *_compare(resources, config, rows))


def _inspect_extras(paths: ResourcePaths) -> list[Row]:
    statistics = _row(paths.fid_statistics, FILES["fid_statistics"])
    generators = _row(paths.checkpoints, FILES["checkpoints"])
    return [
        *_inspect_each(statistics, sorted(statistics.path.glob("*.npz")), _describe_statistics),
        *_inspect_each(generators, _newest_generators(generators.path), _describe_generator),
    ]


def _row(path: Path, file: ResourceFile) -> Row:
    return Row(path, file, MISSING, "")


def _inspect_each(folder: Row, files: list[Path], describe: Callable[[Path], str]) -> list[Row]:
    """A row for each file, or that of their folder where there is none."""
    rows = [_inspect(folder._replace(path=path), partial(describe, path)) for path in files]
    return rows or [folder]


def _newest_generators(checkpoints: Path) -> list[Path]:
    """Of every run, the newest generator trained here and the newest that was released."""
    newest = []
    for folder in sorted(checkpoints.glob("*/")):
        for pattern in ("generator-*.safetensors", "*.model"):
            newest += sorted(folder.glob(pattern))[-1:]
    return newest


def _inspect(row: Row, describe: Callable[[], str]) -> Row:
    """The row of a file, first taken for missing, with its state and note."""
    if not row.path.exists():
        return row
    try:
        note = describe()
    except UserError as error:
        state = POINTER if "Git LFS pointer" in str(error) else DAMAGED
        return row._replace(state=state, note=str(error))
    if row.file.sha256:
        known = file_sha256(row.path).startswith(row.file.sha256)
        note += f"; {'the' if known else 'not the'} published file"
    return row._replace(state=PRESENT, note=note)


def _compare(
    resources: Resources, config: RunConfig, rows: dict[str, Row]
) -> tuple[list[str], list[str]]:
    """Problems and remarks about files that belong together, as far as they can be read."""

    def readable(*names: str) -> bool:
        return not any(rows[name].in_the_way for name in names)

    problems, remarks = [], []
    if readable("flame_model", "template_mesh", "texel_table"):
        problems += _errors(lambda: resources.flame, lambda: resources.uv, lambda: resources.texels)
    if readable("texture_space"):
        problems += _texture_problems(resources)
    for name in ("photographs", "renderings"):
        if readable(name):
            problems += _count_problems(resources.path(name))
    if readable("parameters", "bad_images", "photographs", "renderings"):
        problems += _pairing_problems(resources, config)
    if readable("flame_model", "template_mesh", "texture_space", "renderings"):
        problems += [line for line in _head_problems(resources) if line not in problems]
    if readable("parameters", "photographs"):
        remarks += _spare_photographs(resources)
    return problems, remarks


def _errors(*reads: Callable[[], object]) -> list[str]:
    """What is wrong according to those that raise a UserError, each sentence once."""
    errors = []
    for read in reads:
        try:
            read()
        except UserError as error:
            errors.append(str(error))
    return list(dict.fromkeys(errors))


def _texture_problems(resources: Resources) -> list[str]:
    path = resources.paths.texture_space
    height, width, _, components = resources.texture_space.directions.shape
    problems = []
    if height != width or width < RENDER_SIZE:
        problems.append(
            f"{path} has {width} x {height} texels: it should be square and not smaller than "
            f"{RENDER_SIZE} (512 as published)"
        )
    if components < TEXTURE_DIM:
        problems.append(
            f"{path} has {components} components: the last {TEXTURE_DIM - components} texture "
            "codes of every face would have no effect"
        )
    return problems


def _count_problems(path: Path) -> list[str]:
    """An LMDB that holds more or fewer ids than it says was not finished, or changed later."""
    images = LmdbImages(path)
    count = len(images.ids(images.sizes()[0]))
    if images.length == count:
        return []
    return [f"{path} says that it holds {images.length} faces, but it holds {count}: build it anew"]


def _pairing_problems(resources: Resources, config: RunConfig) -> list[str]:
    try:
        return check_pairing(FaceDataset(resources, config))
    except UserError as error:
        return [str(error)]


def _head_problems(resources: Resources) -> list[str]:
    images = LmdbImages(resources.paths.renderings, made_by=FILES["renderings"].source)
    try:
        problem = head_problem(images, head_digests(resources))
    except UserError:  # about the head itself, and said above
        return []
    return [problem] if problem else []


def _spare_photographs(resources: Resources) -> list[str]:
    images = LmdbImages(resources.paths.photographs)
    ids = images.ids(images.sizes()[0])
    spare = np.setdiff1d(ids, resources.parameters.ids)
    if len(spare) == 0:
        return []
    return [
        f"{len(spare)} of {len(ids)} photographs have no parameters and are not trained on, the "
        f"first is id {spare[0]:05d} (of FFHQ's 70000 the published parameters lack 842)"
    ]
