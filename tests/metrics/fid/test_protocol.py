"""A number is called by a protocol's name only if it was measured by that protocol."""

import argparse

import pytest

from my_utils.errors import UserError
from my_utils.metrics.fid.options import add_protocol_options, chosen_protocol


def chosen(*words):
    parser = argparse.ArgumentParser()
    add_protocol_options(parser)
    return chosen_protocol(parser.parse_args(words))


@pytest.mark.parametrize(
    ("words", "name", "count"),
    [
        ("", "fid10k", 10_000),
        ("--protocol fid50k", "fid50k", 50_000),
        ("--protocol published", "published", 10_000),
        ("--protocol published --count 10000", "published", 10_000),
        ("--count 2500", "fid-2500", 2500),
        ("--protocol published --count 2500", "published-2500", 2500),
        ("--features control", "control10k", 10_000),
        ("--features control --count 2500", "control-2500", 2500),
    ],
)
def test_a_protocol_with_another_count_or_network_has_another_name(words, name, count):
    protocol = chosen(*words.split())
    assert (protocol.name, protocol.count) == (name, count)


def test_the_published_protocol_is_fid():
    with pytest.raises(UserError, match="needs --features inception"):
        chosen("--protocol", "published", "--features", "control")
