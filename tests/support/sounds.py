"""Sound files for films."""

import wave

import numpy as np


def write_sound(path, seconds):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        tone = 9000 * np.sin(np.arange(8000 * seconds) / 5)
        file.writeframes(tone.astype("<i2").tobytes())
