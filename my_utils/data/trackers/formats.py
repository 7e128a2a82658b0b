"""What face trackers write, one small reader per tool: the fields of a file become `TrackedFace`s.

The tools write different containers, spellings and cameras, and most numbers carry no unit. Where
a convention is not in the file, docs/converters.md names the line of the tool's source it is from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.spatial.transform import Rotation

from constants import EXPRESSION_DIM, SHAPE_DIM, TEXTURE_DIM
from my_utils.data.trackers.cameras import (
    FLIP,
    PerspectiveCamera,
    axis_angle,
    opencv_camera,
    opengl_camera,
    pinhole,
    rotation_6d_to_matrix,
    rotation_matrix,
)
from my_utils.data.trackers.light import turned_light
from my_utils.untrusted.fields import as_numbers, float_field

LIGHT_NAMES = ("light", "lightcode", "lit")
PHOTOMETRIC_NAMES = ("texture", "mesh_rendered", "neck_pose")  # that this mode alone writes


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
    """DECA's dictionary of codes, and EMOCA's and EMICA's, also written as one file per code."""
    if fields.has("verts", "trans_verts") and not fields.has("shape", "shapecode"):
        raise ValueError(
            "it holds vertices and no codes, as DECA's --saveMat writes it: save the codes that "
            "its encoder gives"
        )
    if fields.has("globalpose"):  # EMICA, of inferno
        rotation, jaw = fields.axis_angle("globalpose"), fields.axis_angle("jawpose")
    else:
        rotation, jaw = np.split(fields.array("pose", "posecode", shape=(6,)), 2)
    fields.leave_out("details of the surface", "detail", "detailcode")
    return TrackedFace(
        shape=fields.coefficients("shape", "shapecode", keep=SHAPE_DIM),
        expression=fields.coefficients("exp", "expcode", keep=EXPRESSION_DIM),
        rotation=rotation,
        jaw=jaw,
        crop_camera=fields.optional("cam", shape=(3,)),
        texture=_texture(fields, "tex", "texcode"),
        lighting=fields.optional(*LIGHT_NAMES, shape=(9, 3)),
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
        texture=_texture(fields, "tex", "texcode"),
        lighting=fields.optional(*LIGHT_NAMES, shape=(9, 3)),
        notes=fields.notes,
    )


def read_mica(fields: Fields) -> TrackedFace:
    return TrackedFace(
        shape=fields.coefficients("identity", "shape", keep=SHAPE_DIM),
        expression=np.zeros(EXPRESSION_DIM),
        notes=["filled in: neutral expression and pose", *fields.notes],
    )


def read_metrical_tracker(fields: Fields) -> TrackedFace:
    """The head never turns, the camera goes around it: so light is in the head's axes."""
    flame, camera = fields.group("flame"), fields.group("opencv")
    world = (camera.rotation("R"), camera.array("t", shape=(3,)))
    intrinsics = camera.array("K", shape=(3, 3))
    size = _image_size(fields) if fields.has("img_size") else 2 * intrinsics[[1, 0], 2]
    return _tracked_head(flame, opencv_camera(None, world, pinhole(intrinsics, size)))


def read_pixel3dmm(fields: Fields) -> TrackedFace:
    flame, camera = fields.group("flame"), fields.group("camera")
    cameras = [name[7:] for name in camera.values if str(name).startswith("R_base_")]
    if len(cameras) != 1:
        raise ValueError(f"it has {len(cameras)} cameras 'R_base_...' instead of one")
    world = (
        camera.rotation(f"R_base_{cameras[0]}"),
        camera.array(f"t_base_{cameras[0]}", shape=(3,)),
    )
    head = (flame.rotation("R_rotation_matrix", "R"), flame.array("t", shape=(3,)))
    height, width = size = _image_size(fields)
    focal, centre = camera.array("fl", shape=()), camera.array("pp", shape=(2,))
    intrinsics = np.array(  # the focal length is in widths, the centre in half sides
        [
            [focal * width, 0, (1 + centre[0]) * width / 2],
            [0, focal * width, (1 + centre[1]) * height / 2],
            [0, 0, 1],
        ]
    )
    return _tracked_head(flame, opengl_camera(head, world, pinhole(intrinsics, size)))


def read_vhap(fields: Fields) -> TrackedFace:
    """VHAP's parameters of one time step, with the camera of its NeRF export or its own."""
    fields.leave_out("eyes", "eyes_pose", "eyes")
    fields.leave_out("offsets of single vertices", "static_offset", "dynamic_offset")
    light = fields.optional("lights", shape=(9, 3))
    perspective = None
    if fields.has("transform_matrix"):
        perspective = _exported_camera(fields)
    elif fields.has("focal_length"):
        perspective = _camera_at_one(fields)
    elif light is not None:  # of a calibrated rig, whose cameras are elsewhere
        fields.notes.append("left out: light, which is in the axes of the cameras' rig")
        light = None
    return TrackedFace(
        shape=fields.coefficients("shape", keep=SHAPE_DIM),
        expression=fields.coefficients("expr", "exp", keep=EXPRESSION_DIM),
        rotation=fields.array("rotation", shape=(3,)),
        neck=fields.axis_angle("neck_pose", "neck"),
        jaw=fields.array("jaw_pose", "jaw", shape=(3,)),
        perspective=perspective,
        texture=_texture(fields, "tex"),
        lighting=light,
        notes=fields.notes,
    )


def _exported_camera(fields: Fields) -> PerspectiveCamera:
    """The camera of a frame of the NeRF export, whose `cy` counts from below."""
    world = np.linalg.inv(fields.array("transform_matrix", shape=(4, 4)))
    (fx, fy, cx, cy, width, height) = (
        float(fields.array(name, shape=())) for name in ("fl_x", "fl_y", "cx", "cy", "w", "h")
    )
    return opengl_camera(
        (np.eye(3), fields.array("translation", shape=(3,))),
        (checked_rotation(world[:3, :3], "transform_matrix"), world[:3, 3]),
        pinhole(np.array([[fx, 0, cx], [0, fy, height - cy], [0, 0, 1]]), (height, width)),
    )


def _camera_at_one(fields: Fields) -> PerspectiveCamera:
    """The camera of a video without calibration, which stands still at z = 1."""
    height, width = size = fields.array("image_size", shape=(2,))
    focal = float(fields.array("focal_length", shape=())) * max(size)
    return opengl_camera(
        (np.eye(3), fields.array("translation", shape=(3,))),
        (np.eye(3), np.array([0, 0, -1])),
        pinhole(np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]]), size),
    )


def read_flame_head_tracker(fields: Fields) -> TrackedFace:
    fields.leave_out("eyes", "eye_pose", "eye")
    camera = fields.array("cam", shape=(6,))
    yaw, pitch, roll = camera[:3]
    if np.abs(camera[:3]).max() > np.float32(np.pi):  # which is a little more
        raise ValueError("the angles in 'cam' are not radians")
    to_world = Rotation.from_euler("ZYX", [roll, yaw, pitch]).as_matrix()
    world = (to_world.T, -to_world.T @ camera[3:])
    if fields.has("K"):
        intrinsics = fields.array("K", shape=(3, 3))
        size = 2 * intrinsics[[1, 0], 2]
    else:
        focal = 1 / np.tan(np.deg2rad(_field_of_view(fields)) / 2)
        intrinsics, size = np.array([[focal, 0, 1], [0, focal, 1], [0, 0, 1]]), np.array([2, 2])
    if fields.has("pose"):  # before version 3.4
        rotation, jaw = np.split(fields.array("pose", shape=(6,)), 2)
    else:
        rotation, jaw = fields.axis_angle("head_pose"), fields.array("jaw_pose", shape=(3,))
    perspective = opengl_camera(None, world, pinhole(intrinsics, size))
    light = fields.optional("light", shape=(9, 3))
    if light is not None and fields.has(*PHOTOMETRIC_NAMES):
        light = turned_light(light, FLIP @ perspective.rotation)
    return TrackedFace(
        shape=fields.coefficients("shape", keep=SHAPE_DIM),
        expression=fields.coefficients("exp", keep=EXPRESSION_DIM),
        rotation=rotation,
        neck=fields.axis_angle("neck_pose", "neck"),
        jaw=jaw,
        perspective=perspective,
        texture=_texture(fields, "tex"),
        lighting=light,
        notes=fields.notes,
    )


def _field_of_view(fields: Fields) -> float:
    """In degrees; files before version 3.5 do not tell it."""
    if fields.has("fov"):
        return float(fields.array("fov", shape=()))
    fields.notes.append("filled in: field of view of 20 degrees, the tool's default")
    return 20.0


def _tracked_head(flame: Fields, camera: PerspectiveCamera) -> TrackedFace:
    """What metrical-tracker and Pixel3DMM, its descendant, write alike."""
    flame.leave_out("eyelids", "eyelids")
    flame.leave_out("eyes", "eyes")
    light = flame.optional("sh", shape=(9, 3))
    return TrackedFace(
        shape=flame.coefficients("shape", keep=SHAPE_DIM),
        expression=flame.coefficients("exp", keep=EXPRESSION_DIM),
        neck=axis_angle(flame.rotation("neck")) if flame.has("neck") else _no_rotation(),
        jaw=axis_angle(flame.rotation("jaw")),
        perspective=camera,
        texture=_texture(flame, "tex"),
        lighting=None if light is None else turned_light(light, FLIP @ camera.rotation),
        notes=flame.notes,
    )


def _image_size(fields: Fields) -> np.ndarray:
    """Height and width in pixels, from two numbers or one."""
    return np.broadcast_to(fields.array("img_size", shape=(None,)), 2)


def _texture(fields: Fields, *names: str) -> np.ndarray | None:
    return fields.coefficients(*names, keep=TEXTURE_DIM) if fields.has(*names) else None
