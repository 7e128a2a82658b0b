import numpy as np
import pytest
from PIL import Image

from my_utils.errors import UserError
from my_utils.files.film import FilmWriter
from tests.support.script_runs import open_gif, open_mp4
from tests.support.sounds import write_sound


def moving_bar(count, height=48, width=64):
    """Frames with a green bar on orange, which moves one pixel at a time."""
    frames = np.empty((count, height, width, 3), np.uint8)
    frames[:] = (200, 120, 60)
    for number, frame in enumerate(frames):
        frame[:, number : number + 16] = (20, 200, 30)
    return frames


def write(path, frames, **options):
    with FilmWriter(path, **{"fps": 25, **options}) as film:
        for frame in frames:
            film.add(frame)


def test_an_mp4_shows_every_frame_in_its_colours(tmp_path):
    frames = moving_bar(30)
    write(tmp_path / "new" / "film.mp4", frames)
    about, decoded = open_mp4(tmp_path / "new" / "film.mp4")
    assert (about["codec"], about["fps"]) == ("h264", 25)
    assert about["pix_fmt"].startswith("yuv420p(tv, bt709")
    assert decoded.shape == frames.shape
    difference = np.abs(decoded.astype(int) - frames)
    assert difference.mean() < 4
    inside = difference[20, :, 40:]  # far from the bar, whose colour is stored coarsely
    assert inside.max() < 8


def test_an_odd_size_is_padded_with_white(tmp_path):
    write(tmp_path / "film.mp4", np.zeros((3, 47, 65, 3), np.uint8))
    _, decoded = open_mp4(tmp_path / "film.mp4")
    assert decoded.shape == (3, 48, 66, 3)
    assert decoded[0, 47, 60].min() > 200 and decoded[0, 20, 65].min() > 200
    assert decoded[0, :46, :64].max() < 40


def test_a_gif_keeps_frames_and_time(tmp_path):
    frames = moving_bar(30)
    write(tmp_path / "film.gif", [Image.fromarray(frame) for frame in frames], fps=30)
    decoded, durations = open_gif(tmp_path / "film.gif")
    assert np.array_equal(decoded, frames)
    assert set(durations) == {30, 40} and sum(durations) == 1000


def test_a_gif_of_smooth_surfaces_has_no_bands(tmp_path):
    y, x = np.mgrid[-1:1:128j, -1:1:128j]
    normals = np.stack([x, y, np.sqrt(2.1 - x * x - y * y)], axis=-1) / np.sqrt(2.1)
    frame = ((normals / 2 + 0.5) * 255).astype(np.uint8)
    write(tmp_path / "film.gif", [frame])
    (decoded,), _ = open_gif(tmp_path / "film.gif")
    # Seen from afar: means over 8 x 8 pixels.
    error = (decoded.astype(float) - frame).reshape(16, 8, 16, 8, 3).mean(axis=(1, 3))
    assert np.abs(error).mean() < 1  # 2 without dithering


def test_equal_frames_of_a_gif_are_one_that_lasts(tmp_path):
    write(tmp_path / "film.gif", moving_bar(1).repeat(5, axis=0))
    decoded, durations = open_gif(tmp_path / "film.gif")
    assert len(decoded) == 1 and sum(durations) == 200


@pytest.mark.parametrize("seconds", [0.3, 3])
def test_the_pictures_decide_how_long_a_film_with_sound_is(tmp_path, seconds):
    write_sound(tmp_path / "tone.wav", seconds)
    write(tmp_path / "film.mp4", moving_bar(30), audio=tmp_path / "tone.wav")
    about, decoded = open_mp4(tmp_path / "film.mp4")
    assert len(decoded) == 30
    assert about["audio_codec"] == "aac" and about["duration"] == pytest.approx(1.2, abs=0.1)


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("film.avi", {}, "a film ends in .mp4 or .gif"),
        ("film.mp4", {"fps": 0}, "pass a number above 0"),
        ("film.gif", {"fps": 60}, "at most 50 frames"),
        ("film.mp4", {"audio": "absent.wav"}, "absent.wav does not exist"),
        ("film.gif", {"audio": __file__}, "a GIF has no sound"),
        ("film.mp4", {"audio": __file__}, "ffmpeg cannot make this film: .*Invalid data"),
    ],
)
def test_what_a_format_cannot_have_is_a_sentence(tmp_path, name, options, sentence):
    with pytest.raises(UserError, match=sentence):
        write(tmp_path / name, moving_bar(200), **options)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["film.mp4", "film.gif"])
def test_a_film_that_is_not_finished_does_not_appear(tmp_path, name):
    (tmp_path / name).write_bytes(b"older")
    with pytest.raises(UserError, match="a frame of 64 x 47 pixels does not fit"):
        write(tmp_path / name, [*moving_bar(40), moving_bar(1)[0, 1:]])
    with pytest.raises(KeyboardInterrupt), FilmWriter(tmp_path / name, fps=25) as film:
        for frame in moving_bar(40):
            film.add(frame)
        raise KeyboardInterrupt
    with pytest.raises(UserError, match="at least one frame"):
        write(tmp_path / name, [])
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"older"]


@pytest.mark.parametrize("ending", ["mp4", "gif"])
@pytest.mark.parametrize("sound", [False, True])
def test_a_note_is_the_films_comment(tmp_path, ending, sound):
    if sound and ending == "gif":
        pytest.skip("a GIF has no sound")
    path = tmp_path / f"film.{ending}"
    options = {"note": '{"generator": "0123"}'}
    if sound:
        write_sound(tmp_path / "sound.wav", 0.2)
        options["audio"] = tmp_path / "sound.wav"
    write(path, moving_bar(4), **options)
    assert b'generated by GIF: {"generator": "0123"}' in path.read_bytes()
    write(path, moving_bar(4))
    assert b"generated by GIF" not in path.read_bytes()
