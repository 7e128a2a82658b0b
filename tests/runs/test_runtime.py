import pytest
import torch

from my_utils.errors import UserError
from my_utils.runs.runtime import (
    configure_process,
    seeded,
    select_device,
    step_generator,
)
from my_utils.training.precision import in_precision


def test_step_stream_is_a_function_of_seed_rank_and_images():
    def draw(*key):
        return torch.rand(4, generator=step_generator(*key))

    assert torch.equal(draw(0, 0, 16), draw(0, 0, 16))
    for other in ((1, 0, 16), (0, 1, 16), (0, 0, 32)):
        assert not torch.equal(draw(0, 0, 16), draw(*other))


def test_seeded_leaves_the_callers_stream_alone():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    with seeded(7):
        first = torch.rand(1)
    assert torch.equal(torch.rand(2), expected)
    with seeded(7):
        assert torch.equal(torch.rand(1), first)


def test_unknown_device_is_one_sentence():
    assert select_device("cpu") == torch.device("cpu")
    with pytest.raises(UserError, match="not a device"):
        select_device("abacus")


def test_only_configuring_the_process_changes_how_products_are_rounded():
    cpu = torch.device("cpu")
    in_precision(torch.nn.Identity(), "tf32", cpu)
    assert torch.backends.fp32_precision != "tf32"
    try:
        configure_process(cpu, "tf32")
        assert torch.backends.fp32_precision == "tf32"
    finally:
        configure_process(cpu)
    assert torch.backends.fp32_precision == "ieee"
