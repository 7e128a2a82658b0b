"""A folder holds what one call wrote."""

import pytest

from my_utils.errors import UserError
from my_utils.files.output_folder import clear_for

OWN = ("images/*.png", "grid.png")


@pytest.fixture
def folder(tmp_path):
    for name in ("images/0.png", "images/7.png", "grid.png", "mine.png", "images/notes.txt"):
        (tmp_path / "out" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "out" / name).write_text(name)
    return tmp_path / "out"


def files(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_pictures_that_would_stay_are_refused_and_nothing_is_removed(folder):
    before = files(folder)
    with pytest.raises(UserError, match="holds a file of another call, first images/7.png.*--over"):
        clear_for(folder, ["images/0.png", "grid.png"], OWN)
    assert files(folder) == before


def test_overwriting_removes_what_the_script_wrote_and_nothing_else(folder):
    clear_for(folder, ["images/0.png"], OWN, overwrite=True)
    assert files(folder) == {"mine.png", "images/notes.txt"}


def test_a_call_of_the_same_files_starts_with_none_or_goes_on(folder):
    names = ["images/0.png", "images/7.png", "images/8.png", "grid.png"]
    clear_for(folder, names, OWN, keep=True)
    assert {"images/0.png", "images/7.png", "grid.png"} <= files(folder)
    clear_for(folder, names, OWN)  # else an interrupted call leaves pictures of both
    assert files(folder) == {"mine.png", "images/notes.txt"}


def test_nothing_outside_of_the_folder_is_removed(folder, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "1.png").touch()
    (folder / "images" / "0.png").unlink()
    (folder / "images" / "0.png").symlink_to(tmp_path / "other" / "1.png")
    clear_for(folder, [], OWN, overwrite=True)
    assert not (folder / "images" / "0.png").is_symlink()
    (folder / "linked").symlink_to(tmp_path / "other")
    with pytest.raises(UserError, match="a link leads out"):
        clear_for(folder, [], ("*/*.png",), overwrite=True)
    assert (tmp_path / "other" / "1.png").exists()
    clear_for(tmp_path / "absent", ["a.png"], OWN)
