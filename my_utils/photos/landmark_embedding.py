"""Where the detector's landmarks lie on a head model, found by looking at the model itself.

No file says which point of a head the network means by its landmark 17. So the head is rendered in
some views, the detector looks at them, and each landmark becomes the point of the surface that
explains all views. Renderings of other people then show how far, and in which directions together,
the detector errs about those points. The result is kept beside the head, with the digest of what
it was made from.
"""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from model.renderer import FaceRenderer
from my_utils.files.atomic import atomic_path
from my_utils.photos.calibration_views import Detect, Views, look, mean_head_views, people_views
from my_utils.photos.detector import LANDMARK_COUNT
from my_utils.photos.surface_points import JAW
from my_utils.untrusted.fields import float_field, index_field, read_fields
from my_utils.untrusted.reader import reading

METHOD = b"3"  # changes with what `embed_landmarks` finds, so that older files are not used
MEAN_HEAD_VIEWS, PEOPLE_VIEWS = 30, 400
FACING = 0.1  # points turned less to the viewer than this are not seen
CAP = 8.0  # pixels of 256: a larger error in a view counts as this
CANDIDATES = 4  # vertices around which a landmark's triangle is looked for
MAX_SPREAD = 4.0  # pixels of 256: landmarks less certain on the mean head are not used
MIN_SEEN = 0.3  # of the views, in which a landmark's point must face the viewer
RIDGE = 800.0  # views in which an unknown must vary to weigh as much as the penalty
COMMON_DIRECTIONS = 40  # in which errors of landmarks go together
TRUST = 0.7  # of deviations: best on photographs of the demo that no benchmark uses
MIN_SIGMA = 0.3  # pixels of 256: no landmark is more certain


class FaceMeshEmbedding(NamedTuple):
    """K landmarks of the detector as points of a head, and how it errs about them.

    Errors are lengths on the image plane of an FFHQ crop, which is 2 wide.
    """

    landmarks: np.ndarray  # [K] int64, which of the network's 468
    vertex_ids: np.ndarray  # [K, 3] int64, corners of the triangle
    barycentric: np.ndarray  # [K, 3] float32
    bias: np.ndarray  # [K, 2, 1 + D] float32, mean error, and by shape, expression, rotation, jaw
    sigma: np.ndarray  # [K, 2] float32, standard deviation of each landmark by itself
    common: np.ndarray  # [K, 2, Q] float32, errors that landmarks share, per standard deviation


class PointOnSurface(NamedTuple):
    """Where one landmark lies."""

    vertex_ids: np.ndarray  # [3]
    barycentric: np.ndarray  # [3]
    spread: float  # root mean square error over the views, in pixels
    seen: float  # share of the views in which it faces the viewer


def embed_landmarks(renderer: FaceRenderer, detect: Detect, *, seed: int = 0) -> FaceMeshEmbedding:
    """Find the landmarks on a head, in less than half a minute.

    Args:
        renderer: of the head, at 256 pixels.

    Raises:
        UserError: the detector finds no face in more than half of the renderings.
    """
    rng = np.random.default_rng(seed)
    views = look(renderer, mean_head_views(MEAN_HEAD_VIEWS, rng), detect, rng)
    faces = renderer.flame.faces.numpy()
    points = [find_point(views, number, faces) for number in range(LANDMARK_COUNT)]
    kept = [n for n, p in enumerate(points) if p.spread < MAX_SPREAD and p.seen > MIN_SEEN]
    vertex_ids = np.stack([points[number].vertex_ids for number in kept])
    barycentric = np.stack([points[number].barycentric for number in kept]).astype(np.float32)
    people = look(renderer, people_views(PEOPLE_VIEWS, rng), detect, rng)
    errors = detection_errors(people, kept, vertex_ids, barycentric)
    bias, rest = explain_errors(errors, people.unknowns)
    sigma, common = model_errors(rest)
    pixel = np.float32(2 / renderer.mesh_renderer.size)
    bias, sigma, common = bias * pixel, sigma * (TRUST * pixel), common * (TRUST * pixel)
    return FaceMeshEmbedding(np.array(kept), vertex_ids, barycentric, bias, sigma, common)


def find_point(
    views: Views,
    landmark: int,
    faces: np.ndarray,  # [F, 3]
) -> PointOnSurface:
    """The point of the surface that lies nearest to a landmark over all views."""
    target = views.landmarks[:, landmark]  # [N, 2]
    distance = np.linalg.norm(views.vertices - target[:, None], axis=2)
    distance = np.where(views.facing > FACING, distance.clip(max=3 * CAP), 3 * CAP)
    near = np.argsort(np.square(distance).mean(axis=0))[:CANDIDATES]
    triangles = faces[np.isin(faces, near).any(axis=1)]  # [T, 3]
    corners = views.vertices[:, triangles]  # [N, T, 3, 2]
    seen = views.facing[:, triangles].mean(axis=2) > FACING  # [N, T]
    weights = seen + 1e-3
    for _ in range(3):  # each time with less weight on the views that do not fit
        barycentric = fit_barycentric(corners, target, weights)
        error = np.linalg.norm(
            np.einsum("ntkc,tk->ntc", corners, barycentric) - target[:, None], axis=2
        )
        weights = (seen + 1e-3) / (1 + np.square(error / 3))
    spread = np.sqrt(np.square(np.where(seen, error.clip(max=CAP), CAP)).mean(axis=0))
    best = spread.argmin()
    return PointOnSurface(
        triangles[best], barycentric[best], float(spread[best]), float(seen[:, best].mean())
    )


def fit_barycentric(
    corners: np.ndarray,  # [N, T, 3, 2] of T triangles in N views
    target: np.ndarray,  # [N, 2]
    weights: np.ndarray,  # [N, T]
) -> np.ndarray:
    """The weights [T, 3] of the points inside triangles nearest to the targets.

    Least squares over the views; a point outside its triangle is drawn to the border.
    """
    last = corners[:, :, 2]
    edges = np.moveaxis(corners[:, :, :2] - last[:, :, None], 2, 3)  # [N, T, 2 (x, y), 2]
    normal = np.einsum("nt,ntci,ntcj->tij", weights, edges, edges)
    right = np.einsum("nt,ntci,ntc->ti", weights, edges, target[:, None] - last)
    normal = normal + 1e-6 * np.eye(2)
    two = np.linalg.solve(normal, right[..., None])[..., 0]
    three = np.column_stack([two, 1 - two.sum(axis=1)]).clip(0)
    return three / three.sum(axis=1, keepdims=True)


def detection_errors(
    views: Views,
    landmarks: list[int],  # K
    vertex_ids: np.ndarray,  # [K, 3]
    barycentric: np.ndarray,  # [K, 3]
) -> np.ndarray:
    """Detected minus true positions [N, K, 2], pixels; 0 where a point is not seen."""
    points = np.einsum("nkvc,kv->nkc", views.vertices[:, vertex_ids], barycentric)
    errors = (views.landmarks[:, landmarks] - points).clip(-CAP, CAP)
    seen = views.facing[:, vertex_ids].mean(axis=2) > FACING
    return errors * seen[..., None]


def explain_errors(
    errors: np.ndarray,  # [N, K, 2]
    unknowns: np.ndarray,  # [N, D] of the faces, see `Views`
) -> tuple[np.ndarray, np.ndarray]:
    """The part of errors that is linear in the unknowns of a face, and the rest of each view.

    A network that has seen more heads that look ahead than others understates how far a head
    turns, and draws unusual faces nearer to usual ones. Ridge regression; the rest is that of each
    view when it is left out.

    Returns:
        bias [K, 2, 1 + D], the first of it the mean error, and the rest [N, K, 2], in float32.
    """
    flat = errors.reshape(len(errors), -1)
    columns = np.column_stack([np.ones(len(unknowns)), unknowns])
    deviation = columns.std(axis=0)
    penalty = RIDGE * np.square(deviation) + (deviation == 0)  # what never varies explains nothing
    penalty[0] = 0
    normal = columns.T @ columns + np.diag(penalty)
    coefficients = np.linalg.solve(normal, columns.T @ flat)  # [1 + D, 2 K]
    leverage = np.einsum("nd,dn->n", columns, np.linalg.solve(normal, columns.T))
    rest = (flat - columns @ coefficients) / (1 - leverage)[:, None]
    bias = coefficients.T.reshape(*errors.shape[1:], -1)
    return bias.astype(np.float32), rest.reshape(errors.shape).astype(np.float32)


def model_errors(
    errors: np.ndarray,  # [N, K, 2]
) -> tuple[np.ndarray, np.ndarray]:
    """Errors as a few directions they share, each N(0, 1) times, and the rest by itself.

    Returns:
        The standard deviation of the rest [K, 2] and the directions [K, 2, Q], in float32.
    """
    flat = errors.reshape(len(errors), -1)
    left, strength, right = np.linalg.svd(flat, full_matrices=False)
    count = min(COMMON_DIRECTIONS, len(errors) // 3)
    common = right[:count].T * (strength[:count] / np.sqrt(len(errors)))
    rest = flat - (left[:, :count] * strength[:count]) @ right[:count]
    variance = np.square(rest).sum(axis=0) / (len(errors) - count)
    sigma = np.sqrt(variance).clip(min=MIN_SIGMA)
    shape = errors.shape[1:]
    return sigma.reshape(shape).astype(np.float32), common.reshape(*shape, -1).astype(np.float32)


def digest_of(renderer: FaceRenderer, networks: Path) -> str:
    """The sha256 of the head, its skin and the detector: what an embedding holds for."""
    digest = hashlib.sha256(METHOD)
    flame, texture = renderer.flame, renderer.texture
    for tensor in (flame.v_template, flame.shapedirs, texture.mean, texture.directions):
        digest.update(tensor.cpu().numpy().tobytes())
    for path in sorted(networks.glob("*.tflite")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def save_embedding(path: Path, embedding: FaceMeshEmbedding, digest: str) -> None:
    """Write an embedding with the digest of what it was made from."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **embedding._asdict(), digest=digest)


def load_embedding(path: Path, digest: str, vertex_count: int) -> FaceMeshEmbedding | None:
    """Read an embedding; None where there is none, or one of another head or detector.

    Raises:
        UserError: the file is damaged.
    """
    if not path.exists():
        return None
    fields = read_fields(path)
    with reading(path):
        if str(fields.get("digest")) != digest:
            return None
        landmarks = index_field(fields, "landmarks", (None,), below=LANDMARK_COUNT)
        points = (len(landmarks), 3)
        return FaceMeshEmbedding(
            landmarks,
            index_field(fields, "vertex_ids", points, below=vertex_count),
            float_field(fields, "barycentric", points),
            float_field(fields, "bias", (len(landmarks), 2, 1 + JAW.stop)),
            float_field(fields, "sigma", (len(landmarks), 2)),
            float_field(fields, "common", (len(landmarks), 2, None)),
        )
