"""The viewer's page in one browser tab: sliders, buttons, pictures and the mesh in 3D."""

import contextlib
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import viser

from my_utils.errors import UserError
from my_utils.faces.sliders import (
    NECK_AND_EYES,
    SLIDERS,
    STYLE_AND_CAMERA,
    Slider,
    expression_sliders,
)
from my_utils.files.film import FilmWriter
from my_utils.viewer.loop import PageLoop
from my_utils.viewer.pictures import PICTURE_SIZE, enlarge, side_by_side
from my_utils.viewer.session import Drawing, Session
from my_utils.viewer.state import ViewerState

Action = Callable[[], object]

FILM_FPS = 12  # about as many pictures as a CPU draws in a second
OPEN_FOLDERS = ("Head pose (degrees)", "Light", "Style and camera")
MESH_COLOUR = (170, 165, 160)
LABEL_HEIGHT = 0.16  # metres, above any head
JPEG = {"format": "jpeg", "jpeg_quality": 95}  # a PNG of this size takes 25 ms to write
BLANK = np.full((PICTURE_SIZE, PICTURE_SIZE, 3), 255, np.uint8)
NAMED_EXPRESSIONS = "Named expressions (amount)"
RENDERINGS = "Its textured rendering and its normal map"
HELP = (
    "Each slider moves one parameter of the face. Letters in brackets are shortcuts; **Tab** goes "
    "from number to number, the **up and down arrows** change it. Drag the mesh to turn it."
)
NOT_SAVED = "*These two are drawn, but the parameters of GIF do not hold them: they are not saved.*"
RECORD = "Record a film (F)"
FILM_HELP = "*A film shows every picture that is drawn from now on; pauses are left out.*"


class Page:
    """The widgets of one person; everything runs on the loop's thread.

    What a browser sends is checked by the session, whatever its widgets allow.
    """

    def __init__(
        self, client: viser.ClientHandle, session: Session, loop: PageLoop, *, films: Path
    ) -> None:
        self._client, self._gui, self._session, self._loop = client, client.gui, session, loop
        self._films, self._recording = films, contextlib.ExitStack()
        self._film: FilmWriter | None = None
        self._drawn: ViewerState | None = None
        self._drawing: Drawing | None = None
        self._is_phone = client.camera.aspect < 1  # upright: no room for a panel at the left
        self._build_mesh()
        self._build_controls()
        if self._is_phone:
            self._build_pictures_of_phone()
        else:
            self._build_pictures()
        self._must_move_widgets = True
        loop.post(self, lambda: None)  # after which it draws

    def do(self, action: Action) -> None:
        """Do it, and say on the page where it does not work."""
        try:
            action()
        except UserError as error:
            self._say(str(error))
        except Exception:
            self._say("The viewer failed at this: it says why where it was started.")
            raise

    def draw(self) -> None:
        """Show the state, if it has changed since the last time."""
        if self._must_move_widgets:
            self._must_move_widgets = False
            self._show_values()
        if self._session.state is self._drawn:
            return
        self._drawn = self._session.state
        before, self._drawing = self._drawing, self._session.draw()
        faces = self._drawing.faces
        self._face_view.image = enlarge(faces.image[0])
        self._client.flush()
        if before is None or faces.render is not before.faces.render:
            self._renderings_view.image = side_by_side(faces.render[0], faces.normal_map[0])
            self._mesh.vertices = self._drawing.vertices
            self._client.flush()
        if self._film:
            self._add_to_film(self._film)

    def close(self) -> None:
        """The tab is gone: finish its film."""
        self._film = None
        self._recording.close()

    def _say(self, sentence: str) -> None:
        self._client.add_notification("This did not work", sentence, color="red")

    # --- what a person asks for, beyond the session -------------------------------------------

    def _show_values(self) -> None:
        """Move the widgets to the values of the state."""
        values = self._session.state.values
        for slider, handle in self._sliders:
            handle.value = float(np.clip(values[slider.name], slider.low, slider.high))
        self._seed.value = values["Style seed"]
        self._center_eyes.value = values["Centre eyes"]

    def _load(self, file: viser.UploadedFile) -> None:
        count = self._session.load(file.name, file.content)
        self._loaded_face.max, self._loaded_face.value = count, 1
        self._loaded_face.visible = count > 1

    def _look_from_the_front(self) -> None:
        """Of use too after an arrow key on a slider, which viser takes for turning the mesh."""
        camera = self._client.camera
        camera.up_direction, camera.fov = (0, 1, 0), np.deg2rad(30)
        # On a phone the face is beside the mesh, and the controls cover what is below.
        x, y, distance = (-0.12, -0.24, 1.8) if self._is_phone else (0, -0.02, 0.75)
        camera.position, camera.look_at = (x, y, distance), (x, y, 0)

    def _download(self, name: str, content: Callable[[], bytes]) -> None:
        self._client.send_file_download(name, content(), save_immediately=True)

    def _start_or_stop_film(self) -> None:
        if self._film is None:
            self.draw()
            assert self._drawing is not None  # it is drawn now
            name = f"film-{datetime.now():%Y-%m-%d-%H-%M-%S}-{self._client.client_id}.mp4"
            writer = FilmWriter(self._films / name, fps=FILM_FPS, note=self._session.film_note)
            self._film = self._recording.enter_context(writer)
            self._add_to_film(self._film)
            self._film_button.label, self._film_button.color = "Stop the film (F)", "red"
        else:
            film, self._film = self._film, None
            self._film_button.label, self._film_button.color = RECORD, None
            self._recording.close()
            self._download(film.path.name, film.path.read_bytes)

    def _add_to_film(self, film: FilmWriter) -> None:
        """The newest picture; a film that fails ends, as on a full disk."""
        assert self._drawing is not None  # something is drawn before it is filmed
        try:
            film.add(self._drawing.pixels())
        except Exception:
            self._film, self._recording = None, contextlib.ExitStack()
            self._film_button.label, self._film_button.color = RECORD, None
            raise

    # --- building -----------------------------------------------------------------------------

    def _build_mesh(self) -> None:
        vertices, faces = self._session.mesh()
        self._mesh = self._client.scene.add_mesh_simple("/mesh", vertices, faces, color=MESH_COLOUR)
        self._add_label("Mesh (drag to turn)", 0)
        self._look_from_the_front()

    def _build_pictures(self) -> None:
        """In a panel at the left."""
        panel = self._gui.add_panel()
        with panel.add_tab("Pictures"):
            self._face_view = self._gui.add_image(BLANK, label="Generated face", **JPEG)
            self._renderings_view = self._gui.add_image(BLANK, label=RENDERINGS, **JPEG)
        panel.dock_left()
        panel.set_width(PICTURE_SIZE + 24)

    def _build_pictures_of_phone(self) -> None:
        """The face beside the mesh, above the controls, so that it stays in sight."""
        self._face_view = self._client.scene.add_image(
            "/face", BLANK, 0.25, 0.25, wxyz=(0, 1, 0, 0), position=(-0.24, 0, 0), **JPEG
        )
        self._add_label("Generated face", -0.24)
        self._renderings_view = self._gui.add_image(BLANK, label=RENDERINGS, **JPEG)

    def _add_label(self, text: str, x: float) -> None:
        position = (x, LABEL_HEIGHT, 0)
        self._client.scene.add_label(f"/{text}", text, position=position, anchor="bottom-center")

    def _build_controls(self) -> None:
        gui, session = self._gui, self._session
        gui.main_panel.dock_right()
        gui.main_panel.set_width(360)
        gui.add_markdown(HELP)
        self._add_button("New person", "N", session.new_person)
        back = "Back to the photograph" if session.has_photograph else "Reset"
        steps = {"Undo": ("Z", session.history.undo), "Redo": ("Y", session.history.redo)}
        self._add_button_group("Step", steps | {back: ("R", session.reset)})
        self._add_button_group("Mesh", {"From the front": ("V", self._look_from_the_front)})
        self._sliders: list[tuple[Slider, viser.GuiSliderHandle]] = []
        named = expression_sliders(session.expressions)
        for folder, sliders in [*SLIDERS.items(), (NAMED_EXPRESSIONS, named)]:
            if not sliders:
                continue
            with gui.add_folder(folder, expand_by_default=folder in OPEN_FOLDERS):
                if folder == NECK_AND_EYES:
                    gui.add_markdown(NOT_SAVED)
                if folder == STYLE_AND_CAMERA:
                    self._build_style()
                for slider in sliders:
                    if slider.name != "Truncation" or session.can_truncate:
                        self._add_slider(slider)
        with gui.add_folder("Files"):
            self._build_files()

    def _build_files(self) -> None:
        gui, session = self._gui, self._session
        picture = partial(self._download, "face.png", session.picture_file)
        parameters = partial(self._download, "params.npz", session.params_file)
        save = {"Picture": ("P", picture), "Parameters": ("X", parameters)}
        self._add_button_group("Save", save)
        upload = gui.add_upload_button("Load parameters (.npz)", mime_type=".npz")
        self._when(upload.on_upload, self._and_show(self._load))
        self._loaded_face = gui.add_slider("Face in the file", 1, 1, 1, 1, visible=False)
        self._when(self._loaded_face.on_update, self._and_show(session.show_loaded))
        self._film_button = self._add_button("Record a film", "F", self._start_or_stop_film)
        gui.add_markdown(FILM_HELP)

    def _build_style(self) -> None:
        session = self._session
        self._seed = self._gui.add_number(
            "Style seed",
            session.start.values["Style seed"],
            min=session.start.first_seed,
            step=1,
            hint="decides what the mesh does not: hair, background; -1 is a photograph's own",
        )
        self._change_with("Style seed", self._seed)
        self._center_eyes = self._gui.add_checkbox(
            "Centre eyes", True, hint="the camera follows the eyes, as in the training photographs"
        )
        self._change_with("Centre eyes", self._center_eyes)

    def _add_slider(self, slider: Slider) -> None:
        # It starts at its low end, whose digits decide how many viser shows of any value.
        handle = self._gui.add_slider(
            slider.name, slider.low, slider.high, slider.step, slider.low, hint=slider.hint
        )
        self._sliders.append((slider, handle))
        self._change_with(slider.name, handle)

    def _change_with(self, name: str, handle: viser.GuiInputHandle) -> None:
        self._when(handle.on_update, partial(self._session.history.change, name))

    def _add_button(self, label: str, key: str, action: Action) -> viser.GuiButtonHandle:
        button = self._gui.add_button(f"{label} ({key})")
        self._when(button.on_click, self._and_show(lambda _: action()))
        self._add_shortcut(label, key, action)
        return button

    def _add_button_group(self, label: str, actions: Mapping[str, tuple[str, Action]]) -> None:
        captions = {f"{name} ({key})": action for name, (key, action) in actions.items()}
        group = self._gui.add_button_group(label, tuple(captions))
        self._when(group.on_click, self._and_show(partial(self._choose, captions)))
        for name, (key, action) in actions.items():
            self._add_shortcut(name, key, action)

    def _add_shortcut(self, label: str, key: str, action: Action) -> None:
        command = self._gui.add_command(label, hotkey=key)
        self._when(command.on_trigger, self._and_show(lambda _: action()))

    def _choose(self, actions: Mapping[str, Action], caption: object) -> None:
        if caption not in actions:
            raise UserError("there is no such button")
        actions[str(caption)]()

    def _and_show(self, action: Callable[[Any], object]) -> Callable[[Any], object]:
        """The action, after which the widgets move to its result.

        Not after moving a slider: the hand may already be further.
        """

        def do(value: object) -> None:
            action(value)
            self._must_move_widgets = True

        return do

    def _when(self, register: Callable, action: Callable[[Any], object]) -> None:
        """Have the loop do it with the widget's value. Being async keeps events in order."""

        async def post(event: viser.GuiEvent) -> None:
            if event.client_id is not None:  # else the page itself has set the value
                value = getattr(event.target, "value", None)
                self._loop.post(self, partial(action, value))

        register(post)
