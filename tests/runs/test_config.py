import argparse
import dataclasses

import pytest

from my_utils.errors import UserError
from my_utils.runs.config import (
    DEMO,
    GROUPS,
    RUNS,
    RunConfig,
    add_config_options,
    config_from_args,
    run_config,
)


def parse(*words):
    parser = argparse.ArgumentParser()
    parser.add_argument("--run_id", type=int, default=0)
    parser.add_argument("--demo", action="store_true")
    add_config_options(parser)
    return config_from_args(parser.parse_args(words))


def test_every_field_is_in_exactly_one_group():
    for field in dataclasses.fields(RunConfig):
        assert field.metadata["group"] in GROUPS
        assert field.metadata["help"]


@pytest.mark.parametrize(
    ("run_id", "names"),
    [
        (
            0,
            {
                "r1_lazy_gain",
                "fresh_styles",
                "ema_from_generator",
                "antialiased_pyramid",
                "condition_padding",
                "feature_padding",
                "relativistic",
                "r1_gamma",
                "r2_gamma",
                "r1_interval",
            },
        ),
        (3, {"condition"}),
        (7, {"condition"}),
        (8, {"texture_weight"}),
        (24, {"condition", "texture_weight"}),
        (29, set()),
    ],
)
def test_each_run_differs_from_29_only_where_named(run_id, names):
    differences = RUNS[29].differences(RUNS[run_id], *GROUPS)
    assert {name for name, _, _ in differences} - {"run_id"} == names
    assert RUNS[run_id].run_id == run_id


def test_all_runs_validate_with_and_without_demo():
    for run_id in RUNS:
        run_config(run_id).validate()
        demo = run_config(run_id, demo=True).validate()
        assert all(getattr(demo, name) == value for name, value in DEMO.items())


def test_flags_override_and_false_means_false():
    config = parse("--run_id", "0", "--batch", "4", "--no-r1_lazy_gain", "--resolution", "64")
    assert (config.run_id, config.batch, config.resolution) == (0, 4, 64)
    assert config.fresh_styles and not config.r1_lazy_gain


def test_config_survives_a_checkpoint():
    config = run_config(7, demo=True)
    assert RunConfig.from_dict(config.to_dict()) == config
    with pytest.raises(UserError, match="does not fit here"):
        RunConfig.from_dict({**config.to_dict(), "alpha": 1})
    older = config.to_dict()
    older.pop("keep_every_kimg")
    assert RunConfig.from_dict(older) == config
    older.pop("relativistic")  # a choice that came later
    assert RunConfig.from_dict(older) == config
    older.pop("batch")
    with pytest.raises(UserError, match=r"does not fit here: \['batch'\]"):
        RunConfig.from_dict(older)


@pytest.mark.parametrize(
    "change",
    [
        {"batch": "16"},
        {"batch": True},
        {"batch": 16.0},
        {"demo": 1},
        {"condition": ["render"]},
        {"condition": "depth"},
        {"learning_rate": float("nan")},
        {"resolution": 2**40},
        {"mapping_layers": 10**9},
        {"channel_max": -1},
        {7: 8},
    ],
)
def test_a_forged_config_is_refused(change):
    with pytest.raises(UserError):
        RunConfig.from_dict(run_config(29).to_dict() | change)
    with pytest.raises(UserError, match="no configuration"):
        RunConfig.from_dict([change])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--run_id", "5"), "run id 5 is unknown: choose one of 0, 3, 7, 8, 24, 29"),
        (("--resolution", "100"), "power of two"),
        (("--resolution", "2048"), "power of two"),
        (("--render_size", "128"), "smaller than --resolution 256"),
        (("--condition", "depth"), "unknown"),
        (("--batch", "2"), "too small for the texture loss"),
        (("--batch", "0", "--texture_weight", "0"), "greater than zero"),
        (("--learning_rate", "nan"), "greater than zero"),
        (("--condition", "vector"), "--texture_weight needs renderings"),
        (
            ("--condition", "vector", "--texture_weight", "0", "--augment", "0.3"),
            "--augment needs renderings",
        ),
        (("--workers", "-1"), "negative"),
    ],
)
def test_impossible_choices_are_refused(words, message):
    with pytest.raises(UserError, match=message):
        parse(*words)


def test_differences_name_only_the_groups_asked_for():
    one = run_config(29)
    other = dataclasses.replace(one, batch=8, total_kimg=1.0, resolution=128)
    assert one.differences(other, "training") == [("batch", 16, 8)]
    assert one.differences(other, "architecture") == [("resolution", 256, 128)]


def test_a_small_run_has_the_demos_numbers_but_not_its_data():
    small, demo = run_config(7, small=True), run_config(7, demo=True)
    assert small.differences(demo, "architecture", "training", "runtime") == [("demo", False, True)]
    assert run_config(7) == RUNS[7]
