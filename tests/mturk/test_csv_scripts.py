"""Mechanical Turk's inputs: questions, checks, CSVs, layouts and their preview."""

import csv
import re
import subprocess
import sys
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

from my_utils.errors import UserError
from my_utils.study.inputs import balanced_sides, picture_url
from my_utils.study.manifest import write_manifest
from my_utils.study.questions import pair_checks, pair_questions, rating_checks
from my_utils.study.trial import RATINGS
from tests.support.toy_study import (
    MODELS,
    MTURK,
    SIZE,
    call_script,
    face_pixels,
    write_likert_study,
    write_pairwise_study,
)

BASE = "https://example.org/a%20b"
LAYOUT_OF = {"pairwise": "mturk_layout.html", "likert": "mturk_likert_layout.html"}


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_face_is_asked_about_against_every_ablation(tmp_path):
    pictures = write_pairwise_study(tmp_path)
    asked = {(question.models, question.condition) for question in pair_questions(pictures)}
    ablations = [model for model in MODELS if model != "full_model"]
    assert asked == {(("full_model", model), face) for model in ablations for face in range(6)}
    without = [picture for picture in pictures if picture.file != "vector_cond/mdl2__0002.png"]
    with pytest.raises(UserError, match="lacks the face of vector_cond for mesh 2"):
        pair_questions(without)


def test_the_wrong_option_of_a_check_is_the_most_different_mesh(tmp_path):
    pictures = write_pairwise_study(tmp_path)
    checks = pair_checks(tmp_path, pictures, 6, seed=0)
    assert {check.condition for check in checks} == set(range(6))
    for check in checks:
        right, wrong = check.files
        assert right == check.GT
        mine = face_pixels(check.condition).astype(float)
        differences = [np.abs(face_pixels(other) - mine).mean() for other in range(6)]
        assert wrong == f"full_model/mesh_{np.argmax(differences):04d}.png"


def test_likert_checks_show_a_rendering_beside_itself_or_another(tmp_path):
    pictures = write_likert_study(tmp_path)
    checks = rating_checks(tmp_path, pictures, 4, seed=0, outdir=tmp_path / "out")
    assert [check.expected for check in checks] == [5, 1, 5, 1]
    for check in checks:
        pair = np.array(Image.open(tmp_path / "out" / check.image_url))
        left, right = pair[:, :SIZE], pair[:, -SIZE:]
        np.testing.assert_array_equal(right, face_pixels(check.condition))
        assert np.array_equal(left, right) == (check.expected == 5)


def test_pairwise_inputs_are_balanced_seeded_and_have_a_key(tmp_path, monkeypatch):
    write_pairwise_study(tmp_path)
    words = (tmp_path, "--base_url", BASE + "/", "--attention", 3, "--repeats", 2)
    call_script(monkeypatch, "create_csv", *words)
    inputs = tmp_path / "input_csvs"
    names = {
        f"full_model_VS_{model}{end}.csv" for model in list(MODELS)[1:] for end in ("", "_key")
    }
    assert {path.name for path in inputs.iterdir()} == names
    rows = table(inputs / "full_model_VS_vector_cond.csv")
    assert list(rows[0]) == ["GT", "OPTION1", "OPTION2"] and len(rows) == 6 + 3 + 2
    key = table(inputs / "full_model_VS_vector_cond_key.csv")
    assert [row["check"] for row in key] == ["attention"] * 3 + ["repeat"] * 2

    checks = [tuple(row[name] for name in ("GT", "OPTION1", "OPTION2")) for row in key]
    plain = [row for row in rows if tuple(row.values()) not in checks]
    assert len(plain) == 6
    assert sum("full_model/mdl1" in row["OPTION1"] for row in plain) == 3
    for row in plain:
        face = row["GT"].rpartition("_")[2]
        assert row["GT"] == f"{BASE}/full_model/mesh_{face}"
        options = {f"{BASE}/full_model/mdl1__{face}", f"{BASE}/vector_cond/mdl2__{face}"}
        assert {row["OPTION1"], row["OPTION2"]} == options
    for row in key:
        if row["check"] == "attention":
            assert row[f"OPTION{row['expected']}"] == row["GT"]
        else:
            swapped = {"GT": row["GT"], "OPTION1": row["OPTION2"], "OPTION2": row["OPTION1"]}
            assert swapped in plain

    before = (inputs / "full_model_VS_vector_cond.csv").read_bytes()
    call_script(monkeypatch, "create_csv", *words)
    assert (inputs / "full_model_VS_vector_cond.csv").read_bytes() == before
    call_script(monkeypatch, "create_csv", *words, "--seed", 3)
    assert (inputs / "full_model_VS_vector_cond.csv").read_bytes() != before
    call_script(monkeypatch, "create_csv", tmp_path, "--base_url", BASE)
    assert not list(inputs.glob("*_key.csv"))


def test_likert_inputs_name_every_picture_and_key_the_checks(tmp_path, monkeypatch):
    pictures = write_likert_study(tmp_path)
    call_script(monkeypatch, "generate_csv", tmp_path, "--base_url", BASE, "--attention", "2")
    rows = table(tmp_path / "flm_asso_10k.csv")
    key = table(tmp_path / "flm_asso_10k_key.csv")
    known = [row["image_url"] for row in key]
    urls = [row["image_url"] for row in rows if row["image_url"] not in known]
    assert urls == [f"{BASE}/{picture.file}" for picture in pictures]
    assert len(rows) == len(urls) + 2
    assert [(row["check"], row["expected"]) for row in key] == [
        ("attention", "5"),
        ("attention", "1"),
    ]
    for url in known:
        assert (tmp_path / url.removeprefix(f"{BASE}/")).is_file()


def test_addresses_have_one_slash_and_quoted_names():
    for base in ("https://x.org/b", "https://x.org/b/", "https://x.org/b//"):
        url = picture_url(base, "a model/ü#1.png")
        assert url == "https://x.org/b/a%20model/%C3%BC%231.png"
        assert unquote(url).endswith("/b/a model/ü#1.png")


@pytest.mark.parametrize("count", [0, 1, 10, 11])
def test_sides_are_half_and_half(count):
    sides = balanced_sides(count, np.random.default_rng(0))
    assert len(sides) == count and abs(2 * sum(sides) - count) <= 1


@pytest.mark.parametrize(
    ("script", "words", "phrase"),
    [
        ("create_csv", ("likert",), "this needs a pairwise study"),
        ("generate_csv", ("pairwise",), "this needs a likert study"),
        ("create_csv", ("pairwise", "--attention", "7"), "need 7 faces"),
        ("create_csv", ("pairwise", "--repeats", "7"), "more than the 6 questions"),
        ("create_csv", ("broken",), "not a usable picture"),
        ("create_csv", ("absent",), "there is no"),
    ],
)
def test_wrong_calls_write_nothing(tmp_path, monkeypatch, script, words, phrase):
    write_pairwise_study(tmp_path / "pairwise")
    write_likert_study(tmp_path / "likert")
    write_pairwise_study(tmp_path / "broken")
    (tmp_path / "broken" / "full_model" / "mesh_0001.png").write_bytes(b"")
    folder, *rest = words
    if folder == "broken":
        rest = ["--attention", "6"]
    with pytest.raises(UserError, match=phrase):
        call_script(monkeypatch, script, tmp_path / folder, "--base_url", BASE, *rest)
    assert not [path for path in tmp_path.rglob("*.csv") if path.name != "manifest.csv"]


def test_one_model_alone_is_no_pairwise_study(tmp_path, monkeypatch):
    pictures = write_pairwise_study(tmp_path)
    write_manifest(tmp_path, [one for one in pictures if one.model in ("", "full_model")])
    with pytest.raises(UserError, match="at least two models"):
        call_script(monkeypatch, "create_csv", tmp_path, "--base_url", BASE)


@pytest.mark.parametrize(("study", "columns"), [("pairwise", 3), ("likert", 1)])
def test_layouts_fit_the_inputs(tmp_path, monkeypatch, study, columns):
    path = write_inputs_of(study, tmp_path, monkeypatch)
    layout = (MTURK / LAYOUT_OF[study]).read_text()
    variables = set(re.findall(r"\$\{(\w+)\}", layout))
    assert variables == set(table(path)[0]) and len(variables) == columns
    assert 'src="https://assets.crowd.aws/crowd-html-elements.js"' in layout


def write_inputs_of(study, folder, monkeypatch):
    if study == "pairwise":
        write_pairwise_study(folder)
        call_script(monkeypatch, "create_csv", folder, "--base_url", 'https://x.org/"><b>&')
        return folder / "input_csvs" / "full_model_VS_vector_cond.csv"
    write_likert_study(folder)
    call_script(monkeypatch, "generate_csv", folder, "--base_url", 'https://x.org/"><b>&')
    return folder / "flm_asso_10k.csv"


def test_answers_of_the_layouts_become_the_published_columns():
    pairwise = (MTURK / LAYOUT_OF["pairwise"]).read_text()
    radios = re.findall(r'type="radio" name="(\w+)" value="(\w+)"', pairwise)
    assert radios == [("example", "label1"), ("example", "label2")]
    likert = (MTURK / LAYOUT_OF["likert"]).read_text()
    assert 'name="category"' in likert
    assert tuple(re.findall(r"'([^']+)'", likert)) == RATINGS


@pytest.mark.parametrize("study", ["pairwise", "likert"])
def test_a_preview_shows_the_row_escaped(tmp_path, monkeypatch, study):
    path = write_inputs_of(study, tmp_path, monkeypatch)
    call_script(monkeypatch, "preview_layout", MTURK / LAYOUT_OF[study], path, "--row", "2")
    page = path.with_name(f"{path.stem}_preview.html").read_text()
    assert "https://x.org/&quot;&gt;&lt;b&gt;&amp;/" in page
    assert "<b>" not in page and "${" not in page
    for value in table(path)[1].values():
        assert value.rpartition("/")[2] in page


@pytest.mark.parametrize(
    ("layout", "words", "phrase"),
    [
        ("likert", (), "take the layout of its study"),
        ("pairwise", ("--row", "99"), "there is no --row 99"),
    ],
)
def test_a_preview_refuses_what_does_not_fit(tmp_path, monkeypatch, layout, words, phrase):
    path = write_inputs_of("pairwise", tmp_path, monkeypatch)
    with pytest.raises(UserError, match=phrase):
        call_script(monkeypatch, "preview_layout", MTURK / LAYOUT_OF[layout], path, *words)
    assert not list(tmp_path.rglob("*_preview.html"))


@pytest.mark.parametrize("script", ["create_csv", "generate_csv", "preview_layout", "study_page"])
def test_csv_and_page_scripts_need_no_torch(script):
    code = f"import sys, {script}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=MTURK)
