"""Facial landmarks by the two networks of MediaPipe: BlazeFace finds faces, Face Mesh 468 points.

The network files are the user's (`prepare_lmdb/get_landmark_networks.py`); LiteRT runs them on one
core. Bazarevsky et al. 2019, "BlazeFace"; Kartynnik et al. 2019, "Real-time facial surface
geometry from monocular video on mobile GPUs".
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from my_utils.errors import UserError
from my_utils.photos.alignment import OrientedSquare, cut_out, transform
from my_utils.photos.network_files import NETWORKS, damaged_networks

DETECTION_NETWORK, LANDMARK_NETWORK = NETWORKS
LANDMARK_COUNT = 468

DETECTION_SIZE, LANDMARK_SIZE = 128, 192  # pixels of the networks' pictures
ANCHOR_GRIDS = ((16, 2), (8, 6))  # cells in a row, anchors in each: 896 in all
MIN_SCORE = 0.5  # of a detection, and of the landmark network's «this is a face»
SAME_FACE = 0.3  # intersection over union above which two boxes show one face
REGION_SCALE = 1.5  # side of the landmark network's picture, in sides of the box
RIGHT_EYE, LEFT_EYE = 0, 1  # of the six points of a detection


class Detection(NamedTuple):
    """A face as BlazeFace found it."""

    box: np.ndarray  # [4] left, top, right, bottom in the picture
    points: np.ndarray  # [6, 2] right and left eye, nose, mouth, right and left ear
    score: float


class Face(NamedTuple):
    """The landmarks of the largest face of a picture."""

    landmarks: np.ndarray  # [468, 2] float32 in the picture, see alignment
    score: float  # of the landmark network, 0..1
    others: int  # further faces that were found


def load_network(path: Path) -> Any:
    """An interpreter of one of the network files, ready to run on one core.

    Raises:
        UserError: LiteRT is not installed, or the file is missing or damaged.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        raise UserError(
            "photographs need LiteRT: `pip install -r requirements-photos.txt`, Python 3.11 on"
        ) from None
    if not path.is_file():
        raise UserError(
            f"{path} is missing: `python prepare_lmdb/get_landmark_networks.py` puts it there"
        )
    if damaged_networks(path.parent):  # which could end the process
        raise UserError(
            f"{path} is damaged: `python prepare_lmdb/get_landmark_networks.py` replaces it"
        )
    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    return interpreter


class LandmarkDetector:
    """Finds the landmarks of faces, one picture at a time, in about 3 ms.

    Args:
        folder: of the two network files.
    """

    def __init__(self, folder: Path):
        self._detection = load_network(Path(folder) / DETECTION_NETWORK)
        self._landmarks = load_network(Path(folder) / LANDMARK_NETWORK)
        self._anchors = anchors()

    def __call__(
        self,
        pixels: np.ndarray,  # uint8 [H, W, 3]
    ) -> Face | None:
        """The largest face of a picture; None if there is none."""
        detections = self.detect(pixels)
        for detection in detections:
            landmarks, score = self.find_landmarks(pixels, face_region(detection))
            if score >= MIN_SCORE:
                return Face(landmarks, score, len(detections) - 1)
        return None

    def detect(self, pixels: np.ndarray) -> list[Detection]:
        """All faces of a picture [H, W, 3], the largest first.

        Small faces are looked for, in parts of the picture, only where there are no large ones.
        """
        for parts in (1, 2, 4):
            found = [
                face for tile in _tiles(pixels, parts) for face in self._detect_in(pixels, tile)
            ]
            if found:
                return sorted(merge(found), key=_area, reverse=True)
        return []

    def _detect_in(self, pixels: np.ndarray, tile: OrientedSquare) -> list[Detection]:
        regressors, scores = run_network(
            self._detection, cut_out(pixels, tile, DETECTION_SIZE, beyond="black"), low=-1
        )
        return decode_detections(regressors[0], scores[0, :, 0], self._anchors, tile)

    def find_landmarks(
        self, pixels: np.ndarray, region: OrientedSquare
    ) -> tuple[np.ndarray, float]:
        """Landmarks [468, 2] of the face that fills a region of a picture, and their score."""
        crop = cut_out(pixels, region, LANDMARK_SIZE, beyond="black")
        points, logit = run_network(self._landmarks, crop, low=0)
        inside = points.reshape(LANDMARK_COUNT, 3)[:, :2]
        return transform(region.to_picture(LANDMARK_SIZE), inside), float(sigmoid(logit.ravel())[0])


def run_network(
    network: Any,
    pixels: np.ndarray,  # uint8 [S, S, 3]
    *,
    low: float,  # what the network sees as black; white is 1
) -> list[np.ndarray]:
    """All outputs of a network for one picture."""
    picture = pixels[None].astype(np.float32) * ((1 - low) / 255) + low
    network.set_tensor(network.get_input_details()[0]["index"], picture)
    network.invoke()
    return [network.get_tensor(output["index"]) for output in network.get_output_details()]


def anchors() -> np.ndarray:
    """Centers [896, 2] of the boxes that BlazeFace corrects, as parts of its picture."""
    centers = []
    for cells, count in ANCHOR_GRIDS:
        row, column = np.mgrid[:cells, :cells]
        grid = (np.stack([column, row], axis=-1).reshape(-1, 2) + 0.5) / cells
        centers.append(grid.repeat(count, axis=0))
    return np.concatenate(centers)


def decode_detections(
    regressors: np.ndarray,  # [896, 16] center, size and six points of each box, in pixels
    logits: np.ndarray,  # [896]
    anchors: np.ndarray,  # [896, 2]
    tile: OrientedSquare,  # that the network saw
) -> list[Detection]:
    """The boxes that are taken for faces, in the coordinates of the picture."""
    scores = sigmoid(logits)
    detections = []
    for number in np.flatnonzero(scores >= MIN_SCORE):
        values = regressors[number].reshape(8, 2) / DETECTION_SIZE
        center, half = anchors[number] + values[0], values[1] / 2
        points = np.concatenate([[center - half, center + half], anchors[number] + values[2:]])
        points = transform(tile.to_picture(1), points)
        detections.append(Detection(points[:2].ravel(), points[2:], float(scores[number])))
    return detections


def merge(detections: list[Detection]) -> list[Detection]:
    """One detection a face: the mean of the boxes that overlap the best one, by their scores."""
    waiting = sorted(detections, key=lambda detection: detection.score, reverse=True)
    merged = []
    while waiting:
        best = waiting[0]
        same = [other for other in waiting if overlap(best.box, other.box) > SAME_FACE]
        weights = [other.score for other in same]
        box = np.average([other.box for other in same], axis=0, weights=weights)
        points = np.average([other.points for other in same], axis=0, weights=weights)
        merged.append(Detection(box, points, best.score))
        waiting = [other for other in waiting if all(other is not face for face in same)]
    return merged


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two boxes [4]."""
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    common = sides.clip(0).prod()
    return float(common / ((one[2:] - one[:2]).prod() + (other[2:] - other[:2]).prod() - common))


def face_region(detection: Detection) -> OrientedSquare:
    """What the landmark network sees of a face: around its box, upright by the eyes."""
    x, y = (detection.box[:2] + detection.box[2:]) / 2
    side = REGION_SCALE * (detection.box[2:] - detection.box[:2]).max()
    across = detection.points[LEFT_EYE] - detection.points[RIGHT_EYE]
    return OrientedSquare(float(x), float(y), float(side), float(np.arctan2(across[1], across[0])))


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), which is 0 to double precision long before -100."""
    return 1 / (1 + np.exp(-np.clip(np.float64(logits), -100, 100)))


def _area(detection: Detection) -> float:
    return float((detection.box[2:] - detection.box[:2]).prod())


def _tiles(pixels: np.ndarray, parts: int) -> list[OrientedSquare]:
    """The whole picture, or overlapping squares of 1 / `parts` of its longer side."""
    height, width = pixels.shape[:2]
    side = max(width, height) / parts
    xs, ys = (
        np.linspace(side / 2, length - side / 2, max(1, round(2 * length / side) - 1))
        if length > side
        else [length / 2]
        for length in (width, height)
    )
    return [OrientedSquare(float(x), float(y), side) for y in ys for x in xs]
