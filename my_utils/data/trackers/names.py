"""The names of tracked faces: the numbers of their photographs, as far as paths tell them."""

import re
from collections.abc import Sequence
from pathlib import Path

from my_utils.errors import UserError
from my_utils.untrusted.text import shown

MOST_DIGITS = 9  # of an id
LEADING_NUMBER = re.compile(r"(\d+)(?:_|$)")  # of the folder of a run: 00017_nV1_noPho
FACE_DIGITS = 2  # that EMOCA puts behind the picture's name, for the number of the face in it
LONG_NAME = 7  # digits of an EMOCA name of one of FFHQ's pictures


def path_names(paths: Sequence[Path], root: Path) -> dict[Path, str]:
    """The number in each path below the root, its last if there are several, or the path itself."""
    return {path: _number(_parts(path, root)) or "/".join(_parts(path, root)) for path in paths}


def file_names(files: Sequence[Path], root: Path) -> dict[Path, str]:
    """The name of each file, without its suffix.

    Where every file has the same number (each photograph was a run of its own, of one frame), it is
    the number of the run's folder.
    """
    names = dict(
        zip(files, path_names([file.with_suffix("") for file in files], root).values(), strict=True)
    )
    if len(files) < 2 or len(set(names.values())) > 1:
        return names
    parts = {file: _parts(file.with_suffix(""), root) for file in files}
    return {file: _run_number(path[:-1]) or "/".join(path) for file, path in parts.items()}


def names_without_face_number(folders: Sequence[Path], root: Path) -> dict[Path, str]:
    """The names of EMOCA's folders without the two figures that number the face in a picture."""
    names = path_names(folders, root)
    ends = [
        name for name in names.values() if name.isdecimal() and name.endswith("0" * FACE_DIGITS)
    ]
    if len(ends) < len(names) or (len(names) == 1 and len(ends[0]) < LONG_NAME):
        return names
    return {folder: name[:-FACE_DIGITS] or name for folder, name in names.items()}


def _parts(path: Path, root: Path) -> tuple[str, ...]:
    return path.relative_to(root).parts if path != root and root.is_dir() else (path.name,)


def _number(parts: Sequence[str]) -> str | None:
    return next((part for part in reversed(parts) if part.isdecimal()), None)


def _run_number(parts: Sequence[str]) -> str | None:
    found = [match[1] for part in reversed(parts) if (match := LEADING_NUMBER.match(part))]
    return found[0] if found else None


def face_ids(sources: Sequence[tuple[str, Path]], *, ranks: bool = False) -> list[int]:
    """The ids of faces: the numbers they are named by, or their ranks among the sorted names.

    Args:
        sources: name of each face, and the file it is in.
        ranks: whether ranks are wanted where some names are numbers.

    Raises:
        UserError: two faces have the same name or number, a number is no id, or only some names
            are numbers and ranks were not asked for.
    """
    numbers = [name for name, _ in sources if name.isdecimal()]
    numbered = len(numbers) == len(sources)
    if numbers and not numbered and not ranks:
        name, file = next((name, file) for name, file in sources if not name.isdecimal())
        raise UserError(
            f"{file} holds face {shown(name)}, which is no number, while {numbers[0]} is one: "
            "rename it, or give --ranks if the photographs are numbered by the order of these names"
        )
    files: dict[str, Path] = {}
    for name, file in sources:
        if numbered and len(name) > MOST_DIGITS:
            raise UserError(f"{file} holds face {shown(name)}, a number too large for an id")
        key = str(int(name)) if numbered else name
        if key in files:
            raise UserError(
                f"{files[key]} and {file} both hold face {shown(name)}: give a file or folder in "
                "which every face is there once"
            )
        files[key] = file
    if numbered:
        return [int(key) for key in files]
    order = {name: rank for rank, name in enumerate(sorted(files))}
    return [order[name] for name in files]
