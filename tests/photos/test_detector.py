"""What is done with the outputs of the landmark networks; the networks where they are."""

from pathlib import Path

import numpy as np
import pytest

from my_utils.errors import UserError
from my_utils.photos import detector
from my_utils.photos.alignment import OrientedSquare
from my_utils.photos.detector import (
    LANDMARK_COUNT,
    LANDMARK_SIZE,
    Detection,
    LandmarkDetector,
    anchors,
    decode_detections,
    face_region,
    load_network,
    merge,
    overlap,
)


def detection(box, score=0.9):
    return Detection(np.array(box, dtype=float), np.zeros((6, 2)), score)


def test_anchors_are_the_centers_of_two_grids():
    centers = anchors()
    assert centers.shape == (896, 2)
    assert np.allclose(
        centers[[0, 1, 2, 511]], [[1 / 32] * 2, [1 / 32] * 2, [3 / 32, 1 / 32], [31 / 32] * 2]
    )
    assert np.allclose(centers[[512, 517, 518]], [[1 / 16] * 2, [1 / 16] * 2, [3 / 16, 1 / 16]])


def test_boxes_are_in_the_coordinates_of_the_picture():
    regressors, logits = np.zeros((896, 16)), np.full(896, -200.0)
    regressors[512, :4] = [8, 16, 32, 64]  # of 128: a box around (8 + 8, 8 + 16)
    regressors[512, 4:6] = [-8, 0]  # the right eye is at (0, 8)
    logits[512] = 3
    tile = OrientedSquare(300, 200, 256)
    (found,) = decode_detections(regressors, logits, anchors(), tile)
    assert np.allclose(found.box, [172 + 2 * 0, 72 + 2 * -8, 172 + 2 * 32, 72 + 2 * 56])
    assert np.allclose(found.points[0], [172, 72 + 2 * 8])
    assert found.score == pytest.approx(1 / (1 + np.exp(-3)))


def test_boxes_of_one_face_are_averaged():
    boxes = [
        detection([0, 0, 10, 10], 0.9),
        detection([0, 0, 10, 12], 0.6),
        detection([50, 0, 60, 9]),
    ]
    merged = sorted(merge(boxes), key=lambda face: face.box[0])
    assert np.allclose(merged[0].box, [0, 0, 10, (0.9 * 10 + 0.6 * 12) / 1.5])
    assert np.allclose(merged[1].box, [50, 0, 60, 9])


def test_overlap_is_intersection_over_union():
    assert overlap(np.array([0, 0, 2, 2]), np.array([1, 1, 3, 3])) == pytest.approx(1 / 7)
    assert overlap(np.array([0, 0, 2, 2]), np.array([3, 3, 4, 4])) == 0


def test_the_region_is_upright_by_the_eyes():
    points = np.zeros((6, 2))
    points[1] = [3, 3]  # the left eye below the right one: the head is turned clockwise
    region = face_region(Detection(np.array([10, 20, 50, 40.0]), points, 1.0))
    assert region == pytest.approx(OrientedSquare(30, 30, 60, np.pi / 4))


def test_nothing_is_seen_beyond_the_picture(monkeypatch):
    """Mirrored there, half a face at the border would become a whole one."""
    seen = []

    def network(_network, pixels, *, low):
        seen.append(pixels)
        return [np.zeros((1, LANDMARK_COUNT, 3)), np.zeros((1, 1))]

    monkeypatch.setattr(detector, "run_network", network)
    monkeypatch.setattr(detector, "load_network", lambda path: None)
    white = np.full((100, 100, 3), 255, np.uint8)
    LandmarkDetector(Path()).find_landmarks(white, OrientedSquare(0, 50, 60))
    half = LANDMARK_SIZE // 2
    assert seen[0][:, : half - 5].max() == 0
    assert seen[0][:, half + 5 :].min() == 255


def test_missing_and_damaged_networks_are_said(tmp_path):
    pytest.importorskip("ai_edge_litert", reason="LiteRT is not installed")
    with pytest.raises(UserError, match=r"get_landmark_networks.py.* puts it there"):
        load_network(tmp_path / "face_landmark.tflite")
    (tmp_path / "face_landmark.tflite").write_bytes(b"TFL3")
    with pytest.raises(UserError, match="is damaged"):
        load_network(tmp_path / "face_landmark.tflite")
