import torch

from model.augment import augment


def pairs(count=64, size=16):
    torch.manual_seed(0)
    image = torch.rand(count, 3, size, size) * 2 - 1
    normals = torch.rand(count, 3, size, size) * 2 - 1
    return image, torch.cat([image, normals], dim=1)  # a render that equals the photograph


def changed(probability, colored=3):
    image, condition = pairs()
    rng = torch.Generator().manual_seed(0)
    return augment(image, condition, colored=colored, probability=probability, rng=rng)


def test_nothing_happens_with_probability_0():
    for one, two in zip(changed(0), pairs(), strict=True):
        assert torch.equal(one, two)


def test_photograph_and_rendering_change_alike_and_normals_are_only_cut():
    image, condition = changed(1)
    assert torch.equal(image, condition[:, :3])
    normals = pairs()[1][:, 3:]
    cut = (condition[:, 3:] == 0).all(dim=1, keepdim=True)
    assert torch.equal(condition[:, 3:], normals * ~cut)
    assert torch.equal((image == 0).all(dim=1, keepdim=True), cut)
    assert 0.1 < cut.float().mean() < 0.25  # squares of half the side, some over the border
    # What is left is a straight line of the original colours, another one for every sample.
    for now, before, gone in zip(image, pairs()[0], cut, strict=True):
        now, before = (x[:, ~gone[0]].flatten() for x in (now, before))
        assert torch.corrcoef(torch.stack([now, before]))[0, 1] > 0.999


def test_without_a_rendering_the_condition_keeps_its_values():
    image, condition = changed(1, colored=0)
    kept = (condition != 0).any(dim=1, keepdim=True)
    assert torch.equal(condition, pairs()[1] * kept)
    assert not torch.equal(image, pairs()[0] * kept)
