"""Files of others run nothing and lead nowhere else.

The table is every place that takes a file (`file_readers`) times every trick (`hostile_files`).
"""

import csv
import dataclasses
import json
import os
import pickle
import re
import sys
from pathlib import Path

import pytest

from my_utils.data.trackers.reader import tracked_faces
from my_utils.errors import UserError
from my_utils.files.film import FilmWriter
from my_utils.metrics.records import read_measures
from my_utils.study.manifest import read_manifest, write_manifest
from my_utils.study.report import markdown_text
from my_utils.study.results import read_results, write_amt_csv, write_page_csv
from my_utils.study.screening import screen
from my_utils.study.summary import rate_styles
from my_utils.untrusted.text import LONGEST
from tests.support.file_readers import READER_NAMES, Reader, file_readers
from tests.support.hostile_files import other_files, running_files
from tests.support.sounds import write_sound
from tests.support.study_sessions import likert_trial, session, write_session
from tests.support.toy_study import call_script, write_likert_study, write_pairwise_study
from tests.support.tracker_outputs import copy_recorded

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("others")


@pytest.fixture(scope="module")
def readers(folder):
    return file_readers(folder)


def complaint(reader: Reader, content: bytes, mark: Path) -> str | None:
    """What is wrong with how a hostile file is answered; None where all is well."""
    reader.write(content)
    try:
        reader.read()
        return "was read"
    except UserError as error:
        sentence = str(error)
    except Exception as error:  # noqa: BLE001 - it is what the test fails by
        return f"raised {type(error).__name__}: {error}"
    if mark.exists():
        return "was executed"
    if not sentence.isprintable() or len(sentence) > 2 * LONGEST + 2 * len(str(reader.path)):
        return f"is answered by {sentence!r}"
    # A reader of folders names the folder, one of records the file beside the database.
    names = (reader.path.name, reader.path.parent.name)
    return None if any(name in sentence for name in names) else f"is not named in {sentence!r}"


def test_the_names_of_the_readers_are_all(readers):
    assert tuple(readers) == READER_NAMES


@pytest.mark.parametrize("name", READER_NAMES)
def test_files_as_they_should_be_are_read(readers, name):
    readers[name].read()


def test_the_tricks_run_code_where_they_are_trusted(folder):
    """Else nothing is shown by files that run none."""
    mark = folder / "trusted"
    for name in ("os.system, pickle 2", "exec, pickle 4", "open, pickle 0", "INST", "OBJ"):
        pickle.loads(running_files(mark)[name])
        assert mark.exists(), name
        mark.unlink()


@pytest.mark.parametrize("name", READER_NAMES)
def test_no_reader_runs_any_trick_and_each_answers_in_a_sentence(readers, folder, name):
    reader, mark = readers[name], folder / "executed"
    before, files = reader.path.read_bytes(), sorted(folder.rglob("*"))
    tricks = running_files(mark) | other_files()
    complaints = {trick: complaint(reader, tricks[trick], mark) for trick in tricks}
    reader.write(before)
    assert not {trick: what for trick, what in complaints.items() if what}
    assert sorted(folder.rglob("*")) == files  # nothing was written anywhere


# --- names in files -------------------------------------------------------------------------------

MANIFEST = "file,study,kind,model,run_id,condition,params_row,style,seed\n"


def manifest(folder: Path, file: str, model: str = "m") -> None:
    folder.mkdir(exist_ok=True)
    with (folder / "manifest.csv").open("w", newline="") as table:
        table.write(MANIFEST)
        csv.writer(table).writerow([file, "likert", "pair", model, 29, 0, 0, 0, 5])


@pytest.mark.parametrize(
    "file",
    [
        "../secret.png",
        "/etc/passwd",
        "//etc/passwd",
        "a/../../secret.png",
        "..",
        ".",
        "",
        "a\x00b.png",
        "a\nb.png",
        "\x1b[2J.png",
        "x" * 5000,
        "=cmd()|.png",
        "＝1.png",
        "..\\secret.png",
        "loop/a.png",
        "outside/secret.png",
        "device",
        "pipe",
    ],
)
def test_a_manifest_names_no_file_outside_of_its_folder(tmp_path, file):
    study = tmp_path / "study"
    manifest(study, file)
    (tmp_path / "secret.png").touch()
    (study / "loop").symlink_to("loop")
    (study / "outside").symlink_to(tmp_path)
    (study / "device").symlink_to("/dev/zero")
    os.mkfifo(study / "pipe")
    with pytest.raises((UserError, OSError)) as caught:
        read_manifest(study)
    if isinstance(caught.value, UserError):
        assert str(caught.value).isprintable() and len(str(caught.value)) < 2 * LONGEST + 200
    else:
        assert caught.value.filename  # run_script says it


def test_a_manifest_names_no_file_by_its_whole_path(tmp_path):
    (tmp_path / "a.png").touch()
    manifest(tmp_path, str(tmp_path / "a.png"))
    with pytest.raises(UserError, match="is outside the manifest's folder"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    "model", ["../../m", "/absolute/m", "m\nn", "=m", "<b>m", "m|n", "x" * 200]
)
def test_models_that_name_files_are_named_plainly(tmp_path, model):
    (tmp_path / "a.png").touch()
    manifest(tmp_path, "a.png", model)
    with pytest.raises(UserError, match="is not named by letters, digits"):
        read_manifest(tmp_path)


def test_numbers_of_a_manifest_have_few_digits(tmp_path):
    (tmp_path / "manifest.csv").write_text(f"{MANIFEST}a.png,likert,pair,m,{'9' * 6000},0,0,0,5\n")
    with pytest.raises(UserError, match="line 2: run_id .* is not a number"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    ("script", "link"),
    [
        ("study_page", "study_page"),
        ("study_page", "study_page/images"),
        ("study_page", "study_page/images/full_model"),
        ("study_page", "study_page/images/full_model/mesh_0000.png"),
        ("create_csv", "input_csvs"),
    ],
)
def test_nothing_is_written_through_a_link_in_a_study(tmp_path, monkeypatch, script, link):
    study, home = tmp_path / "study", tmp_path / "home"
    write_pairwise_study(study)
    home.mkdir()
    (home / "file").write_text("mine")
    target = home / "file" if link.endswith(".png") else home
    (study / link).parent.mkdir(parents=True, exist_ok=True)
    (study / link).symlink_to(target)
    words = ["--base_url", "https://x.org"] if script == "create_csv" else []
    with pytest.raises(UserError, match="a link leads out of"):
        call_script(monkeypatch, script, study, *words)
    assert [path.name for path in home.iterdir()] == ["file"]
    assert (home / "file").read_text() == "mine"


def test_no_check_is_written_through_a_link(tmp_path, monkeypatch):
    study, home = tmp_path / "study", tmp_path / "home"
    write_likert_study(study)
    home.mkdir()
    (study / "attention").symlink_to(home)
    words = ("--base_url", "https://x.org", "--attention", "2")
    with pytest.raises(UserError, match="a link leads out of"):
        call_script(monkeypatch, "generate_csv", study, *words)
    assert not list(home.iterdir())


@pytest.mark.parametrize(
    "path", ["/dev/zero", "/etc/passwd", "../../passwd.npz", "a\x00b", "loop", 7]
)
def test_a_scene_names_parameters_near_its_folder_only(tmp_path, path):
    root = tmp_path / "a" / "export"
    copy_recorded("vhap", root)
    (root / "loop").symlink_to("loop")
    (tmp_path / "passwd.npz").write_bytes((root / "flame_param" / "00000.npz").read_bytes())
    scene = json.loads((root / "transforms.json").read_text())
    scene["frames"][0]["flame_param_path"] = path
    (root / "transforms.json").write_text(json.dumps(scene))
    with pytest.raises(
        UserError, match="transforms.json .* (far from its folder|has no file_path)"
    ):
        list(tracked_faces("vhap", root, "2020"))


def test_a_device_in_a_folder_of_resources_is_not_read(readers):
    for name in ("face mask", "FLAME model", "template mesh", "parameters"):
        reader = readers[name]
        before = reader.path.read_bytes()
        for device in ("/dev/zero", "pipe"):
            reader.path.unlink()
            os.mkfifo(reader.path) if device == "pipe" else reader.path.symlink_to(device)
            with pytest.raises(UserError, match="is a folder or a device, not a file"):
                reader.read()
        reader.path.unlink()
        reader.path.write_bytes(before)


# --- results of participants ----------------------------------------------------------------------


@pytest.mark.parametrize("start", "=+-@＝＋－＠")
@pytest.mark.parametrize("space", ["", " ", "\t"])
def test_no_cell_of_a_table_begins_like_a_formula(tmp_path, start, space):
    result = session("likert", "p", [likert_trial(0, style=1, answer=3)])
    path = tmp_path / "a.json"
    path.write_text(json.dumps(result | {"participant": f"{space}{start}HYPERLINK(1)"}))
    with pytest.raises(UserError, match="begins like a formula|instead of one line of text"):
        read_results([path], "likert")
    path.write_text(json.dumps(result))
    for write in (write_page_csv, write_amt_csv):
        write(tmp_path / "out.csv", read_results([path], "likert"))
        with (tmp_path / "out.csv").open(newline="") as table:
            cells = [cell for row in csv.reader(table) for cell in row]
        assert not [cell for cell in cells if cell.startswith(tuple("=+-@"))]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("study", []),
        ("study", {"a": 1}),
        ("participant", "p" * 10_000_000),
        ("participant", "p\ud800"),
        ("participant", "\u202egnp.exe"),
        ("seed", 10**400),
        ("seed", float("nan")),
        ("ms", 10**400),
        ("ms", 1.5),
        ("answer", [3]),
        ("check", {"a": []}),
        ("style", 10**30),
        ("image_url", "x" * 2000),
    ],
)
def test_forged_results_are_sentences(tmp_path, place, value):
    result = session("likert", "p", [likert_trial(0, style=1, answer=3)])
    (result if place in result else result["trials"][0])[place] = value
    path = tmp_path / "a.json"
    path.write_text(json.dumps(result))
    with pytest.raises(UserError) as caught:
        read_results([path], "likert")
    assert str(caught.value).isprintable() and len(str(caught.value)) < 2 * LONGEST + 200


def test_a_working_time_of_mechanical_turk_that_is_too_long_is_not_known(tmp_path):
    path = tmp_path / "a.csv"
    header = "WorkerId,Input.image_url,Answer.category.label,WorkTimeInSeconds"
    path.write_text(f"{header}\nW1,3_0.png,Agree,{'9' * 400}\n")
    (trial,) = read_results([path], "likert")
    assert trial.ms is None


def test_a_result_about_thousands_of_styles_draws_no_figure(tmp_path):
    trials = [likert_trial(n, style=n, answer=3) for n in range(1000)]
    path = write_session(tmp_path, session("likert", "p", trials))
    with pytest.raises(UserError, match="about 1000 styles, more than the 200"):
        rate_styles(screen(read_results([path], "likert"), 1).trials)


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[a](javascript:alert(1))",
        "![a](https://evil.example/a.png)",
        "https://evil.example",
        "www.evil.example",
        "mailto@evil.example",
        "a | b",
        "`code`",
    ],
)
def test_summaries_show_names_as_text(text):
    # Neither a tag, nor an address that becomes a link, nor a mark that is not escaped.
    assert not re.search(r"[<>@]|://|www\.|(?<!\\)[`\[\]|]", markdown_text(text))


def test_the_page_shows_names_of_pictures_as_text(tmp_path, monkeypatch):
    pictures = write_pairwise_study(tmp_path)
    name = "</script><script>alert(1)"
    (tmp_path / name).mkdir(parents=True)
    changed = [
        dataclasses.replace(picture, file=f"{name}/{picture.condition}.png")
        if picture.kind == "mesh"
        else picture
        for picture in pictures
    ]
    for old, new in zip(pictures, changed, strict=True):
        (tmp_path / old.file).rename(tmp_path / new.file)
    write_manifest(tmp_path, changed)
    call_script(monkeypatch, "study_page", tmp_path)
    page = (tmp_path / "study_page" / "index.html").read_text()
    assert page.count("<script") == 2 and "alert(1)" in page


# --- other places ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "row",
    [
        {"measure": r"\input{/etc/passwd}"},
        {"measure": "[a](javascript:alert(1))"},
        {"measure": "a | b"},
        {"protocol": "<b>"},
        {"protocol": ["fid"]},
        {"value": "3"},
        {"value": 10**400},
        {"nimg": [1]},
        {"count": {}},
    ],
)
def test_measures_that_have_no_place_in_a_table_are_refused(tmp_path, row):
    path = tmp_path / "measures.jsonl"
    path.write_text(json.dumps({"measure": "fid", "value": 1.5, "protocol": "fid10k"} | row))
    with pytest.raises(UserError, match="measures.jsonl .* is no (name|number)"):
        read_measures(path)


@pytest.mark.parametrize(
    "text", ["ffconcat version 1.0\nfile s.wav\n", "#EXTM3U\nfile:///etc/hosts\n"]
)
def test_a_sound_track_is_no_list_of_other_files(tmp_path, text):
    write_sound(tmp_path / "s.wav", seconds=1)
    FilmWriter(tmp_path / "film.mp4", fps=10, audio=tmp_path / "s.wav")
    (tmp_path / "list.mp3").write_text(text)
    with pytest.raises(UserError, match="ffmpeg cannot make this film"):
        FilmWriter(tmp_path / "film.mp4", fps=10, audio=tmp_path / "list.mp3")


def test_the_viewer_answers_its_own_page_alone():
    viser = pytest.importorskip("viser", reason="needs `pip install -r requirements-viewer.txt`")
    import websockets.sync.client
    from websockets.exceptions import ConnectionClosed

    from my_utils.viewer.server import start_server

    server = start_server("127.0.0.1", 0)
    address = f"ws://127.0.0.1:{server.get_port()}"

    def first_message(origin: str) -> object:
        options = {"origin": origin, "subprotocols": [f"viser-v{viser.__version__}"]}
        with websockets.sync.client.connect(address, **options) as page:
            return page.recv(timeout=20)

    try:
        assert server.get_host() == "127.0.0.1"
        assert first_message(f"http://127.0.0.1:{server.get_port()}")
        assert first_message("http://localhost:9000")  # where the port comes over ssh
        for origin in ("https://evil.example", "http://127.0.0.1.evil.example", "null"):
            with pytest.raises(ConnectionClosed, match="1008"):
                first_message(origin)
    finally:
        server.stop()


def test_the_viewer_listens_to_this_machine_alone(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "plots")
    monkeypatch.setattr(sys, "argv", ["viewer.py"])
    import viewer

    assert viewer.parse_args().host == "127.0.0.1"
