"""The manifest of a study: what is written is read, and no mistake passes."""

import pytest

from my_utils.errors import UserError
from my_utils.study.manifest import COLUMNS, read_manifest
from tests.support.toy_study import write_likert_study, write_pairwise_study

HEADER = ",".join(COLUMNS)
ROW = "a.png,likert,pair,full_model,29,0,0,0,5"


def test_what_is_written_is_read(tmp_path):
    for study, write in (("pairwise", write_pairwise_study), ("likert", write_likert_study)):
        pictures = write(tmp_path / study)
        assert read_manifest(tmp_path / study) == pictures
        assert read_manifest(tmp_path / study, study) == pictures


@pytest.mark.parametrize(
    ("lines", "phrase"),
    [
        ([], "is no manifest"),
        (["file,model"], "is no manifest"),
        ([HEADER], "pictures of one study"),
        ([HEADER, ROW[:-4]], "line 2 has 7 cells instead of 9"),
        ([HEADER, ROW.replace("29", "-29")], "line 2: run_id '-29' is not a number"),
        ([HEADER, ROW.replace(",0,0,0,", ",,0,0,")], "line 2: condition '' is not a number"),
        ([HEADER, ROW.replace(",0,0,0,", ",0,0,,")], "needs the number of its style"),
        ([HEADER, ROW.replace("pair", "mesh")], "no pictures of kind 'mesh'"),
        ([HEADER, ROW.replace("likert", "survey")], "'survey' has no pictures"),
        ([HEADER, ROW, ROW], "lists a.png twice"),
        ([HEADER, ROW, ROW.replace("a.png", "b.png")], "1 of the 2 pictures"),
        ([HEADER, ROW.replace("a.png", "../a.png")], "outside the manifest's folder"),
        ([HEADER, ROW.replace("a.png", "/etc/passwd")], "outside the manifest's folder"),
        ([HEADER, ROW.replace("a.png", "..\\a.png")], "outside the manifest's folder"),
        ([HEADER, ROW.replace("a.png", "link/a.png")], "outside the manifest's folder"),
        ([HEADER, ROW.replace("a.png", '"a.png')], "not a readable CSV"),
    ],
)
def test_mistakes_are_answered_in_one_sentence(tmp_path, lines, phrase):
    folder, outside = tmp_path / "study", tmp_path / "outside"
    for place in (folder, outside):
        place.mkdir()
        (place / "a.png").touch()
    (folder / "link").symlink_to(outside)
    (folder / "manifest.csv").write_text("\n".join([*lines, ""]))
    with pytest.raises(UserError) as error:
        read_manifest(folder)
    assert phrase in str(error.value) and "\n" not in str(error.value)


def test_a_missing_manifest_and_another_study_are_told(tmp_path):
    with pytest.raises(UserError, match="sample_faces.py"):
        read_manifest(tmp_path)
    write_pairwise_study(tmp_path)
    with pytest.raises(UserError, match="is of the pairwise study: this needs a likert study"):
        read_manifest(tmp_path, "likert")
