"""Which face is seen at each pixel: a scanline rasterizer in plain vectorised PyTorch.

The same code runs on the CPU and the GPU, needs no compiler, and its result does not depend on the
order in which triangles are drawn. Conventions are the camera's: image plane x right, y down in
[-1, 1], depth away from the viewer, samples at pixel centres (2j + 1) / W - 1.

A triangle covers one run of pixel centres in each row: those between the points where its edges
cross that row. A crossing is computed from its edge alone, always from the upper end, so the two
triangles that share an edge agree about it to the last bit, and no pixel falls between them.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

BOX_PIXELS_PER_CHUNK = 1 << 20  # pixels in the bounding boxes drawn at once: bounds the memory
NO_HIT = torch.iinfo(torch.int64).max
TINY = 1e-20  # below any width or height that matters, to divide by


class Fragments(NamedTuple):
    """What is seen at each pixel."""

    face_id: Tensor  # [N, H, W] int64, -1 on the background
    barycentric: Tensor  # [N, H, W, 3], not negative, sum 1; 0 on the background
    depth: Tensor  # [N, H, W], 0 on the background


class _Triangles(NamedTuple):
    """The triangles of all images in a row; corners in pixels, pixel centres on integers."""

    first: Tensor  # [M, 3] x, y, depth
    second: Tensor  # [M, 3]
    third: Tensor  # [M, 3]

    def select(self, index: Tensor) -> "_Triangles":
        return _Triangles(*(corner.index_select(0, index) for corner in self))


class _Runs(NamedTuple):
    """Neighbouring pixels of one row that one triangle covers."""

    triangle: Tensor  # [R]
    row: Tensor  # [R]
    column: Tensor  # [R] the first
    length: Tensor  # [R] 0 where no pixel centre is covered
    depth: Tensor  # [R] at the first pixel
    slope: Tensor  # [R] of the depth, per pixel


@torch.no_grad()
def rasterize(
    projected: Tensor,  # [N, V, 3] image plane and depth, from orthographic_projection
    faces: Tensor,  # [F, 3] int64
    size: int,
) -> Fragments:
    """Find the nearest face at each pixel centre of square images.

    Faces are seen from both sides and own their edges. Where depths (compared in float32) are
    equal, the lower face id wins. Faces without area or outside the image are passed over. There
    is no gradient here: `interpolate` passes it to the attributes.
    """
    batch, face_count = len(projected), len(faces)
    triangles = _gather_triangles(projected, faces, size)
    nearest = torch.full((batch * size * size,), NO_HIT, device=projected.device)
    for index, first_row, row_count in _visible_chunks(triangles, size):
        runs = _covered_runs(triangles.select(index), first_row, row_count, size)
        image, face = index // face_count, index % face_count
        _draw(nearest, runs, image * size * size, face, size)
    hit = (nearest != NO_HIT).nonzero().squeeze(1)
    face = nearest[hit] & 0xFFFFFFFF
    seen = triangles.select(hit // (size * size) * face_count + face)
    barycentric = _barycentric(seen, hit % size, hit // size % size)
    depth = (torch.stack([corner[:, 2] for corner in seen], dim=1) * barycentric).sum(dim=1)
    image_shape = (batch, size, size)
    return Fragments(
        torch.full_like(nearest, -1).index_copy_(0, hit, face).view(image_shape),
        projected.new_zeros(len(nearest), 3).index_copy_(0, hit, barycentric).view(*image_shape, 3),
        projected.new_zeros(len(nearest)).index_copy_(0, hit, depth).view(image_shape),
    )


def interpolate(
    fragments: Fragments,
    face_attributes: Tensor,  # [N, F, 3, C] values at the corners of faces, or [1, F, 3, C]
) -> Tensor:
    """Attributes at each pixel [N, C, H, W], linear across faces, zero on the background.

    Differentiable in the attributes.
    """
    batch, height, width = fragments.face_id.shape
    images, face_count, _, channels = face_attributes.shape
    hit = (fragments.face_id >= 0).flatten().nonzero().squeeze(1)
    corners = fragments.face_id.flatten()[hit]
    if images > 1:
        corners = corners + hit // (height * width) * face_count
    values = face_attributes.reshape(images * face_count, 3, channels).index_select(0, corners)
    weights = fragments.barycentric.view(-1, 3).index_select(0, hit)
    pixels = (values * weights[..., None]).sum(dim=1)
    picture = pixels.new_zeros(batch * height * width, channels).index_copy(0, hit, pixels)
    return picture.view(batch, height, width, channels).permute(0, 3, 1, 2).contiguous()


def _gather_triangles(projected: Tensor, faces: Tensor, size: int) -> _Triangles:
    batch, vertex_count = projected.shape[:2]
    pixels = torch.cat([(projected[..., :2] + 1) * (size / 2) - 0.5, projected[..., 2:]], dim=-1)
    offsets = torch.arange(batch, device=faces.device) * vertex_count
    index = faces.T[:, None] + offsets[:, None]  # [3, N, F]
    return _Triangles(*pixels.flatten(0, 1).index_select(0, index.flatten()).chunk(3))


def _visible_chunks(
    triangles: _Triangles,
    size: int,
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Indices, first rows and row counts of the triangles whose bounding box has pixel centres."""
    first, second, third = (corner[:, :2] for corner in triangles)
    low = torch.minimum(torch.minimum(first, second), third).ceil_().clamp_(min=0)
    high = torch.maximum(torch.maximum(first, second), third).floor_().clamp_(max=size - 1)
    area = _cross(second - first, third - first)
    extent = high - low + 1
    drawable = (extent[:, 0] > 0) & (extent[:, 1] > 0) & (area != 0) & area.isfinite()
    visible = drawable.nonzero().squeeze(1)
    first_row, extent = low[:, 1][visible].long(), extent[visible].long()
    boxes = extent.prod(dim=1).cumsum(0)
    total = int(boxes[-1]) if len(boxes) else 0
    cuts = torch.arange(0, total, BOX_PIXELS_PER_CHUNK, device=boxes.device)[1:]
    bounds = torch.searchsorted(boxes, cuts).tolist()
    for start, end in zip([0, *bounds], [*bounds, len(visible)], strict=True):
        yield visible[start:end], first_row[start:end], extent[start:end, 1]


def _covered_runs(
    triangles: _Triangles,
    first_row: Tensor,  # [M]
    row_count: Tensor,  # [M] at least 1
    size: int,
) -> _Runs:
    """The runs of covered pixels of each triangle, one a row."""
    top, middle = _by_height(triangles.first, triangles.second)
    middle, bottom = _by_height(middle, triangles.third)
    top, middle = _by_height(top, middle)

    triangle, step = _expand(row_count)
    row = first_row.index_select(0, triangle) + step
    top, middle, bottom = _Triangles(top, middle, bottom).select(triangle)
    y = row.to(top.dtype)[:, None]
    upper = y < middle[:, 1:2]
    one = _crossing(top, bottom, y)
    other = _crossing(torch.where(upper, top, middle), torch.where(upper, middle, bottom), y)

    swap = one[:, :1] > other[:, :1]
    left, left_depth = torch.where(swap, other, one).unbind(dim=1)
    right, right_depth = torch.where(swap, one, other).unbind(dim=1)
    column = left.ceil().clamp(min=0)
    length = (right.floor().clamp(max=size - 1) - column + 1).clamp(min=0)
    slope = (right_depth - left_depth) / (right - left).clamp(min=TINY)
    depth = left_depth + (column - left) * slope
    return _Runs(triangle, row, column.long(), length.long(), depth, slope)


def _draw(
    nearest: Tensor,  # [N * H * W] int64, changed in place
    runs: _Runs,
    first_pixel: Tensor,  # [M] of each triangle's image
    face: Tensor,  # [M]
    size: int,
) -> None:
    """Lower the packed (depth, face) minimum of every pixel that a run covers."""
    run, step = _expand(runs.length)
    first = first_pixel.index_select(0, runs.triangle) + runs.row * size + runs.column
    run_face = face.index_select(0, runs.triangle)
    pixel = first.index_select(0, run) + step
    depth = runs.depth.index_select(0, run) + runs.slope.index_select(0, run) * step
    packed = (_sortable(depth) << 32) | run_face.index_select(0, run)
    nearest.scatter_reduce_(0, pixel, packed, "amin")


def _expand(
    counts: Tensor,  # [M] int64
) -> tuple[Tensor, Tensor]:
    """Row m repeated counts[m] times: (m, 0), (m, 1), ..., as two vectors."""
    ends = counts.cumsum(0)
    total = int(ends[-1]) if len(ends) else 0
    owner = torch.arange(len(counts), device=counts.device)
    owner = owner.repeat_interleave(counts, output_size=total)
    step = torch.arange(total, device=counts.device) - (ends - counts).index_select(0, owner)
    return owner, step


def _by_height(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """Corners [M, 3] exchanged where needed so that the first of each pair is not the lower."""
    swap = one[:, 1:2] > other[:, 1:2]
    return torch.where(swap, other, one), torch.where(swap, one, other)


def _crossing(upper: Tensor, lower: Tensor, y: Tensor) -> Tensor:
    """x and depth [R, 2] where edges cross rows y.

    Divided last, so that a crossing on a pixel centre is not rounded off it, and exactly the
    corner where one lies in the row, so that all edges of a corner meet there.
    """
    upper_y, lower_y = upper[:, 1:2], lower[:, 1:2]
    upper, lower = upper[:, ::2], lower[:, ::2]
    crossing = (upper * (lower_y - y) + lower * (y - upper_y)) / (lower_y - upper_y)
    crossing = torch.where(y == lower_y, lower, crossing)
    return torch.where(y == upper_y, upper, crossing)


def _barycentric(triangles: _Triangles, column: Tensor, row: Tensor) -> Tensor:
    """Barycentric coordinates [P, 3] of pixel centres, by the edge functions."""
    pixel = torch.stack([column, row], dim=1)
    first, second, third = (corner[:, :2] - pixel for corner in triangles)
    edges = torch.stack([_cross(second, third), _cross(third, first), _cross(first, second)], dim=1)
    edges = (edges * edges.sum(dim=1, keepdim=True).sign()).clamp(min=0)
    # 0 / 0: a sliver so thin that rounding leaves it no area; any point of it will do.
    return (edges / edges.sum(dim=1, keepdim=True)).nan_to_num(nan=1 / 3)


def _cross(one: Tensor, other: Tensor) -> Tensor:
    return one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]


def _sortable(depth: Tensor) -> Tensor:
    """Integers in the order of depths: the bits of a float, those of negatives turned round."""
    bits = (depth.float() + 0.0).view(torch.int32)  # -0.0 + 0.0 is +0.0: equal depths, equal bits
    return (bits ^ ((bits >> 31) & 0x7FFFFFFF)).long()
