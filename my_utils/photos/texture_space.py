"""A texture space for a head that has none, out of photographs: unwrap, lift, complete, analyse.

FLAME 2023 Open comes without texture coordinates and without textures. A cylindrical unwrap gives
it coordinates; a plain skin is enough to fit photographs once; the skins lifted from them, without
their light, are the data of a principal component analysis. A second round with that space fits
better and gives the space that is kept.
"""

import numpy as np
import torch
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter
from scipy.spatial import ConvexHull

from constants import RENDER_SIZE, TEXTURE_DIM
from model.flame import FLAME, FlameParams, TextureSpace
from model.mesh import UvLayout, vertex_normals
from model.rasterizer import rasterize
from model.renderer import spherical_harmonics_shading
from model.texture_sampler import TexelTable, TextureSampler
from my_utils.photos.landmark_embedding import FaceMeshEmbedding

MARGIN = 0.02  # of the texture, on all sides of the unwrap
PLAIN_SKIN = (120, 145, 195)  # BGR
# Standard deviations of plain skins: lighter, more red, more yellow. BGR.
PLAIN_DIRECTIONS = ((30, 32, 35), (-8, -6, 8), (-12, 0, 2))
FACING = 0.35  # texels turned away more than this are not lifted
MIN_SHADING = 0.25  # texels in deeper shadow are not lifted
NO_SKIN = 45.0  # of 255: texels farther from the mean skin, in the person's tone, are hair or so
BLEND = 5.0  # texels over which the face fades into one tone
ROUNDS, FILLING = 8, 12  # of filling in what was not seen, by so many components


def cylindrical_layout(
    vertices: np.ndarray,  # [V, 3] metres
    faces: np.ndarray,  # [F, 3]
) -> UvLayout:
    """The unwrap of a head onto a cylinder around it, cut along the back."""
    x, y, z = (vertices - vertices.mean(axis=0)).T
    angle = np.arctan2(x, z) / (2 * np.pi)  # 0 in front, half a turn at the cut
    height = (y - y.min()) / (y.max() - y.min())
    corners = angle[faces]
    # A triangle across the cut lies wholly on the side of most of its corners.
    side = np.where((corners > 0).sum(axis=1) >= 2, 1, -1)[:, None]
    across = (np.ptp(corners, axis=1) > 0.5)[:, None]
    turned = np.where(across & (np.sign(corners) != side), corners + side, corners)
    keys = np.stack([turned, height[faces]], axis=-1).reshape(-1, 2)
    points, index = np.unique(keys.round(7), axis=0, return_inverse=True)
    coordinates = (points + [0.5, 0]).clip(0, 1) * (1 - 2 * MARGIN) + MARGIN
    return UvLayout(coordinates.astype(np.float32), index.reshape(-1, 3))


def outer_texels(
    layout: UvLayout,
    vertices: np.ndarray,  # [V, 3] metres
    faces: np.ndarray,  # [F, 3]
) -> TexelTable:
    """Which point each texel shows; where the unwrap overlaps itself, the outermost.

    Lips fold inwards and lids lie before the eyes: what is behind them is not seen.
    """
    x, _, z = (vertices - vertices.mean(axis=0)).T
    depth = -np.hypot(x, z)[faces]
    u, v = np.moveaxis(layout.coordinates[layout.faces], -1, 0)
    corners = np.stack([2 * u - 1, 1 - 2 * v, depth], axis=-1).reshape(1, -1, 3)
    own_corners = torch.arange(corners.shape[1]).view(-1, 3)
    fragments = rasterize(torch.from_numpy(corners).float(), own_corners, RENDER_SIZE)
    row, column = np.divmod(fragments.pixel.numpy(), RENDER_SIZE)
    points = faces[fragments.face.numpy()]
    return TexelTable(column, row, points, fragments.barycentric.T.contiguous().numpy())


def plain_texture_space() -> TextureSpace:
    """One skin all over, in a few tones, for a first fit."""
    shape = (RENDER_SIZE, RENDER_SIZE, 3)
    mean = np.broadcast_to(np.array(PLAIN_SKIN, np.float32), shape)
    directions = np.broadcast_to(np.array(PLAIN_DIRECTIONS, np.float32).T, (*shape, 3))
    return TextureSpace(mean.copy(), directions.copy())


def face_mask(embedding: FaceMeshEmbedding, layout: UvLayout, faces: np.ndarray) -> np.ndarray:
    """Where a texture shows the face, uint8 [256, 256]: the hull of the landmarks."""
    row_of = {tuple(sorted(face)): row for row, face in enumerate(faces.tolist())}
    places = []
    for ids, barycentric in zip(embedding.vertex_ids, embedding.barycentric, strict=True):
        row = row_of[tuple(sorted(ids.tolist()))]
        weights = [barycentric[ids.tolist().index(vertex)] for vertex in faces[row]]
        places.append(weights @ layout.coordinates[layout.faces[row]])
    points = np.array(places) * [RENDER_SIZE, -RENDER_SIZE] + [0, RENDER_SIZE]
    hull = points[ConvexHull(points).vertices]
    mask = Image.new("L", (RENDER_SIZE, RENDER_SIZE))
    ImageDraw.Draw(mask).polygon([tuple(point) for point in hull.tolist()], fill=255)
    return np.array(mask)


class SkinLifter:
    """Lifts skins without their light from photographs of fitted faces."""

    def __init__(self, table: TexelTable, flame: FLAME):
        self.flame, self.table = flame, table
        self.sampler = TextureSampler(table, flame.faces, size=RENDER_SIZE)

    @torch.no_grad()
    def __call__(
        self,
        pictures: torch.Tensor,  # [N, 3, S, S] in 0..255
        params: FlameParams,  # N rows
    ) -> tuple[np.ndarray, np.ndarray]:
        """Albedo [N, 256, 256, 3], RGB 0..255, float32, and where it was seen [N, 256, 256]."""
        vertices = self.flame(params)
        lifted = self.sampler(pictures, vertices, params.camera).texture
        normals = self._texel_normals(vertices)
        shading = spherical_harmonics_shading(normals, params.lighting)
        seen = (normals[:, 2] > FACING) & (shading.amin(dim=1) > MIN_SHADING)
        albedo = lifted / shading.clamp(min=MIN_SHADING)
        return albedo.permute(0, 2, 3, 1).numpy(), seen.numpy()

    def _texel_normals(self, vertices: torch.Tensor) -> torch.Tensor:
        """Normals [N, 3, 256, 256] of the surface that texels show; 0 elsewhere."""
        normals = vertex_normals(vertices, self.flame.faces)
        weights = torch.from_numpy(self.table.barycentric).float()
        ids = torch.from_numpy(self.table.vertex_ids.astype(np.int64))
        points = (normals[:, ids] * weights[..., None]).sum(dim=2)
        planes = vertices.new_zeros(len(vertices), RENDER_SIZE, RENDER_SIZE, 3)
        planes[:, self.table.y, self.table.x] = points
        return planes.permute(0, 3, 1, 2)


def texture_space_of(
    albedo: np.ndarray,  # [N, S, S, 3] RGB 0..255
    seen: np.ndarray,  # [N, S, S] bool
    mask: np.ndarray,  # [S, S] in [0, 1], where a texture shows the face
) -> TextureSpace:
    """The principal components of skins that were seen in part.

    What was not seen of a face is taken from its mirror image, then from the components found so
    far. Around the face a skin is of the face's mean tone: photographs show hair there.
    """
    inside = mask > 0.5
    seen = seen & inside
    mirrored = albedo[:, :, ::-1]
    albedo = np.where(seen[..., None], albedo, mirrored)
    seen = seen | (seen[:, :, ::-1] & inside)
    data, known = albedo[:, inside], seen[:, inside]
    data, known = without_hair(data, known)
    mean, components = fill_in(data, known)
    return spread_over_head(mean, components, inside)


def without_hair(data: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Skins [N, M, 3] and where they are known [N, M]; what cannot be skin is not known."""
    weight = known[..., None]
    mean = (data * weight).sum(axis=0) / weight.sum(axis=0).clip(min=1)
    tone = ((data - mean) * weight).sum(axis=1, keepdims=True) / weight.sum(
        axis=1, keepdims=True
    ).clip(min=1)
    return data, known & (np.abs(data - mean - tone).max(axis=2) < NO_SKIN)


def fill_in(data: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean [M, 3] and components [M, 3, K], per standard deviation, of partly known skins."""
    weight = known[..., None]
    mean = (data * weight).sum(axis=0) / weight.sum(axis=0).clip(min=1)
    tone = ((data - mean) * weight).sum(axis=1, keepdims=True)
    filled = np.where(weight, data, mean + tone / weight.sum(axis=1, keepdims=True).clip(min=1))
    for _ in range(ROUNDS):
        mean, basis, codes = principal_components(filled, min(FILLING, len(data) // 4))
        filled = np.where(weight, data, mean + np.tensordot(codes, basis, 1))
    mean, basis, codes = principal_components(filled, min(TEXTURE_DIM, len(data) - 1))
    deviation = np.sqrt(np.square(codes).mean(axis=0))
    return mean, np.moveaxis(deviation[:, None, None] * basis, 0, -1)


def principal_components(
    data: np.ndarray,  # [N, M, 3]
    count: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean [M, 3], orthonormal components [K, M, 3], the largest first, and codes [N, K]."""
    mean = data.mean(axis=0)
    flat = (data - mean).reshape(len(data), -1)
    values, vectors = np.linalg.eigh(flat @ flat.T)
    strength = np.sqrt(values[::-1][:count].clip(min=1e-6))
    vectors = vectors[:, ::-1][:, :count]
    basis = (vectors.T @ flat / strength[:, None]).reshape(count, *mean.shape)
    return mean, basis, vectors * strength


def spread_over_head(mean: np.ndarray, components: np.ndarray, inside: np.ndarray) -> TextureSpace:
    """A texture space [S, S, 3] of the face's mean tone outside the face, blended at its edge."""
    fade = gaussian_filter(inside.astype(np.float32), BLEND)
    fade = (2 * fade - 1).clip(0, 1)[..., None]
    size = len(inside)

    def spread(values: np.ndarray) -> np.ndarray:
        plane = np.broadcast_to(values.mean(axis=0), (size, size, 3)).copy()
        tone = plane.copy()
        plane[inside] = values
        return (fade * plane + (1 - fade) * tone)[..., ::-1]  # BGR

    directions = [spread(component) for component in np.moveaxis(components, -1, 0)]
    return TextureSpace(
        spread(mean).astype(np.float32), np.stack(directions, axis=-1).astype(np.float32)
    )
