import pytest

from my_utils.metrics.records import append_measure, compare_runs
from tests.support.script_runs import run


def measured(measure, value, nimg=2000, protocol="fid10k", **more):
    return {"measure": measure, "value": value, "protocol": protocol, "nimg": nimg, **more}


def test_runs_are_columns_and_measures_rows():
    runs = {
        "run 29": [measured("fid", 12.5, count=100), measured("yaw", 0.9)],
        "run 8": [measured("fid", 14.0, count=100), measured("fid", 13.0, count=200)],
    }
    head, rows = compare_runs(runs)
    assert head == ["measure", "run 29", "run 8"]
    assert rows == [
        ["kimg", 2.0, 2.0],
        ["fid (fid10k, 100)", 12.5, 14.0],
        ["yaw (fid10k)", 0.9, None],
        ["fid (fid10k, 200)", None, 13.0],
    ]


def test_only_the_newest_generator_counts_and_of_its_numbers_the_last():
    rows = [measured("fid", 9.0, 1000), measured("kid", 7.0, 3000), measured("kid", 6.0, 3000)]
    assert compare_runs({"a": rows}) == (["measure", "a"], [["kimg", 3.0], ["kid (fid10k)", 6.0]])


@pytest.fixture
def samples(tmp_path):
    folder = tmp_path / "resources" / "output_files" / "sample"
    for name, value in (("29", 0.25), ("8", 0.5)):
        for measure in ("fid", "leakage"):
            path = folder / name / "measures.jsonl"
            append_measure(path, measure=measure, value=value, protocol="test", nimg=1000)
    return folder


def test_the_script_finds_every_run_and_writes_both_tables(samples, tmp_path):
    words = ("--resources", tmp_path / "resources")
    done = run("compare_runs.py", *words, "--measures", "leakage", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    table = (samples / "comparison.md").read_text()
    assert table.strip() in done.stdout
    assert "| leakage (test) | 0.25 | 0.5 |" in table and "fid" not in table
    assert r"leakage (test) & 0.25 & 0.5 \\" in (samples / "comparison.tex").read_text()


@pytest.mark.parametrize(
    ("words", "phrase"),
    [(("--measures", "fdi"), "there are fid, leakage"), (("--run_id", "7"), "does not exist")],
)
def test_what_is_not_there_is_said_in_one_sentence(samples, tmp_path, words, phrase):
    done = run("compare_runs.py", "--resources", tmp_path / "resources", *words, folder=tmp_path)
    assert done.returncode == 2 and phrase in done.stderr
    assert len(done.stderr.splitlines()) == 1
