"""What face trackers write, one small reader per tool: the fields of a file become `TrackedFace`s.

The tools write different containers, spellings and cameras, and most numbers carry no unit. What
is taken for granted where a file does not say is listed in docs/converters.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.spatial.transform import Rotation

from constants import EXPRESSION_DIM, SHAPE_DIM, TEXTURE_DIM
from my_utils.data.trackers.cameras import (
    Motion,
    PerspectiveCamera,
    axis_angle,
    head_to_camera,
    pinhole,
    rotation_6d_to_matrix,
    rotation_matrix,
)
from my_utils.untrusted.fields import as_numbers, float_field


def _no_rotation() -> np.ndarray:
    return np.zeros(3)


@dataclass(frozen=True, eq=False)
class TrackedFace:
    """One face as a tool describes it, in FLAME's terms; what the tool does not say is None."""

    shape: np.ndarray  # [100]
    expression: np.ndarray  # [50]
    rotation: np.ndarray = field(default_factory=_no_rotation)  # [3] axis-angle, of the root joint
    neck: np.ndarray = field(default_factory=_no_rotation)  # [3] axis-angle
    jaw: np.ndarray = field(default_factory=_no_rotation)  # [3] axis-angle
    crop_camera: np.ndarray | None = None  # [3] scale, tx, ty in the crop the tool looked at
    perspective: PerspectiveCamera | None = None
    texture: np.ndarray | None = None  # [50] of a space that the file does not name
    lighting: np.ndarray | None = None  # [9, 3]
    notes: Sequence[str] = ()  # what was filled in or left out


class Fields:
    """The arrays of one face by any of their spellings; notes what is left out of them."""

    def __init__(self, values: Mapping):
        self.values = values
        self.notes: list[str] = []

    def has(self, *names: str) -> bool:
        return any(self.values.get(name) is not None for name in names)

    def spelling(self, *names: str) -> str:
        """The first of these names that is there."""
        if not self.has(*names):
            raise ValueError(f"it has no field {' or '.join(map(repr, names))}")
        return next(name for name in names if self.has(name))

    def array(self, *names: str, shape: tuple[int | None, ...]) -> np.ndarray:
        """The first of these fields that is there, without leading axes of one."""
        name = self.spelling(*names)
        value = np.atleast_1d(as_numbers(self.values[name], name))
        while value.ndim > len(shape) and len(value) == 1:
            value = value[0]
        return float_field({name: value}, name, shape)

    def axis_angle(self, *names: str) -> np.ndarray:
        """An axis-angle vector [3]; no such field is no rotation."""
        return self.array(*names, shape=(3,)) if self.has(*names) else _no_rotation()

    def optional(self, *names: str, shape: tuple[int | None, ...]) -> np.ndarray | None:
        return self.array(*names, shape=shape) if self.has(*names) else None

    def coefficients(self, *names: str, keep: int) -> np.ndarray:
        """The first `keep` coefficients, which are the strongest; more are left out."""
        name = self.spelling(*names)
        array = self.array(name, shape=(None,))
        if len(array) < keep:
            raise ValueError(f"{name!r} has {len(array)} coefficients instead of {keep}")
        if array[keep:].any():
            self.notes.append(f"left out: {name!r} beyond the first {keep} coefficients")
        return array[:keep]

    def rotation(self, *names: str) -> np.ndarray:
        """A rotation [3, 3], written as a matrix, as six numbers or as axis-angle."""
        name = self.spelling(*names)
        size = as_numbers(self.values[name], name).size
        if size == 6:
            return rotation_6d_to_matrix(self.array(name, shape=(6,)))
        if size == 3:
            return rotation_matrix(self.array(name, shape=(3,)))
        return checked_rotation(self.array(name, shape=(3, 3)), name)

    def group(self, name: str) -> "Fields":
        """A dictionary inside this one; both share their notes."""
        if not isinstance(self.values.get(name), Mapping):
            raise ValueError(f"it has no group {name!r}")
        fields = Fields(self.values[name])
        fields.notes = self.notes
        return fields

    def leave_out(self, description: str, *names: str) -> None:
        """Note that these fields are left out, if they say something."""
        if any(np.any(as_numbers(self.values[name], name)) for name in names if self.has(name)):
            self.notes.append(f"left out: {description}")


def checked_rotation(matrix: np.ndarray, name: str) -> np.ndarray:
    """The matrix [3, 3] itself, if it is a rotation."""
    if np.abs(matrix @ matrix.T - np.eye(3)).max() > 1e-3 or np.linalg.det(matrix) < 0:
        raise ValueError(f"{name!r} is not a rotation")
    return matrix


def read_deca(fields: Fields) -> TrackedFace:
    """DECA's dictionary of codes, and EMOCA's, which are also written as one file per code."""
    pose = fields.array("pose", "posecode", shape=(6,))
    fields.leave_out("details of the surface", "detail", "detailcode")
    return TrackedFace(
        shape=fields.coefficients("shape", "shapecode", keep=SHAPE_DIM),
        expression=fields.coefficients("exp", "expcode", keep=EXPRESSION_DIM),
        rotation=pose[:3],
        jaw=pose[3:],
        crop_camera=fields.optional("cam", shape=(3,)),
        texture=_texture(fields, "tex", "texcode"),
        lighting=fields.optional("light", "lightcode", "lit", shape=(9, 3)),
        notes=fields.notes,
    )


def read_smirk(fields: Fields) -> TrackedFace:
    fields.leave_out("eyelids", "eyelid_params", "eyelid")
    return TrackedFace(
        shape=fields.coefficients("shape_params", "shape", keep=SHAPE_DIM),
        expression=fields.coefficients("expression_params", "exp", keep=EXPRESSION_DIM),
        rotation=fields.array("pose_params", "globalpose", shape=(3,)),
        jaw=fields.array("jaw_params", "jawpose", shape=(3,)),
        crop_camera=fields.optional("cam", shape=(3,)),
        notes=fields.notes,
    )


def read_mica(fields: Fields) -> TrackedFace:
    return TrackedFace(
        shape=fields.coefficients("identity", "shape", keep=SHAPE_DIM),
        expression=np.zeros(EXPRESSION_DIM),
        notes=["filled in: neutral expression and pose", *fields.notes],
    )


def read_metrical_tracker(fields: Fields) -> TrackedFace:
    flame, camera = fields.group("flame"), fields.group("opencv")
    world = (camera.rotation("R"), camera.array("t", shape=(3,)))
    intrinsics = camera.array("K", shape=(3, 3))
    size = _image_size(fields) if fields.has("img_size") else 2 * intrinsics[[1, 0], 2]
    head = _head_motion(flame)
    recorded = fields.group("camera") if fields.has("camera") else camera
    if head and recorded.has("R") and np.allclose(head[0], recorded.rotation("R"), atol=1e-4):
        head = None  # one motion, written as the head's and as the camera's
    return _tracked_head(flame, head_to_camera(head, world, pinhole(intrinsics, size)))


def read_pixel3dmm(fields: Fields) -> TrackedFace:
    flame, camera = fields.group("flame"), fields.group("camera")
    cameras = [name[7:] for name in camera.values if str(name).startswith("R_base_")]
    if len(cameras) != 1:
        raise ValueError(f"it has {len(cameras)} cameras 'R_base_...' instead of one")
    world = (
        camera.rotation(f"R_base_{cameras[0]}"),
        camera.array(f"t_base_{cameras[0]}", shape=(3,)),
    )
    height, width = size = _image_size(fields)
    focal, centre = camera.array("fl", shape=()), camera.array("pp", shape=(2,))
    intrinsics = np.array(  # the focal length is in widths, the centre in half sides
        [
            [focal * width, 0, (1 + centre[0]) * width / 2],
            [0, focal * width, (1 + centre[1]) * height / 2],
            [0, 0, 1],
        ]
    )
    return _tracked_head(
        flame, head_to_camera(_head_motion(flame), world, pinhole(intrinsics, size))
    )


def read_vhap(fields: Fields) -> TrackedFace:
    """VHAP's parameters of one time step; the camera comes from its NeRF export."""
    fields.leave_out("eyes", "eyes_pose", "eyes")
    fields.leave_out("offsets of single vertices", "static_offset", "dynamic_offset")
    perspective = None
    if fields.has("transform_matrix"):
        world = np.linalg.inv(fields.array("transform_matrix", shape=(4, 4)))
        (fx, fy, cx, cy, width, height) = (
            float(fields.array(name, shape=())) for name in ("fl_x", "fl_y", "cx", "cy", "w", "h")
        )
        perspective = head_to_camera(
            (np.eye(3), fields.array("translation", shape=(3,))),
            (checked_rotation(world[:3, :3], "transform_matrix"), world[:3, 3]),
            pinhole(np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]]), (height, width)),
        )
    return TrackedFace(
        shape=fields.coefficients("shape", keep=SHAPE_DIM),
        expression=fields.coefficients("expr", "exp", keep=EXPRESSION_DIM),
        rotation=fields.array("rotation", shape=(3,)),
        neck=fields.axis_angle("neck_pose", "neck"),
        jaw=fields.array("jaw_pose", "jaw", shape=(3,)),
        perspective=perspective,
        notes=fields.notes,
    )


def read_flame_head_tracker(fields: Fields) -> TrackedFace:
    fields.leave_out("eyes", "eye_pose", "eye")
    camera = fields.array("cam", shape=(6,))
    if np.abs(camera[:3]).max() > np.float32(np.pi):  # which is a little more
        raise ValueError("the angles in 'cam' are not radians")
    rotation = Rotation.from_euler("YXZ", camera[:3]).as_matrix()  # yaw, pitch, roll
    if fields.has("K"):
        intrinsics = fields.array("K", shape=(3, 3))
        size = 2 * intrinsics[[1, 0], 2]
    else:
        focal = 1 / np.tan(np.deg2rad(fields.array("fov", shape=())) / 2)
        intrinsics = np.array([[focal, 0, 1], [0, focal, 1], [0, 0, 1]])
        size = np.array([2, 2])
    return TrackedFace(
        shape=fields.coefficients("shape", keep=SHAPE_DIM),
        expression=fields.coefficients("exp", keep=EXPRESSION_DIM),
        rotation=fields.axis_angle("head_pose"),
        neck=fields.axis_angle("neck_pose", "neck"),
        jaw=fields.array("jaw_pose", "jaw", shape=(3,)),
        perspective=head_to_camera(None, (rotation, camera[3:]), pinhole(intrinsics, size)),
        texture=_texture(fields, "tex"),
        lighting=fields.optional("light", shape=(9, 3)),
        notes=fields.notes,
    )


def _tracked_head(flame: Fields, camera: PerspectiveCamera) -> TrackedFace:
    """What metrical-tracker and Pixel3DMM, its descendant, write alike."""
    flame.leave_out("eyelids", "eyelids")
    flame.leave_out("eyes", "eyes")
    return TrackedFace(
        shape=flame.coefficients("shape", keep=SHAPE_DIM),
        expression=flame.coefficients("exp", keep=EXPRESSION_DIM),
        neck=axis_angle(flame.rotation("neck")) if flame.has("neck") else _no_rotation(),
        jaw=axis_angle(flame.rotation("jaw")),
        perspective=camera,
        texture=_texture(flame, "tex"),
        lighting=flame.optional("sh", shape=(9, 3)),
        notes=flame.notes,
    )


def _head_motion(flame: Fields) -> Motion | None:
    """How the head is turned about the origin and moved, where the file says so."""
    if not flame.has("R", "R_rotation_matrix"):
        return None
    return flame.rotation("R_rotation_matrix", "R"), flame.array("t", shape=(3,))


def _image_size(fields: Fields) -> np.ndarray:
    """Height and width in pixels, from two numbers or one."""
    return np.broadcast_to(fields.array("img_size", shape=(None,)), 2)


def _texture(fields: Fields, *names: str) -> np.ndarray | None:
    return fields.coefficients(*names, keep=TEXTURE_DIM) if fields.has(*names) else None
