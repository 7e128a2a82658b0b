import datetime
import socket

import pytest
import torch
import torch.multiprocessing as multiprocessing
from torch import nn

import my_utils.training.processes as module
from model.discriminator import Discriminator
from model.generator import Generator
from model.losses import (
    discriminator_logistic_loss,
    generator_nonsaturating_loss,
    r1_penalty,
)
from my_utils.errors import UserError
from my_utils.training.processes import Processes, start_processes

BATCH = 8
# One of two processes; an empty port becomes a free one.
PLACE = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}
PLACE["MASTER_PORT"] = ""


def networks():
    torch.manual_seed(0)
    settings = dict(resolution=16, channel_base=128, channel_max=8)
    return Generator(z_dim=8, w_dim=8, mapping_layers=2, **settings), Discriminator(**settings)


def gradients(processes):
    """Gradients of both networks for this process's share of one fixed batch."""
    generator, discriminator = networks()
    torch.manual_seed(1)
    image, condition = torch.randn(BATCH, 3, 16, 16), torch.randn(BATCH, 6, 16, 16)
    z = torch.randn(BATCH, 8)
    rows = slice(processes.rank, None, processes.world_size)
    image, condition, z = image[rows].requires_grad_(), condition[rows], z[rows]

    real = discriminator(image, condition)
    fake = discriminator(generator(z, condition).detach(), condition)
    loss = discriminator_logistic_loss(real, fake) + 5 * r1_penalty(real, image).mean()
    loss.backward()
    processes.average_gradients(discriminator)
    of_discriminator = [parameter.grad.clone() for parameter in discriminator.parameters()]

    fake = discriminator(generator(z, condition), condition)
    generator_nonsaturating_loss(fake).backward()
    processes.average_gradients(generator)
    return of_discriminator + [parameter.grad for parameter in generator.parameters()]


def child(rank, port, path):
    import os

    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_RANK": str(rank)}
    torch.set_num_threads(1)
    with start_processes("cpu") as processes:
        assert processes.any(rank == 1)
        assert not processes.any(False)
        rows = torch.arange(10).view(5, 2)
        assert torch.equal(processes.gather_rows(rows[processes.share_of_rows(5)], 5), rows)
        torch.save(gradients(processes), f"{path}/{rank}.pt")


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


def test_two_processes_have_the_gradients_of_one(tmp_path):
    multiprocessing.spawn(child, (free_port(), tmp_path), nprocs=2)
    alone = gradients(Processes(0, 1, torch.device("cpu")))
    for rank in range(2):
        together = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        for one, two in zip(alone, together, strict=True):
            torch.testing.assert_close(two, one, rtol=0, atol=1e-6 * max(1, one.abs().max()))


@pytest.mark.parametrize(
    ("environment", "phrase"),
    [
        ({"WORLD_SIZE": "4"}, "is not that of torchrun .*RANK=''.*unset WORLD_SIZE"),
        ({"WORLD_SIZE": "x"}, "is not that of torchrun"),
        ({"WORLD_SIZE": "0"}, "is not that of torchrun"),
        (dict(PLACE, RANK="2"), "is not that of torchrun"),
        (PLACE, "process 0 did not meet the other 1 at 127.0.0.1:.*joined"),
        (dict(PLACE, RANK="1"), "process 1 did not meet the other 1"),
    ],
)
def test_processes_that_do_not_meet_are_a_sentence(monkeypatch, environment, phrase):
    monkeypatch.setattr(module, "RENDEZVOUS", datetime.timedelta(seconds=1))
    for name, value in environment.items():
        monkeypatch.setenv(name, value or free_port())
    with pytest.raises(UserError, match=phrase), start_processes("cpu"):
        pass


def test_a_port_in_use_is_a_sentence(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for name, value in dict(PLACE, MASTER_PORT=str(taken.getsockname()[1])).items():
            monkeypatch.setenv(name, value)
        with pytest.raises(UserError, match="with a port that is free"), start_processes("cpu"):
            pass


def test_one_process_on_the_cpu_calls_the_module_itself():
    module = nn.Linear(2, 2)
    processes = Processes(0, 1, torch.device("cpu"))
    assert processes.wrap(module) is module
    assert processes.share_of(8) == 8
    assert processes.share_of_rows(8) == slice(0, 8, 1)
