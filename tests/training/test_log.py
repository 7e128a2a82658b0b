import json

import pytest
import torch

from my_utils.training.log import MetricsLog


def rows(folder):
    return [json.loads(line) for line in (folder / "stats.jsonl").read_text().splitlines()]


def ticked(nimg):
    """The state of a log to which nothing was reported since its last tick."""
    return {"nimg": nimg, "sums": {}, "counts": {}}


def test_a_tick_averages_what_was_reported(tmp_path):
    log = MetricsLog(tmp_path)
    log.report("loss/D", torch.tensor(1.0))
    log.report("loss/D", torch.tensor(2.0))
    log.report("loss/r1", torch.tensor(5.0))
    assert log.tick(8, sec_per_kimg=3.0) == {
        "nimg": 8,
        "loss/D": 1.5,
        "loss/r1": 5.0,
        "sec_per_kimg": 3.0,
    }
    log.report("loss/D", torch.tensor(4.0))
    log.tick(16)
    log.close()
    assert [row["loss/D"] for row in rows(tmp_path)] == [1.5, 4.0]
    assert list((tmp_path / "tensorboard").iterdir())


def test_resuming_drops_later_rows_and_a_half_written_line(tmp_path):
    lines = [json.dumps({"nimg": nimg}) for nimg in (8, 16, 24)]
    (tmp_path / "stats.jsonl").write_text("\n".join([*lines, "[]", '{"nimg": 3']))
    log = MetricsLog(tmp_path, ticked(16))
    log.tick(24)
    log.close()
    assert [row["nimg"] for row in rows(tmp_path)] == [8, 16, 24]


def test_the_lowest_value_is_known_across_a_resume_without_dropped_rows(tmp_path):
    log = MetricsLog(tmp_path)
    for nimg, fid in ((8, 30.0), (16, 20.0), (24, 10.0)):
        assert log.is_lowest("fid", fid)
        log.tick(nimg, fid=fid)
    assert not log.is_lowest("fid", 10.0)
    log.close()
    log = MetricsLog(tmp_path, ticked(16))
    assert log.is_lowest("fid", 19.0) and not log.is_lowest("fid", 21.0)
    log.close()


def test_a_row_out_of_turn_changes_no_later_row(tmp_path):
    log = MetricsLog(tmp_path)
    log.tick(8)
    log.report("loss/D", torch.tensor(1.0))
    assert log.tick(12, regular=False)["loss/D"] == 1.0
    state = log.state()
    log.close()
    log = MetricsLog(tmp_path, state)
    log.report("loss/D", torch.tensor(4.0))
    log.tick(16)
    log.close()
    assert [(row["nimg"], row.get("loss/D")) for row in rows(tmp_path)] == [(8, None), (16, 2.5)]


def test_a_full_disk_is_an_error_that_names_the_file(tmp_path):
    log = MetricsLog(tmp_path)
    (tmp_path / "stats.jsonl").symlink_to("/dev/full")
    with pytest.raises(OSError, match="stats.jsonl"):
        log.tick(8)
    log.close()


def test_measures_are_rows_of_their_own_that_a_resumed_run_knows(tmp_path):
    log = MetricsLog(tmp_path)
    log.tick(8)
    log.add(8, {"fid": 30.0})
    log.tick(16)
    state = log.state()
    log.close()
    log = MetricsLog(tmp_path, state)
    assert log.has_any_of(("fid", "other"), 8) and not log.has_any_of(("fid",), 16)
    log.close()
