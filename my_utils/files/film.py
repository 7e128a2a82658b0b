"""Films: frames go in one by one, and an .mp4 or .gif appears whole or not at all."""

import contextlib
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

import imageio_ffmpeg
import numpy as np
from PIL import Image

from my_utils.errors import UserError
from my_utils.files.atomic import atomic_path
from my_utils.files.image_codec import GENERATED

SUFFIXES = (".mp4", ".gif")
GIF_TICKS = 100  # per second, in which a GIF counts time
MAX_GIF_FPS = 50  # viewers show frames of a single tick slowly
CONSTANT_QUALITY = 18  # H.264's scale: 0 loses nothing, 23 is usual, 51 is worst
BT709 = "scale=out_color_matrix=bt709:out_range=tv"  # the colours that players expect
SOUNDS = "wav,w64,aiff,au,mp3,aac,flac,ogg,mov,matroska"  # ffmpeg's names of formats
MP4 = ("-movflags", "+faststart", "-f", "mp4")  # plays before it is loaded

AddFrame = Callable[[np.ndarray], object]


class FilmWriter:
    """Writes a film, in a `with` block that adds at least one frame.

    An .mp4 is H.264 in yuv420p, which every player and browser shows; odd sizes get a white line
    at the right or the bottom. A .gif repeats for ever.

    Args:
        path: the film; its folder is made. After an error no film is there.
        fps: frames per second.
        audio: sound track of an .mp4; what is longer than the film is cut off.
        note: what the film says about itself, in its comment.

    Raises:
        UserError: another ending than .mp4 or .gif, a rate or a sound that the format cannot have,
            no frame, frames of different sizes, or a film that ffmpeg cannot write.
    """

    def __init__(self, path: Path, *, fps: float, audio: Path | None = None, note: str = ""):
        self.path, self.fps, self.audio = Path(path), fps, audio
        self.comment = f"{GENERATED}: {note}" if note else ""
        suffix = self.path.suffix.lower()
        if suffix not in SUFFIXES:
            raise UserError(f"cannot write {path}: a film ends in {' or '.join(SUFFIXES)}")
        self.is_gif = suffix == ".gif"
        if not fps > 0:
            raise UserError(f"{fps} frames per second make no film: pass a number above 0")
        if self.is_gif and fps > MAX_GIF_FPS:
            raise UserError(f"{path}: a GIF shows at most {MAX_GIF_FPS} frames per second")
        if self.is_gif and audio:
            raise UserError(f"{path}: a GIF has no sound, write an .mp4")
        if audio and not Path(audio).is_file():
            raise UserError(f"the sound track {audio} does not exist")
        if audio:  # heard before anything is drawn
            _run_ffmpeg(*_sound(audio), "-map", "0:a:0", "-t", 1, "-f", "null", "-")

    def __enter__(self) -> "FilmWriter":
        self._shape: tuple[int, ...] | None = None
        self._files = contextlib.ExitStack()
        return self

    def add(
        self,
        frame: Image.Image | np.ndarray,  # an array is uint8 [H, W, 3]
    ) -> None:
        """Append a frame."""
        pixels = np.asarray(frame.convert("RGB") if isinstance(frame, Image.Image) else frame)
        if self._shape is None:
            self._shape = pixels.shape
            self._write = self._files.enter_context(self._open(pixels.shape[1], pixels.shape[0]))
        if pixels.shape != self._shape:
            raise UserError(
                f"{self.path}: a frame of {pixels.shape[1]} x {pixels.shape[0]} pixels does not "
                f"fit the first one of {self._shape[1]} x {self._shape[0]}"
            )
        self._write(pixels)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._files.__exit__(kind, error, trace)
        if error is None and self._shape is None:
            raise UserError(f"{self.path} was not written: a film needs at least one frame")

    @contextlib.contextmanager
    def _open(self, width: int, height: int) -> Iterator[AddFrame]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(self.path) as temporary:
            if self.is_gif:
                encoder = _gif(temporary, self.fps, self.comment)
            else:
                encoder = _mp4(temporary, (width, height), self.fps, self.audio, self.comment)
            with encoder as write:
                yield write


@contextlib.contextmanager
def _gif(path: Path, fps: float, comment: str) -> Iterator[AddFrame]:
    frames = []  # with a palette each, a third of the memory

    def write(pixels: np.ndarray) -> None:
        # Dithered, else smooth surfaces such as normal maps show bands.
        frame = Image.fromarray(pixels)
        palette = frame.quantize(method=Image.Quantize.MEDIANCUT)
        frames.append(frame.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG))

    yield write
    # Rounding the times instead of the durations keeps a long film from running fast or slow.
    ticks = np.round(np.arange(len(frames) + 1) * GIF_TICKS / fps)
    milliseconds = np.diff(ticks) * 1000 / GIF_TICKS
    frames[0].save(
        path,
        format="GIF",
        save_all=True,
        append_images=frames[1:],
        duration=milliseconds.astype(int).tolist(),
        loop=0,
        comment=comment.encode(),
    )


@contextlib.contextmanager
def _mp4(
    path: Path, size: tuple[int, int], fps: float, audio: Path | None, comment: str
) -> Iterator[AddFrame]:
    count = 0

    def write(pixels: np.ndarray) -> None:
        nonlocal count
        write_pixels(pixels)
        count += 1

    with tempfile.TemporaryDirectory() as folder:
        silent = Path(folder) / "silent.mp4" if audio else path
        with _h264(silent, size, fps, comment) as write_pixels:
            yield write
        if audio:  # silence after the sound, so that the pictures decide when the film ends
            streams = ["-i", silent, *_sound(audio), "-map", "0:v", "-map", "1:a:0"]
            _run_ffmpeg(*streams, "-c:v", "copy", "-af", "apad", "-t", count / fps, *MP4, path)


@contextlib.contextmanager
def _h264(path: Path, size: tuple[int, int], fps: float, comment: str) -> Iterator[AddFrame]:
    """Pictures alone, without sound."""
    # ffmpeg is run here and not by imageio_ffmpeg.write_frames, which ignores how it ends.
    frames = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "{}x{}".format(*size), "-r", fps]
    even = f"pad=ceil(iw/2)*2:ceil(ih/2)*2:color=white,{BT709},format=yuv420p"
    coded = ["-vf", even, "-c:v", "libx264", "-crf", CONSTANT_QUALITY]
    said = ["-metadata", f"comment={comment}"] if comment else []
    command = _ffmpeg(*frames, "-i", "-", *coded, *said, *MP4, path)
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=log)

        def finish() -> None:
            process.communicate()
            log.seek(0)
            _check_ffmpeg(process.returncode, log.read())

        def write(pixels: np.ndarray) -> None:
            assert process.stdin is not None  # it is a pipe
            try:
                process.stdin.write(np.ascontiguousarray(pixels).data)
            except BrokenPipeError:
                finish()

        try:
            yield write
            finish()
        finally:
            process.kill()
            process.communicate()


def read_film(path: Path) -> tuple[float, Iterator[np.ndarray]]:
    """Frames per second of a film, and its frames one by one, uint8 [H, W, 3].

    Raises:
        UserError: (at once or from the frames) it is no film that ffmpeg can read.
    """
    if not Path(path).is_file():
        raise UserError(f"the film {path} does not exist")
    options = {"input_params": ["-protocol_whitelist", "file"]}  # not a playlist of other files
    try:
        reader = imageio_ffmpeg.read_frames(str(path), **options)
        facts = next(reader)
    except (OSError, RuntimeError, StopIteration) as error:
        raise UserError(f"{path} is not a film that ffmpeg can read") from error
    width, height = facts["size"]
    frames = (np.frombuffer(frame, np.uint8).reshape(height, width, 3) for frame in reader)
    return float(facts["fps"]), frames


def _sound(path: Path) -> list[object]:
    """A sound track as an input of ffmpeg, which otherwise follows a playlist to any file."""
    return ["-protocol_whitelist", "file", "-format_whitelist", SOUNDS, "-i", f"file:{path}"]


def _run_ffmpeg(*words: object) -> None:
    done = subprocess.run(_ffmpeg(*words), capture_output=True, text=True)
    _check_ffmpeg(done.returncode, done.stderr)


def _ffmpeg(*words: object) -> list[str]:
    return [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *map(str, words)]


def _check_ffmpeg(status: int, log: str) -> None:
    if status:
        raise UserError(f"ffmpeg cannot make this film: {' '.join(log.split())}")
