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
    """What is seen at the P pixels of N images that a face covers, in ascending order."""

    shape: tuple[int, int, int]  # N, H, W
    pixel: Tensor  # [P] int64, in the flattened images
    face: Tensor  # [P] int64
    barycentric: Tensor  # [3, P], not negative, sum 1
    depth: Tensor  # [P]

    def to_images(
        self,
        values: Tensor,  # [C, P]
        background: float = 0,
    ) -> Tensor:
        """The values in their places: [N, C, H, W]. Differentiable."""
        batch, height, width = self.shape
        planes = values.new_full((len(values), batch * height * width), background)
        planes.scatter_(1, self.pixel.expand(len(values), -1), values)
        return planes.unflatten(1, self.shape).transpose(0, 1).contiguous()


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
        runs = _covered_runs(_select(triangles, index), first_row, row_count, size)
        first_pixel = index // face_count * (size * size)
        _draw(nearest, runs, first_pixel, index % face_count, size)

    pixel = (nearest != NO_HIT).nonzero().squeeze(1)
    face = nearest.index_select(0, pixel) & 0xFFFFFFFF
    line = pixel // size
    image = line // size
    x, y, depth = _select(triangles, image * face_count + face)
    weights = _barycentric(x - (pixel - line * size), y - (line - image * size))
    return Fragments((batch, size, size), pixel, face, weights, (depth * weights).sum(dim=0))


def interpolate(
    fragments: Fragments,
    faces: Tensor,  # [F, 3] int64 rows of the attributes
    attributes: Tensor,  # [N, V, C], or [1, V, C] for all images
) -> Tensor:
    """Attributes at the covered pixels [C, P], linear across faces.

    Differentiable in the attributes.
    """
    corners = faces.T.contiguous().index_select(1, fragments.face)
    if len(attributes) > 1:
        _, height, width = fragments.shape
        corners += fragments.pixel // (height * width) * attributes.shape[1]
    # Columns are selected several times faster than rows.
    columns = attributes.flatten(0, 1).T.contiguous()
    first, second, third = (columns.index_select(1, corner) for corner in corners)
    one, two, three = fragments.barycentric
    return first * one + second * two + third * three


def _gather_triangles(projected: Tensor, faces: Tensor, size: int) -> Tensor:
    """All triangles of all images [3 coordinates, 3 corners, N * F]: x and y in pixels, depth.

    Pixel centres are on integers. Triangles come last, for contiguous work on each coordinate.
    """
    batch, vertex_count = projected.shape[:2]
    pixels = torch.cat([(projected[..., :2] + 1) * (size / 2) - 0.5, projected[..., 2:]], dim=-1)
    first_vertex = torch.arange(batch, device=faces.device)[:, None] * vertex_count
    index = faces.T[:, None] + first_vertex  # [3, N, F]
    return pixels.flatten(0, 1).T.contiguous().index_select(1, index.flatten()).view(3, 3, -1)


def _select(
    triangles: Tensor,  # [3, 3, M]
    index: Tensor,  # [P]
) -> Tensor:
    # PyTorch selects columns of a matrix several times faster than of a three-dimensional tensor.
    return triangles.view(9, -1).index_select(1, index).view(3, 3, -1)


def _visible_chunks(
    triangles: Tensor,  # [3, 3, M]
    size: int,
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Indices, first rows and row counts of the triangles whose bounding box has pixel centres."""
    x, y, depth = triangles
    first_column, last_column = x.amin(dim=0).ceil(), x.amax(dim=0).floor()
    first_row, last_row = y.amin(dim=0).ceil(), y.amax(dim=0).floor()
    columns = last_column.clamp(max=size - 1) - first_column.clamp_(min=0) + 1
    rows = last_row.clamp(max=size - 1) - first_row.clamp_(min=0) + 1
    area = (x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0])
    drawable = (columns > 0) & (rows > 0) & (area != 0)
    drawable &= (area + depth.sum(dim=0)).isfinite()
    visible = drawable.nonzero().squeeze(1)
    first_row, rows, columns = (
        values.index_select(0, visible).long() for values in (first_row, rows, columns)
    )
    boxes = (rows * columns).cumsum(0)
    total = int(boxes[-1]) if len(boxes) else 0
    cuts = torch.arange(0, total, BOX_PIXELS_PER_CHUNK, device=boxes.device)[1:]
    bounds = torch.searchsorted(boxes, cuts).tolist()
    for start, end in zip([0, *bounds], [*bounds, len(visible)], strict=True):
        yield visible[start:end], first_row[start:end], rows[start:end]


def _covered_runs(
    triangles: Tensor,  # [3, 3, M]
    first_row: Tensor,  # [M]
    row_count: Tensor,  # [M] at least 1
    size: int,
) -> _Runs:
    """The runs of covered pixels of each triangle, one a row."""
    top, middle, bottom = triangles.unbind(dim=1)
    top, middle = _by_height(top, middle)
    middle, bottom = _by_height(middle, bottom)
    top, middle = _by_height(top, middle)

    triangle, step = _expand(row_count)
    row = first_row.index_select(0, triangle) + step
    y = row.to(triangles.dtype)
    # The long edge crosses every row, above the middle corner the first short one, else the second.
    long_edge = torch.cat([top, bottom])
    short_edges = torch.cat([torch.cat([top, middle]), torch.cat([middle, bottom])], dim=1)
    second = y >= middle[1].index_select(0, triangle)
    one, one_depth = _crossing(long_edge.index_select(1, triangle), y)
    other, other_depth = _crossing(
        short_edges.index_select(1, triangle + len(row_count) * second), y
    )
    column = torch.minimum(one, other).ceil_().clamp_(min=0)
    last = torch.maximum(one, other).floor_().clamp_(max=size - 1)
    length = (last - column + 1).clamp_(min=0)
    slope = ((other_depth - one_depth) / (other - one)).nan_to_num_(0, 0, 0)  # of no width
    depth = one_depth + (column - one) * slope
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
    owner = torch.repeat_interleave(counts, output_size=total)
    step = torch.arange(total, device=counts.device) - (ends - counts).index_select(0, owner)
    return owner, step


def _by_height(
    one: Tensor,  # [3, M]
    other: Tensor,  # [3, M]
) -> tuple[Tensor, Tensor]:
    """Corners exchanged where needed so that the first of each pair is not the lower."""
    swap = one[1] > other[1]
    return torch.where(swap, other, one), torch.where(swap, one, other)


def _crossing(
    edge: Tensor,  # [6, R] x, y and depth of the upper corner, then of the lower one
    y: Tensor,  # [R]
) -> tuple[Tensor, Tensor]:
    """x and depth [R] where edges cross rows y.

    x is divided last, so that a crossing on a pixel centre is not rounded off it, and is exactly
    the corner's where one lies in the row, so that all edges of a corner meet there.
    """
    upper_x, upper_y, upper_depth, lower_x, lower_y, lower_depth = edge
    height, below_upper = lower_y - upper_y, y - upper_y
    x = (upper_x * (lower_y - y) + lower_x * below_upper) / height
    x = torch.where(y == lower_y, lower_x, x)
    x = torch.where(y == upper_y, upper_x, x)
    return x, torch.lerp(upper_depth, lower_depth, below_upper / height.clamp_(min=TINY))


def _barycentric(
    x: Tensor,  # [3, P] of the corners, from a pixel centre
    y: Tensor,  # [3, P]
) -> Tensor:
    """Barycentric coordinates [3, P] of pixel centres, by the edge functions."""
    pairs = ((1, 2), (2, 0), (0, 1))
    edges = torch.stack([x[i] * y[j] - x[j] * y[i] for i, j in pairs])
    edges.mul_(edges.sum(dim=0).sign_()).clamp_(min=0)
    # 0 / 0: a sliver so thin that rounding leaves it no area; any point of it will do.
    return edges.div_(edges.sum(dim=0)).nan_to_num_(nan=1 / 3)


def _sortable(depth: Tensor) -> Tensor:
    """Integers in the order of depths: the bits of a float, those of negatives turned round."""
    bits = (depth.float() + 0.0).view(torch.int32)  # -0.0 + 0.0 is +0.0: equal depths, equal bits
    return (bits ^ ((bits >> 31) & 0x7FFFFFFF)).long()
