import torch

from my_utils.demo.held_out import face_renderer
from my_utils.demo.parameters import sample_parameters
from my_utils.demo.photographs import photographs
from my_utils.files.images import from_uint8
from my_utils.photos.warped_views import warp_photograph

SIZE = 64


def test_the_photograph_itself_is_known_and_unchanged():
    own = sample_parameters([5])
    photograph = torch.rand(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0)) - 0.5
    warped = warp_photograph(photograph, own, own, face_renderer(SIZE))
    known = warped.weight.expand_as(photograph) > 0.3
    assert known.float().mean() > 0.3
    assert (warped.image - photograph)[known].abs().max() < 0.02


def test_it_foretells_a_photograph_of_the_turned_head_in_another_light():
    own, other = sample_parameters([21]), sample_parameters([6])
    turned = own.pose.clone()
    turned[:, 1] += 0.2
    wanted = own.replace(pose=turned, lighting=other.lighting)
    pictures = [from_uint8(photographs(params, [21], size=SIZE)) for params in (own, wanted)]
    warped = warp_photograph(pictures[0], own, wanted, face_renderer(SIZE))

    def error(picture):
        difference = (picture - pictures[1]).abs().mean(dim=1, keepdim=True)
        return float((difference * warped.weight).sum() / warped.weight.sum())

    assert error(warped.image) < 0.35 * error(pictures[0])


def test_what_was_hidden_is_not_known():
    own = sample_parameters([21])
    poses = own.pose[[0, 0]].clone()
    poses[:, 1] = torch.tensor([0.0, 1.2])
    side = own.replace(pose=poses[1:])
    front = own.replace(pose=poses[:1])
    warped = warp_photograph(torch.zeros(1, 3, SIZE, SIZE), side, front, face_renderer(SIZE))
    half = SIZE // 2
    head = (
        warped.rendering.mask[..., SIZE // 4 : -SIZE // 4, :]
        * warped.weight[..., SIZE // 4 : -SIZE // 4, :]
    )
    left, right = head[..., :half].sum(), head[..., half:].sum()
    # Turned to the picture's right, the head shows the side that is left in the front view.
    assert left > 5 * right
