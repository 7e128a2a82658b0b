"""Only heads that may be passed on get into a page."""

import pytest

from my_utils.data.resources import Resources
from my_utils.errors import UserError
from my_utils.web.licence import DEMO_HEAD, head_terms


@pytest.fixture
def head(tmp_path):
    """A resources folder whose model file holds what the test writes."""
    resources = Resources(tmp_path)
    resources.paths.flame_model.parent.mkdir(parents=True)
    resources.paths.flame_model.write_bytes(b"numpy")
    return resources


def terms(resources, licence=None, attribution=None, *, is_demo=False):
    return head_terms(resources, is_demo=is_demo, licence=licence, attribution=attribution)


def test_the_demo_head_goes(head):
    assert terms(head, is_demo=True) == DEMO_HEAD


def test_a_head_that_nobody_called_open_stays(head):
    for words in ((), ("CC-BY-4.0",), (None, "Me")):
        with pytest.raises(UserError, match="licences of FLAME 2017, 2020 and 2023"):
            terms(head, *words)


def test_a_head_that_is_open_goes_with_its_attribution(head):
    assert terms(head, "CC-BY-4.0", "Our lab, 2026") == "Head: Our lab, 2026 (CC-BY-4.0)"


def test_a_licence_must_let_anybody_pass_it_on(head):
    with pytest.raises(UserError, match="CC-BY-NC-4.0.*none of those"):
        terms(head, "CC-BY-NC-4.0", "Me")


def test_flame_stays_whatever_is_said(head):
    head.paths.flame_model.write_bytes(b"cchumpy.ch\nCh\n")
    with pytest.raises(UserError, match="is FLAME 2017 or 2020"):
        terms(head, "CC-BY-4.0", "Me")
    head.paths.converted_flame_model.write_bytes(b"numbers")  # made of it
    with pytest.raises(UserError, match="is FLAME 2017 or 2020"):
        terms(head, "CC-BY-4.0", "Me")
