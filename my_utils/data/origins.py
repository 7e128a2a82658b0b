"""What the renderings were made from, kept in their LMDB, so that no others are paired with them.

Renderings of other parameters, or of another head, fit by their ids and sizes: only this tells.
LMDBs that were made before, and the published one, do not know.
"""

import hashlib
import json
import zlib

import numpy as np

from model.flame import FlameAssets, TextureSpace
from model.mesh import UvLayout
from my_utils.data.lmdb_images import LmdbImages
from my_utils.data.parameters import ParameterTable
from my_utils.data.resources import Resources

CODES, HEAD = "made_from_codes", "made_from_head"  # keys of the records


def origin_records(table: ParameterTable, resources: Resources) -> dict[str, bytes]:
    """What the renderings of these faces will know of them: records by key."""
    codes = np.stack([table.ids, code_sums(table)], axis=1).astype("<i8")
    return {CODES: codes.tobytes(), HEAD: json.dumps(head_digests(resources)).encode()}


def code_sums(table: ParameterTable) -> np.ndarray:
    """A checksum of the codes of each face: [P] int64."""
    rows = np.ascontiguousarray(table.vectors, dtype="<f4")
    return np.array([zlib.crc32(row) for row in rows], dtype=np.int64)


def flame_digest(resources: Resources) -> dict[str, str]:
    """Twelve digits for the model alone, which training reads anyway."""
    return {"flame_model": _digest(resources.flame)}


def head_digests(resources: Resources) -> dict[str, str]:
    """Twelve digits for each file that shows in the pictures."""
    return flame_digest(resources) | {
        "template_mesh": _digest(resources.uv),
        "texture_space": _digest(resources.texture_space),
    }


def _digest(parts: FlameAssets | UvLayout | TextureSpace) -> str:
    digest = hashlib.sha256()
    fields = parts._asdict() if isinstance(parts, tuple) else vars(parts)
    for name, value in fields.items():
        if isinstance(value, np.ndarray):
            digest.update(name.encode() + np.ascontiguousarray(value).tobytes())
    return digest.hexdigest()[:12]


def codes_problem(renderings: LmdbImages, table: ParameterTable) -> str | None:
    """A sentence where the renderings were made from other codes than the table's."""
    record = renderings.record(CODES)
    if record is None:
        return None
    known = dict(np.frombuffer(record, "<i8").reshape(-1, 2).tolist())
    sums = zip(table.ids.tolist(), code_sums(table).tolist(), strict=True)
    others = [face for face, code in sums if known.get(face, code) != code]
    if not others:
        return None
    return (
        f"{renderings.path} was made from other parameters: those of {len(others)} of "
        f"{len(table.ids)} faces have changed, the first is id {others[0]:05d}; delete it and "
        f"repeat `{renderings.made_by}`"
    )


def head_problem(renderings: LmdbImages, digests: dict[str, str]) -> str | None:
    """A sentence where the renderings show another head than that of these files."""
    record = renderings.record(HEAD)
    known = json.loads(record) if record else {}
    others = [name for name, digest in digests.items() if known.get(name, digest) != digest]
    if not others:
        return None
    return (
        f"{renderings.path} was made from another {' and '.join(others)} than those beside it: "
        f"delete it and repeat `{renderings.made_by}`"
    )
