import json
import math

import pytest

from my_utils.errors import UserError
from my_utils.training.curves import read_stats, training_figure


def rows(count, **measures):
    """Rows of a run, a thousand images apart, each with a loss and the given measures."""
    return [
        {"nimg": 1000 * n, "loss/D": 1 / n} | {name: of(n) for name, of in measures.items()}
        for n in range(1, count + 1)
    ]


def panels(figure):
    return {panel.get_title(): panel for panel in figure.axes if panel.axison}


def points(line):
    return list(zip(*line.get_data(), strict=True))


def test_rows_are_read_but_for_the_one_being_written(tmp_path):
    path = tmp_path / "stats.jsonl"
    whole = "".join(json.dumps(row) + "\n" for row in rows(3))
    path.write_text(whole + '{"nimg": 4')
    assert read_stats(path) == rows(3)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "no row yet"),
        ('{"nimg": 1', "no row yet"),
        ("kimg,loss\n1,2\n", "of another kind"),
        ('{"loss/D": 1.0}\n', "'nimg'"),
        ('{"nimg": 1000, "loss/D": "high"}\n', "high"),
        ("[1, 2]\n", "of another kind"),
    ],
)
def test_another_file_is_a_sentence(tmp_path, text, sentence):
    (tmp_path / "stats.jsonl").write_text(text)
    with pytest.raises(UserError, match=sentence):
        read_stats(tmp_path / "stats.jsonl")
    with pytest.raises(UserError, match="does not exist"):
        read_stats(tmp_path / "absent.jsonl")


def test_every_run_has_a_curve_in_the_panel_of_what_it_reports():
    figure = training_figure({"one": rows(4), "two": rows(3, fid=lambda n: 10.0 - n)})
    drawn = panels(figure)
    assert list(drawn) == ["discriminator loss", "fid"]
    first, second = drawn["discriminator loss"].lines
    assert points(first) == [(n, 1 / n) for n in (1, 2, 3, 4)]
    assert points(second) == [(n, 1 / n) for n in (1, 2, 3)]
    assert points(drawn["fid"].lines[0]) == [(1, 9), (2, 8), (3, 7)]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["one", "two"]
    assert first.get_color() != second.get_color()
    assert first.get_linestyle() != second.get_linestyle()


def test_the_best_of_a_measure_is_ringed_but_not_that_of_a_loss():
    fid = {1: 30.0, 2: math.nan, 3: 20.5, 4: 25.0}
    drawn = panels(training_figure({"run 29": rows(4, fid=fid.get)}))
    ring = drawn["fid"].lines[-1]
    assert points(ring) == [(3, 20.5)] and ring.get_marker() == "o"
    (label,) = drawn["fid"].get_legend().get_texts()
    assert label.get_text() == "best: 20.5 at 3 kimg"
    assert len(drawn["discriminator loss"].lines) == 1


def test_the_best_correlation_is_the_highest():
    correlation = {1: 0.5, 2: 0.9, 3: 0.7}
    drawn = panels(training_figure({"run 29": rows(3, yaw_correlation=correlation.get)}))
    assert points(drawn["yaw_correlation"].lines[-1]) == [(2, 0.9)]


def test_a_measure_without_a_number_leaves_its_panel_empty():
    drawn = panels(training_figure({"run 29": rows(2, fid=lambda n: math.nan)}))
    assert not drawn["fid"].lines and drawn["fid"].get_legend() is None
