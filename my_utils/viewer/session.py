"""What a person does with one face, without the page: draw, undo, load and save it."""

import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from model.camera import center_head
from model.flame import FlameParams
from my_utils.errors import UserError
from my_utils.faces.named_factors import load_named_expressions
from my_utils.faces.params_file import load_params, save_params
from my_utils.faces.sampling import random_params
from my_utils.faces.synthesizer import Faces, FaceSynthesizer
from my_utils.files.image_codec import encode_png
from my_utils.files.images import to_uint8
from my_utils.runs.person import OWN_STYLE
from my_utils.untrusted.text import shown
from my_utils.viewer.state import History, ViewerState


class Drawing(NamedTuple):
    """A state as pictures and a mesh."""

    faces: Faces  # one row
    vertices: np.ndarray  # [V, 3] metres

    def pixels(self) -> np.ndarray:
        """The generated face: uint8 [R, R, 3]."""
        return to_uint8(self.faces.image[0])


class Session:
    """One face with its history, starting from a person's photograph or the mean face."""

    def __init__(
        self,
        synthesizer: FaceSynthesizer,
        scenes: FlameParams,  # the data set's faces, which lend their light
        *,
        truncation: float = 1.0,
    ) -> None:
        self._synthesizer, self._scenes = synthesizer, scenes
        self._flame = synthesizer.renderer.flame
        self.expressions = load_named_expressions(synthesizer.resources.paths.named_expressions)
        self._people = 0
        self._loaded: tuple[FlameParams, list[int]] = (scenes[:0], [])
        start, style = synthesizer.default_face(), synthesizer.default_style
        self.start = self._framed(start, style, truncation)
        self.history = History(self.start)

    @property
    def state(self) -> ViewerState:
        return self.history.state

    @property
    def has_photograph(self) -> bool:
        """Whether the face at the start is that of a person's photograph."""
        return self._synthesizer.person is not None

    @property
    def film_note(self) -> str:
        """What a film says about itself."""
        return self._synthesizer.note()

    @property
    def can_truncate(self) -> bool:
        """Whether the generator has a mean style: not where the style carries the parameters."""
        return self._synthesizer.config.condition != "vector"

    def mesh(self) -> tuple[np.ndarray, np.ndarray]:
        """Vertices [V, 3] in metres and triangles [F, 3] of the face as it is now."""
        vertices = self.state.pose(self._flame).vertices[0]
        return vertices.cpu().numpy(), self._flame.faces.cpu().numpy()

    def draw(self) -> Drawing:
        """Render and generate the face as it is now."""
        face, values = self.state.pose(self._flame), self.state.values
        faces = self._synthesizer(
            face.params,
            [int(values["Style seed"])],
            truncation_psi=values["Truncation"],
            neck=face.neck,
            eyes=face.eyes,
        )
        return Drawing(faces, face.vertices[0].cpu().numpy())

    def new_person(self) -> None:
        """Go on to the next random person: the first is seed 1 of generate_random_samples.py."""
        self._people += 1
        person = random_params([self._people], self._scenes)
        truncation = self.state.values["Truncation"]
        self.history.set(self._framed(person, self._people, truncation))

    def reset(self) -> None:
        """Go back to the face at the start; this can be undone."""
        self.history.set(self.start)

    def load(self, name: str, content: bytes) -> int:
        """Show the first face of an uploaded params.npz; returns how many it holds.

        UserError, with everything as it was, where it is no such file.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "params.npz"
            path.write_bytes(content)
            try:
                params, seeds = load_params(path)
            except UserError as error:
                raise UserError(str(error).replace(str(path), shown(name))) from error
        self._loaded = params, seeds
        self.show_loaded(1)
        return len(seeds)

    def show_loaded(self, number: int) -> None:
        """Show a face of the loaded file, counted from 1, with its own camera."""
        params, seeds = self._loaded
        if number not in range(1, len(seeds) + 1):
            raise UserError(f"there is no face {number} in the file that was loaded")
        truncation = self.state.values["Truncation"]
        row, seed = params[int(number) - 1], seeds[int(number) - 1]
        self._synthesizer.check_styles([seed])
        state = self._state(row, seed, truncation, center_eyes=False)
        self.history.set(state)

    def params_file(self) -> bytes:
        """The face as a params.npz, with neck and eyes at rest."""
        params = self.state.at_rest().pose(self._flame).params
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "params.npz"
            save_params(path, params, [int(self.state.values["Style seed"])])
            return path.read_bytes()

    def picture_file(self) -> bytes:
        """The generated face as a PNG."""
        drawing = self.draw()
        return encode_png(drawing.pixels(), note=self._synthesizer.note(drawing.faces.params))

    def _framed(self, params: FlameParams, seed: int, truncation: float) -> ViewerState:
        params = self._synthesizer.framed(params.to(self._synthesizer.device))
        off_center = params.camera - center_head(params, self._flame).camera
        return self._state(params, seed, truncation, center_eyes=True, off_center=off_center)

    def _state(
        self, params: FlameParams, seed: int, truncation: float, **options: Any
    ) -> ViewerState:
        first_seed = OWN_STYLE if self.has_photograph else 0
        options |= {"expressions": self.expressions, "first_seed": first_seed}
        return ViewerState.of(params, seed, truncation=truncation, **options)
