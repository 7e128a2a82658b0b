"""A folder that a script writes holds what one call wrote, and nothing of an earlier one."""

from collections.abc import Collection, Iterable
from pathlib import Path

from my_utils.errors import UserError
from my_utils.untrusted.text import path_below


def clear_for(
    folder: Path,
    names: Iterable[str],  # of the files that this call writes, relative to the folder
    own: Collection[str],  # patterns of all that the script ever writes there
    *,
    overwrite: bool = False,
    keep: bool = False,  # files of these names: an interrupted call goes on
) -> None:
    """Remove what an earlier call left, so that the folder holds this one alone.

    Raises:
        UserError: (without `overwrite`) it holds files of an earlier call that this one would not
            replace; nothing is removed then.
    """
    there = {
        path.relative_to(folder).as_posix()
        for pattern in own
        for path in folder.glob(pattern)
        if path.is_file() or path.is_symlink()
    }
    others = sorted(there - set(names))
    if others and not overwrite:
        files = "a file" if len(others) == 1 else f"{len(others)} files"
        raise UserError(
            f"{folder} holds {files} of another call, first {others[0]}, which would stay among "
            "those of this one: pass --overwrite to remove what is there, or another --outdir"
        )
    for name in others if keep and not overwrite else there:
        path_below(folder, str(Path(name).parent / "x"))  # no link leads out of the folder
        (folder / name).unlink()
