"""How well photographs are fitted, against parameters that are known.

    python tests/benchmarks/photo_fit.py
    python tests/benchmarks/photo_fit.py --photographs FOLDER --resources DIR --landmarks a.npz \\
        --demo_landmarks b.npz

Fits held-out photographs of the demo head, which nothing was tuned on, with and without refinement,
and refined from the places where the embedding expects the landmarks of the true face. The networks
are those of the demo's resources folder. With --photographs, aligned pictures of people are fitted
too, by the head of --resources. With --landmarks and --demo_landmarks the detector is compared with
landmarks recorded elsewhere (arrays `ids` and `points` [N, 468, 2]), of these photographs and of
the demo's first faces.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from constants import demo_root, resources_root
from model.flame import FLAME, FlameParams
from model.renderer import FaceRenderer
from my_utils.cli import positive_int, run_script, script_parser
from my_utils.data.photograph_lmdb import find_photographs
from my_utils.data.resources import Resources
from my_utils.demo.held_out import HELD_OUT_ID
from my_utils.demo.parameters import sample_parameters
from my_utils.demo.photographs import photographs
from my_utils.demo.resources_folder import write_head_files
from my_utils.files.image_codec import read_photograph
from my_utils.files.workers import keep_freed_memory
from my_utils.photos.fitting import AlignedPhotograph, FittedFaces, FittingHead

MEASURES = {  # name: unit, bar without and with refinement
    "yaw": ("deg", 1.2, 0.8),
    "pitch": ("deg", 2.5, 1.8),
    "roll": ("deg", 0.6, 0.4),
    "jaw": ("deg", 1.2, 1.0),
    "expression and jaw": ("mm", 1.2, 0.9),
    "shape": ("mm", 2.1, 1.6),
    "rendering": ("of 2", 0.10, 0.07),
}
SPEED_BAR = 10.0  # faces per second on two cores, without refinement


@torch.no_grad()
def measure(
    fitted: FlameParams, truth: FlameParams, renderer: FaceRenderer, face: np.ndarray
) -> dict[str, float]:
    """Mean errors by the names of MEASURES; `face` are the vertices of the face mask."""
    angles = np.abs(head_angles(fitted) - head_angles(truth)).mean(axis=0)
    jaw = (fitted.pose[:, 3] - truth.pose[:, 3]).abs().mean().rad2deg()
    flame = renderer.flame
    expressions = [face_motion(params, flame)[:, face] for params in (fitted, truth)]
    shapes = [resting_shape(params, flame)[:, face] for params in (fitted, truth)]
    return {
        **dict(zip(("yaw", "pitch", "roll"), map(float, angles), strict=True)),
        "jaw": float(jaw),
        "expression and jaw": float(1e3 * (expressions[0] - expressions[1]).norm(dim=2).mean()),
        "shape": float(1e3 * (align(*shapes) - shapes[1]).norm(dim=2).mean()),
        "rendering": rendering_difference(fitted, truth, renderer),
    }


def head_angles(params: FlameParams) -> np.ndarray:
    """Yaw, pitch and roll [N, 3] in degrees."""
    rotation = Rotation.from_rotvec(params.pose[:, :3].double().numpy())
    return rotation.as_euler("YXZ", degrees=True)


def face_motion(params: FlameParams, flame: FLAME) -> torch.Tensor:
    """Vertices [N, V, 3] of the mean head, looking ahead, with these expressions and jaws."""
    pose = params.pose.clone()
    pose[:, :3] = 0
    return flame(params.replace(shape=torch.zeros_like(params.shape), pose=pose))


def resting_shape(params: FlameParams, flame: FLAME) -> torch.Tensor:
    """Vertices [N, V, 3] of these people at rest, looking ahead."""
    zero = torch.zeros_like
    return flame(params.replace(expression=zero(params.expression), pose=zero(params.pose)))


def align(points: torch.Tensor, goal: torch.Tensor) -> torch.Tensor:
    """Points [N, V, 3] after the similarity that brings them nearest to others.

    A single picture under an orthographic camera does not tell size.
    """
    mean, goal_mean = points.mean(dim=1, keepdim=True), goal.mean(dim=1, keepdim=True)
    centered = points - mean
    left, scale, right = torch.linalg.svd((goal - goal_mean).transpose(1, 2) @ centered)
    scale[:, 2] *= torch.det(left @ right)
    size = scale.sum(dim=1) / centered.square().sum(dim=(1, 2))
    left[:, :, 2] *= torch.det(left @ right)[:, None]
    return size[:, None, None] * centered @ (left @ right).transpose(1, 2) + goal_mean


def rendering_difference(params: FlameParams, truth: FlameParams, renderer: FaceRenderer) -> float:
    """Mean absolute difference of renderings, in [-1, 1], over the head of the true one."""
    total = count = 0.0
    for row in range(len(truth)):
        shown, wanted = renderer(params[[row]]), renderer(truth[[row]])
        difference = (shown.image - wanted.image).abs().mean(dim=1, keepdim=True)
        total += float((difference * wanted.mask).sum())
        count += float(wanted.mask.sum())
    return total / count


def demo_faces(ids: range) -> tuple[FlameParams, np.ndarray]:
    """Parameters and photographs [N, 256, 256, 3] of faces of the demo."""
    params = sample_parameters(ids)
    return params, photographs(params, ids, size=256)


def line(name: str, unit: str, values: list[float | None], bars: list[float | None]) -> None:
    """A line of the table: what was measured and, where there is one, the bar."""
    texts = []
    for value, bar in zip(values, bars, strict=True):
        text = "" if value is None else f"{value:.3f}"
        texts.append(text if bar is None or value is None else f"{text} / {bar:g}")
    print(f"{name:44} {unit:9} {' '.join(f'{text:>16}' for text in texts)}", flush=True)


def timed_fit(head: FittingHead, pictures, *, fine: bool) -> tuple[FittedFaces, float]:
    """The fit of all pictures, and the faces per second of processor time of one core."""
    start = time.process_time()
    faces = [head.align(pixels) for pixels in pictures]
    fitted = head.fit([face for face in faces if face is not None], fine=fine)
    return fitted, len(faces) / (time.process_time() - start)


def with_expected_landmarks(
    head: FittingHead, faces: list[AlignedPhotograph], truth: FlameParams
) -> list[AlignedPhotograph]:
    """The photographs as a detector that errs only as the embedding expects would see them.

    For photographs that `align` keeps whole, as it does those of the demo.
    """
    term = head.landmark_term
    places = ((term(truth).position + 1) * (len(faces[0].pixels) / 2)).numpy()
    for face, place in zip(faces, places, strict=True):
        face.landmarks[term.landmarks] = place
    return faces


def demo_report(head: FittingHead, count: int) -> None:
    """The table of the held-out photographs of the demo."""
    truth, pictures = demo_faces(range(HELD_OUT_ID, HELD_OUT_ID + count))
    found = [row for row, pixels in enumerate(pictures) if head.detector(pixels) is not None]
    truth, pictures = truth[found], pictures[found]
    texels, mask = head.resources.texels, head.resources.face_mask[0, 0]
    face = np.unique(texels.vertex_ids[mask[texels.y, texels.x] > 0.5])
    mean_head = truth.replace(
        **{name: 0 * getattr(truth, name) for name in ("shape", "expression", "pose")}
    )
    results = [measure(mean_head, truth, head.renderer, face)]
    speeds: list[float | None] = [None]
    head.fit([head.align(pictures[0])])  # the landmarks on the head are found once
    for fine in (False, True):
        fitted, speed = timed_fit(head, pictures, fine=fine)
        results.append(measure(fitted.params, truth, head.renderer, face))
        speeds.append(2 * speed)
    exact = with_expected_landmarks(head, [head.align(pixels) for pixels in pictures], truth)
    results.append(measure(head.fit(exact, fine=True).params, truth, head.renderer, face))
    speeds.append(None)
    print(f"\n{len(found)} of {count} held-out photographs of the demo: mean errors / bars")
    heads = ("mean head", "without", "with refinement", "expected marks")
    print(f"{'':54} {' '.join(f'{text:>16}' for text in heads)}")
    for name, (unit, *bars) in MEASURES.items():
        line(name, unit, [result[name] for result in results], [None, *bars, None])
    line(
        "two cores, by processor time (bar: least)",
        "faces/s",
        speeds,
        [None, SPEED_BAR, None, None],
    )


def photograph_report(head: FittingHead, pictures: dict[int, np.ndarray]) -> None:
    """Residuals of aligned photographs of people."""
    faces = {face: head.align(pixels) for face, pixels in pictures.items()}
    found = [face for face in faces.values() if face is not None]
    print(f"\n{len(found)} of {len(pictures)} faces found in the photographs")
    moved = [
        np.abs(face.square.corners() - corners(pictures[number])).max() / len(pictures[number])
        for number, face in faces.items()
        if face is not None
    ]
    fitted = head.fit(found)
    line("largest move of a corner by the crop", "of size", [max(moved)], [0.02])
    line("landmark residual, median", "px of 256", [fitted.landmark_residual.median()], [1.2])
    line("color residual on skin, median", "of 255", [fitted.color_residual.median()], [None])


def corners(pixels: np.ndarray) -> np.ndarray:
    height, width = pixels.shape[:2]
    return np.array([[0, 0], [width, 0], [width, height], [0, height]])


def landmark_report(head: FittingHead, pictures: dict[int, np.ndarray], recorded: Path) -> None:
    """How far landmarks are from those recorded elsewhere."""
    with np.load(recorded) as file:
        known = dict(zip(file["ids"].tolist(), file["points"], strict=True))
    distances = []
    for number in sorted(known.keys() & pictures.keys()):
        face = head.detector(pictures[number])
        if face is not None:
            distances.append(np.linalg.norm(face.landmarks - known[number], axis=1).mean())
    line(f"{len(distances)} pictures: landmarks from recorded", "px", [np.mean(distances)], [1.0])


def main() -> None:
    parser = script_parser(__doc__)
    parser.add_argument("--count", type=positive_int, default=128, help="of the demo (128)")
    parser.add_argument("--photographs", type=Path, metavar="DIR", help="of people, aligned")
    parser.add_argument("--resources", type=Path, metavar="DIR", help="head of the photographs")
    parser.add_argument("--landmarks", type=Path, metavar="FILE", help="of the photographs")
    parser.add_argument("--demo_landmarks", type=Path, metavar="FILE", help="of the demo")
    args = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    write_head_files(demo_root)
    demo = FittingHead(Resources(demo_root))
    demo_report(demo, args.count)
    if args.demo_landmarks:
        pictures = dict(enumerate(demo_faces(range(args.count))[1]))
        landmark_report(demo, pictures, args.demo_landmarks)
    if args.photographs:
        head = FittingHead(Resources(args.resources or resources_root), demo.networks)
        paths = find_photographs(args.photographs)
        pictures = {number: read_photograph(path) for number, path in paths.items()}
        photograph_report(head, pictures)
        if args.landmarks:
            landmark_report(head, pictures, args.landmarks)


if __name__ == "__main__":
    run_script(main)
