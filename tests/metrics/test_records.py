import pytest

from my_utils.errors import UserError
from my_utils.metrics.records import append_measure, read_measures


def test_rows_come_back_in_order_with_all_they_hold(tmp_path):
    path = tmp_path / "sample" / "29" / "measures.jsonl"
    append_measure(path, measure="fid", value=3.5, protocol="fid10k", count=10_000)
    append_measure(path, measure="yaw", value=0.9, protocol="control", generator="ü.safetensors")
    assert read_measures(path) == [
        {"measure": "fid", "value": 3.5, "protocol": "fid10k", "count": 10_000},
        {"measure": "yaw", "value": 0.9, "protocol": "control", "generator": "ü.safetensors"},
    ]


def test_what_cannot_be_written_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "measures.jsonl"
    append_measure(path, measure="fid", value=3.5, protocol="fid10k")
    with pytest.raises(TypeError):
        append_measure(path, measure="fid", value=3.5, protocol="fid10k", generator=path)
    assert len(read_measures(path)) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["measures.jsonl"]


@pytest.mark.parametrize("line", ["{", '{"value": 1}', "[1]"])
def test_another_file_is_refused_by_name(tmp_path, line):
    path = tmp_path / "measures.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(UserError, match=r"measures\.jsonl"):
        read_measures(path)
    with pytest.raises(UserError, match="does not exist"):
        read_measures(tmp_path / "absent.jsonl")
