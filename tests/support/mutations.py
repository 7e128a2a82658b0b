"""Files that are almost as they should be: what Hypothesis draws them from."""

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Sequence

from hypothesis import strategies as st

NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 2**15, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63, 2**64 - 1)
WORDS = (
    *("-1", "0", "1e999", "NaN", "9" * 30, "1.5", "null", "true", "[]", "{}", '""', "", " "),
    *("../a", "/etc/passwd", "=1", "\0", "\n", '"', ",", "\\", "<b>", "\ud800", "²", "é"),
)
TOKEN = re.compile(rb"[\w.+-]+")
PNG_START = b"\x89PNG\r\n\x1a\n"


class Donors:
    """Files that parts are taken from, without showing them all where a test fails."""

    def __init__(self, files: Sequence[bytes]):
        self.strategy = st.integers(0, len(files) - 1).map(lambda number: files[number])


@st.composite
def almost(draw, whole: bytes, donors: Donors) -> bytes:
    """A file with one to four changes, and sometimes any bytes instead.

    A change may be inside a member of an archive or a chunk of a PNG, whose checksums then fit
    again: else nothing behind them would ever be read.
    """
    if draw(st.integers(0, 19)) == 0:
        return draw(st.binary(max_size=200))
    content = whole
    for _ in range(draw(st.integers(1, 4))):
        if content.startswith(b"PK") and draw(st.booleans()):
            content = draw(_changed_archive(content, donors))
        elif content.startswith(PNG_START) and draw(st.booleans()):
            content = draw(_changed_png(content, donors))
        else:
            content = draw(_changed(content, donors))
    return content


@st.composite
def _changed(draw, content: bytes, donors: Donors) -> bytes:
    start = draw(st.integers(0, len(content)))
    end = min(len(content), start + draw(st.sampled_from((1, 2, 4, 8, 40, 1000))))
    kind = draw(st.sampled_from(("bit", "number", "cut", "drop", "repeat", "splice", "word")))
    if kind == "bit" and start < len(content):
        flipped = content[start] ^ (1 << draw(st.integers(0, 7)))
        return content[:start] + bytes([flipped]) + content[start + 1 :]
    if kind == "number":
        size = draw(st.sampled_from((1, 2, 4, 8)))
        number = draw(st.sampled_from(NUMBERS)) % 256**size
        number = number.to_bytes(size, draw(st.sampled_from(("little", "big"))))
        return content[:start] + number + content[start + size :]
    if kind == "cut":
        return content[:start]
    if kind == "drop":
        return content[:start] + content[end:]
    if kind == "repeat":
        return content[:end] + content[start:end] * draw(st.integers(1, 50)) + content[end:]
    if kind == "splice":
        donor = draw(donors.strategy) if draw(st.booleans()) else content
        place = draw(st.integers(0, len(donor)))
        return content[:start] + donor[place : place + 1000] + content[end:]
    if token := TOKEN.search(content, start):
        word = draw(st.sampled_from(WORDS)).encode("utf-8", "surrogatepass")
        return content[: token.start()] + word + content[token.end() :]
    return content


@st.composite
def _changed_archive(draw, content: bytes, donors: Donors) -> bytes:
    """The archive with one member changed, so that all checksums fit."""
    file = io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w") as new:
            members = old.infolist()
            chosen = draw(st.sampled_from(members)) if members else None
            for member in members:
                data = old.read(member)
                if member is chosen:
                    data = draw(_changed(data, donors))
                new.writestr(member.filename, data, member.compress_type)
    except Exception:  # noqa: BLE001 - it is broken by an earlier change
        return content
    return file.getvalue()


@st.composite
def _changed_png(draw, content: bytes, donors: Donors) -> bytes:
    """The picture with one chunk changed, so that its checksum fits."""
    chunks, place = [], len(PNG_START)
    while place + 12 <= len(content):
        (size,) = struct.unpack_from(">I", content, place)
        chunks.append((content[place + 4 : place + 8], content[place + 8 : place + 8 + size]))
        place += 12 + size
    if not chunks:
        return content
    number = draw(st.integers(0, len(chunks) - 1))
    kind, data = chunks[number]
    try:
        pixels = zlib.decompress(data) if kind == b"IDAT" and draw(st.booleans()) else None
    except zlib.error:  # it is broken by an earlier change
        pixels = None
    if pixels is None:
        data = draw(_changed(data, donors))
    else:
        data = zlib.compress(draw(_changed(pixels, donors)))
    chunks[number] = kind, data
    parts = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    ]
    return PNG_START + b"".join(parts)


# --- pickles as programs --------------------------------------------------------------------------

ARRAY = b"cnumpy.core.multiarray\n_reconstruct\n)R(K\x01K\x03\x85cnumpy\ndtype\nU\x02f4\x85R"
NAMES = (
    "numpy.core.multiarray _reconstruct",
    "numpy.core.multiarray scalar",
    "numpy._core.numeric _frombuffer",
    "numpy dtype",
    "numpy ndarray",
    "_codecs encode",
    "collections OrderedDict",
    "builtins set",
    "builtins complex",
    "builtins bytearray",
    "copyreg _reconstructor",
    "scipy.sparse.csr csr_matrix",
    "scipy.sparse.coo coo_matrix",
    "chumpy.ch Ch",
    "chumpy.reordering Select",
    "chumpy.reordering Reshape",
    "torch._utils _rebuild_tensor_v2",
    "torch.storage _load_from_bytes",
    "torch FloatStorage",
    "os system",
)
PUSHES = [  # steps that put something on the stack
    *(b"N", b"\x88", b"K\x01", b"K\x03", b"M\x00\x01", b"J\xff\xff\xff\xff", b"J\0\0\0\1"),
    *(b"\x8a\x01\x05", b"\x8a\x09" + b"\xff" * 8 + b"\0", b"I01\n", b"I7\n", b"L9L\n", b"F1.5\n"),
    *(b"G" + struct.pack(">d", 2.5), b"U\x01a", b"S'b'\n", b"Vc\n", b"X\x01\0\0\0x", b"\x8c\x01a"),
    *(b"C\x0c" + bytes(12), b"B\x04\0\0\0abcd", b")", b"]", b"}", b"\x8f", b"U\x02f4", b"U\x02O8"),
    *(
        b"h\x00",
        b"h\x01",
        b"j\2\0\0\0",
        b"g3\n",
        b"K\x03\x85",
        ARRAY + b"\x89C\x0c" + bytes(12) + b"tb",
    ),
    *(b"c" + name.replace(" ", "\n").encode() + b"\n" for name in NAMES),
]
ON_ONE = [b"0", b"2", b"\x85", b"\x94", b"q\x00", b"q\x01", b"r\2\0\0\0", b"p3\n", b"Q"]
ON_TWO = [b"\x86", b"a", b"R", b"\x85R", b"\x81", b"b", b"\x93"]
ON_THREE = [b"\x87", b"s", b"\x87R"]
ON_MARK = [b"t", b"l", b"d", b"e", b"u", b"\x90", b"\x91", b"1", b"tR", b"tb"]


@st.composite
def programs(draw) -> bytes:
    """Pickles that do what the machine knows in any order that does not empty its stack."""
    steps, height, below = [b"\x80\x02"], 0, []
    for _ in range(draw(st.integers(1, 40))):
        able = [*PUSHES, b"("] + ON_ONE * (height > 0) + ON_TWO * 2 * (height > 1)
        able += ON_THREE * 2 * (height > 2) + ON_MARK * 2 * bool(below)
        step = draw(st.sampled_from(able))
        steps.append(step)
        if step == b"(":
            below.append(height)
            height = 0
        elif step in ON_MARK:
            height = below.pop() + 1
        else:
            fewer = {**dict.fromkeys(ON_TWO, 1), **dict.fromkeys(ON_THREE, 2), b"s": 2, b"0": 1}
            height += (step in PUSHES or step == b"2") - fewer.get(step, 0)
    return b"".join(steps) + b"."
