"""Files made to run code, to crash, to hang or to fill the memory, by what they try."""

import io
import json
import pickle
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import scipy.sparse
import torch
from PIL import Image

START = b"\x80\x02"
DEEP = 100_000  # levels; enough to end a process whose C stack is of the usual size
DOUBLINGS = 40  # a terabyte of references


def hostile_files(mark: Path) -> dict[str, bytes]:
    """All of them by name; the ones that run code make the file `mark`."""
    return {
        **{f"pickle: {name}": data for name, data in hostile_pickles(mark).items()},
        **{f"array: {name}": data for name, data in hostile_arrays(mark).items()},
        **{f"archive: {name}": data for name, data in hostile_archives(mark).items()},
        **{f"torch: {name}": data for name, data in hostile_torch_files(mark).items()},
        **{f"MATLAB: {name}": data for name, data in hostile_matlab_files().items()},
        **{f"picture: {name}": data for name, data in hostile_pictures(mark).items()},
        **{f"text: {name}": data for name, data in hostile_texts().items()},
        **{f"safetensors: {name}": data for name, data in hostile_safetensors().items()},
    }


# --- pickles --------------------------------------------------------------------------------------


class Call:
    """Pickles as a call."""

    def __init__(self, function, *arguments, state=None):
        self.reduced = (function, arguments, state)

    def __reduce__(self):
        return self.reduced if self.reduced[2] else self.reduced[:2]


def calls(mark: Path) -> dict[str, object]:
    """Objects whose unpickling would make the file `mark`, each by another way."""
    code = f"open({str(mark)!r}, 'w')"
    return {
        "os.system": Call(__import__("os").system, f"touch {mark}"),
        "subprocess.Popen": Call(__import__("subprocess").Popen, ["touch", str(mark)]),
        "eval": Call(eval, code),
        "exec": Call(exec, code),
        "open": Call(open, str(mark), "w"),
        "getattr": Call(getattr, mark, "touch"),
        "__import__": Call(__import__, "os"),
        "operator.methodcaller": Call(__import__("operator").methodcaller, "touch"),
        "functools.partial": __import__("functools").partial(open, str(mark), "w"),
        "pathlib": mark,
        "numpy.load": Call(np.load, str(mark), None, True),
        "numpy.testing": Call(np.testing.assert_equal, 1, 1),
        "torch.load": Call(torch.load, str(mark)),
        "torch.jit": Call(torch.jit.load, str(mark)),
        "pickle.loads": Call(pickle.loads, b"N."),
        "builtins.map": Call(map, eval, [code]),
        "collections.Counter": __import__("collections").Counter("ab"),
        "logging.config": Call(__import__("logging.config").config.fileConfig, str(mark)),
    }


def hostile_pickles(mark: Path) -> dict[str, bytes]:
    system = b"cposix\nsystem\n"
    argument = f"(S'touch {mark}'\n".encode()
    files = {
        "INST": b"(" + argument[1:] + b"iposix\nsystem\n.",
        "OBJ": b"(" + system + argument[1:] + b"o.",
        "REDUCE of protocol 0": system + argument + b"tR.",
        "STACK_GLOBAL": b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x01a\x85R.",
        "dotted name": b"\x80\x04\x8c\x02os\x8c\x0bpath.join.x\x93.",
        "name with a new line": b"\x80\x04\x8c\x05nt\npo\x8c\x07sys\x1b[2J\x93.",
        "EXT1": START + b"\x82\x01.",
        "NEWOBJ_EX": b"\x80\x04cbuiltins\nset\n)}\x92.",
        "state of a class": START + b"cnumpy\nndarray\n}U\x01aNsb.",
        "slots of a function": START + b"c_codecs\nencode\nN}U\x0c__defaults__Ns\x86b.",
        "state of a list": START + b"]N}U\x01aNs\x86b.",
        "call of a result": START + b"ccopyreg\n_reconstructor\n)R)R.",
        "append to text": START + b"U\x01aNa.",
        "items of a number": START + b"K\x01K\x01K\x01s.",
        "a list into itself": START + b"]q\x00h\x00a.",
        "a slice of a list": START + b"]q\x00cbuiltins\nslice\n(K\x00K\x00tRh\x00s.",
        "a million bytes": START + b"cbuiltins\nbytearray\nJ" + b"\xff\xff\xff\x7f\x85R.",
        "memo far away": START + b"}r\x00\x00\x00\x08.",  # a gigabyte of places
        "memo further away": START + b"}p99999999999999999999\n.",
        "memo before the start": START + b"}p-1\n.",
        "recall of nothing": START + b"h\x07.",
        "deep tuples": START + b")" + b"\x85" * DEEP + b".",
        "deep lists": START + b"]" * DEEP + b"a" * (DEEP - 1) + b".",
        "deep key": START + b"}(" + b")" + b"\x85" * 10 * DEEP + b"K\x01u.",
        "deep item of a set": b"\x80\x04\x8f(" + b")" + b"\x85" * DEEP + b"\x90.",
        "deep name": START + b"U\x01a)" + b"\x85" * DEEP + b"\x93.",
        "deep identifier": START + b")" + b"\x85" * DEEP + b"Q.",
        "doubling lists": START + b"]q\x00" + _doubling(b"](h%ch%ceq%c") + b".",
        "doubling dictionaries": START + b"}q\x00" + _doubling(b"}(K\x01h%cK\x02h%cuq%c") + b".",
        "doubling chumpy": START + b"}U\x01x" + _doubling_chumpy() + b"s.",
        "equal hashes": START + b"}(" + b"".join(map(_colliding_item, range(5000))) + b"u.",
        "bytes without end": START + b"\x8e" + b"\xff" * 8 + b"a.",
        "text without end": START + b"X\xff\xff\xff\xffa.",
        "number without end": START + b"\x8b\xff\xff\xff\x7fa.",
        "frame without end": b"\x80\x04\x95" + b"\xff" * 8 + b"N.",
        "a million digits": START + b"L" + b"9" * 1_000_000 + b"L\n.",
        "no stop": START + b"N" * 1000,
        "empty stack": START + b".",
        "mark of nothing": START + b"t.",
        "outside data": START + b"U\x01aQ.",
        "sparse without end": pickle.dumps(scipy.sparse.coo_matrix((10**7, 10**7))),
        "sparse indices": pickle.dumps(_forged_sparse()),
        "array of addresses": pickle.dumps(
            Call(
                np.ndarray, (1,), np.dtype(object), state=(1, (1,), np.dtype("O"), False, b"A" * 8)
            )
        ),
        "array shape overflows": pickle.dumps(_array((0, 2**62, 2**62), b"")),
        "array shape is negative": pickle.dumps(_array((-1, -8), bytes(32))),
        "array type": pickle.dumps(Call(np.dtype, "V99999999999")),
        "array type of itself": pickle.dumps(_array((1,), bytes(8), dtype="O8")),
        "arrays share bytes": _arrays_of_the_same_bytes(),
        "calls share arguments": START
        + (b"(" + b"N" * 100_000 + b"tq\x000cnumpy\nndarray\nq\x010](")
        + (b"h\x01h\x00R" * 5000 + b"e."),
    }
    for name, attack in calls(mark).items():
        for protocol in (0, 2, 4):
            files[f"{name}, {protocol}"] = pickle.dumps({"a": attack}, protocol)
    return files


def _doubling(step: bytes) -> bytes:
    """An object that holds the one before twice, again and again."""
    return b"".join(step % (n, n, n + 1) for n in range(DOUBLINGS))


def _doubling_chumpy() -> bytes:
    node = b"cchumpy\nCh\n)R}U\x01x](h%ch%cesbq%c"
    return b"cchumpy\nCh\n)Rq\x00" + _doubling(node)


def _colliding_item(n: int) -> bytes:
    return b"\x8a\x0b" + ((2**61 - 1) * n).to_bytes(11, "little") + b"N"


def _forged_sparse() -> scipy.sparse.csr_matrix:
    matrix = scipy.sparse.csr_matrix(np.eye(2))
    matrix.indices = np.array([10**6, 10**6], dtype=np.int32)
    return matrix


def _array(shape: tuple, data: bytes, dtype: str = "<f4") -> Call:
    state = (1, shape, np.dtype(dtype), False, data)
    return Call(np.zeros(1).__reduce__()[0], np.ndarray, (0,), b"b", state=state)


def _arrays_of_the_same_bytes() -> bytes:
    size = 1_000_000
    bytes_once = b"B" + struct.pack("<I", size) + bytes(size) + b"q\x000"
    names = b"cnumpy.core.multiarray\n_reconstruct\nq\x010cnumpy\ndtype\n(U\x02u1\x89\x88tRq\x020"
    array = b"h\x01)R(K\x01J" + struct.pack("<i", size) + b"\x85h\x02\x89h\x00tb"
    return START + bytes_once + names + b"](" + array * 2000 + b"e."


# --- NumPy arrays and archives --------------------------------------------------------------------


def npy(shape: object, descr: object = "<f4", data: bytes = b"", version: int = 1) -> bytes:
    header = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape!r}}}\n".encode()
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header + data


def hostile_arrays(mark: Path) -> dict[str, bytes]:
    files = {
        "terabytes": npy((10**12,)),
        "more than memory has addresses": npy((2**62, 2**62)),
        "negative": npy((-1,), data=bytes(64)),
        "of nothing": npy((10**12,), "|S0"),
        "of no letters": npy((10**12,), "<U0"),
        "structure with objects": npy((1,), [("a", "O")], bytes(8)),
        "part of a type": npy((1,), ("<f4", (10**8,))),
        "unknown type": npy((1,), "<Z9"),
        "version 9": npy((1,), version=9),
        "header without end": b"\x93NUMPY\x02\x00" + b"\xff" * 4 + b"{",
        "header calls": npy((1,)).replace(b"(1,)", b"open"),
        "objects": npy((), "|O", pickle.dumps(calls(mark)["os.system"])),
    }
    for name, text in {"brackets": "[" * 9000, "signs": "-" * 9000, "braces": "{1:" * 3000}.items():
        header = text.encode()
        files[f"header of {name}"] = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
    return files


def archive(members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as made:
        for name, data in members.items():
            made.writestr(name, data)
    return file.getvalue()


def hostile_archives(mark: Path) -> dict[str, bytes]:
    array = npy((2,), data=bytes(8))
    plain = archive({"mean.npy": array, "seeds.npy": array}, zipfile.ZIP_STORED)
    entry = plain.index(b"PK\x01\x02")
    huge = bytearray(plain)
    huge[entry + 20 : entry + 28] = b"\xfe\xff\xff\xff" * 2  # compressed and real size
    overlapping = bytearray(plain)
    second = plain.index(b"PK\x01\x02", entry + 4)
    overlapping[second + 42 : second + 46] = bytes(4)  # begins where the first one does
    encrypted = bytearray(plain)
    encrypted[entry + 8] |= 1
    return {
        "objects": archive({"bad_images.npy": npy((), "|O", pickle.dumps(calls(mark)["eval"]))}),
        "paths": archive({"../../escaped.npy": array, "/etc/escaped.npy": array}),
        "one name twice": plain.replace(b"seeds.npy", b"mean.npy\x00"),
        "lzma": archive({"mean.npy": array}, zipfile.ZIP_LZMA),
        "bzip2": archive({"mean.npy": array}, zipfile.ZIP_BZIP2),
        "sizes that lie": bytes(huge),
        "members over each other": bytes(overlapping),
        "encrypted": bytes(encrypted),
        "without an end": plain[:-10],
        "nested": archive({"mean.npy": archive({"mean.npy": array})}),
        "no arrays": archive({"readme.txt": b"hello"}),
        "name is no text": plain.replace(b"mean.npy", b"\xff\xfe\xfd\xfc.npy"),
        "zeros": zeros(2**27),
    }


def zeros(size: int, name: str = "mean") -> bytes:
    """An array of so many zeros in a thousandth of the bytes."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made,
        made.open(f"{name}.npy", "w", force_zip64=True) as member,
    ):
        member.write(npy((size,), "|u1"))
        for _ in range(size // 2**20):
            member.write(bytes(2**20))
    return file.getvalue()


# --- torch and MATLAB -----------------------------------------------------------------------------


def saved(content: object, **options: bool) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, **options)
    return file.getvalue()


def hostile_torch_files(mark: Path) -> dict[str, bytes]:
    storage = torch.arange(6.0).__reduce_ex__(2)[1][0]
    views = {
        "beyond the end": (4, (3,), (1,)),
        "before the start": (-1, (2,), (1,)),
        "a terabyte of one number": (0, (2**40,), (0,)),
        "strides too wide": (0, (2, 2), (2**40, 1)),
        "sizes overflow": (0, (2**40, 2**40), (0, 0)),
        "negative sizes": (0, (-2, -3), (1, 1)),
    }
    rebuild = torch._utils._rebuild_tensor_v2
    forged = {name: Call(rebuild, storage, *view, False, {}) for name, view in views.items()}
    one_again = Call(rebuild, storage, 5, (6,), (0,), False, {})  # six times the last number
    forged["a view of a view"] = Call(rebuild, one_again, 0, (6,), (1,), False, {})
    files = {}
    for name, attack in (forged | calls(mark)).items():
        content = {"generator_running": {"a": attack}, "generator_ema": {"a": attack}}
        files[name] = saved(content)
        files[f"{name}, older format"] = saved(content, _use_new_zipfile_serialization=False)
    whole = saved({"generator_running": torch.arange(6.0)})
    with zipfile.ZipFile(io.BytesIO(whole)) as made:
        members = {name: made.read(name) for name in made.namelist()}
    swollen = {name: bytes(2**20) if "data/0" in name else m for name, m in members.items()}
    old = saved({"a": torch.arange(6.0)}, _use_new_zipfile_serialization=False)
    return files | {
        "compressed": archive(swollen),
        "too short": archive(
            {name: m[:8] if "data/0" in name else m for name, m in members.items()},
            zipfile.ZIP_STORED,
        ),
        "too many numbers, older format": old.replace(
            struct.pack("<q", 6) + struct.pack("<f", 0), struct.pack("<q", 2**40) + bytes(4)
        ),
        "cut, older format": old[:-4],
    }


def element(kind: int, data: bytes) -> bytes:
    return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)


def matrix_header(matrix_class: int, shape: tuple[int, ...]) -> bytes:
    sizes = struct.pack(f"<{len(shape)}i", *shape)
    return (
        element(6, struct.pack("<II", matrix_class, 0)) + element(5, sizes) + element(1, b"shape")
    )


def matlab(body: bytes) -> bytes:
    return b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + body


def hostile_matlab_files() -> dict[str, bytes]:
    zeros = zlib.compress(element(14, matrix_header(6, (2**24, 1)) + element(9, bytes(2**27))))
    nested = b"".join(
        struct.pack("<II", 14, 2**31 - 1) + matrix_header(1, (1, 1)) for _ in range(DEEP)
    )
    return {
        "cells": matlab(element(14, matrix_header(1, (2**30, 1)))),
        "structures": matlab(element(14, matrix_header(2, (2**30, 1)))),
        "opaque": matlab(element(14, matrix_header(17, (1, 1)))),
        "objects": matlab(element(14, matrix_header(3, (1, 1)))),
        "nested cells": matlab(nested),
        "sparse": matlab(element(14, matrix_header(5, (2**30, 2**30)))),
        "numbers without end": matlab(
            element(14, matrix_header(6, (2**30, 2**30)) + element(9, b"a"))
        ),
        "negative sizes": matlab(element(14, matrix_header(6, (-1, -1)) + element(9, bytes(8)))),
        "zeros": matlab(struct.pack("<II", 15, len(zeros)) + zeros),
        "element without end": matlab(struct.pack("<II", 14, 2**31 - 1)),
        "short elements": matlab(struct.pack("<HHI", 14, 60000, 0)),
        "version 7.3": b"MATLAB 7.3 MAT-file".ljust(512),
    }


# --- pictures, texts, safetensors -----------------------------------------------------------------


def png(width: int, height: int, *, extra: bytes = b"", pixels: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(pixels))
    return b"\x89PNG\r\n\x1a\n" + parts + chunk(b"IEND", b"")


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def tiff_with_tile(side: int, tile: int, data: bytes) -> bytes:
    tags = {256: side, 257: side, 258: 8, 259: 8, 262: 1, 277: 1, 322: tile, 323: tile}
    tags |= {324: 8 + 2 + 12 * 10 + 4, 325: len(data)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + data


def jpeg_with_scans(count: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (256, 256), (9, 9, 9)).save(file, "JPEG", progressive=True)
    start, end = _places(file.getvalue(), b"\xff\xda")[1:3]
    return file.getvalue()[:start] + file.getvalue()[start:end] * count + file.getvalue()[start:]


def _places(data: bytes, part: bytes) -> list[int]:
    return [place for place in range(len(data)) if data.startswith(part, place)]


def hostile_pictures(mark: Path) -> dict[str, bytes]:
    zeros = zlib.compress(bytes(2**26))
    postscript = f"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 256 256\n({mark}) (w) file\n"
    gif = io.BytesIO()
    Image.new("P", (256, 256)).save(gif, "GIF")
    return {
        "30000 x 30000": png(30_000, 30_000),
        "1 x 2^31": png(1, 2**31 - 1),
        "2^26 x 1": png(2**26, 1),
        "no pixels": png(256, 256),
        "0 x 0": png(0, 0),
        "a text of zeros": png(256, 256, extra=chunk(b"zTXt", b"a\0\0" + zeros)),
        "a profile of zeros": png(256, 256, extra=chunk(b"iCCP", b"a\0\0" + zeros)),
        "PostScript": postscript.encode(),
        "GIF": gif.getvalue(),
        "tile of zeros": tiff_with_tile(256, 2**15, zeros),
        "scans": jpeg_with_scans(200),
        "RIFF": b"RIFF\xff\xff\xff\xffWEBPVP8X\x0a\0\0\0" + bytes(4) + b"\xff" * 6,
    }


def hostile_texts() -> dict[str, bytes]:
    return {
        "deep JSON": b"[" * 200_000,
        "deep JSON objects": b'{"a":' * 100_000,
        "long JSON number": b"9" * 1_000_000,
        "JSON numbers": b'{"scenes": NaN, "seed": 1e999, "nimg": -Infinity}',
        "JSON text": json.dumps("\ud800\n\x1b[2J").encode(),
        "JSON list": b"[[], {}, null]",
        "JSON of wrong kinds": json.dumps(
            {"format": "gif-study-result", "version": 1, "study": [], "trials": {}, "frames": [7]}
        ).encode(),
        "zero bytes": bytes(10_000),
        "no UTF-8": b"\xff\xfe\xfa" * 100,
        "long line": b"vt " + b"0 " * 500_000,
        "long cell": b'file,study\n"' + b"a" * 200_000 + b'"\n',
        "open quote": b'name,a\n"',
        "OBJ indices": b"vt 0 0\nf 99999999999999999999/1 1/1 1/1\n",
        "OBJ digits": b"vt 0 0\nf " + b"9" * 10_000 + b"/1 1/1 1/1\n",
        "OBJ corners": b"vt 0 0\nf " + b"1/1 " * 100_000,
        "OBJ negative": b"vt 0 0\nf -1/-1 -1/-1 -1/-1\n",
        "OBJ lowest": b"vt 0 0\nf -9223372036854775808/1 1/1 1/1\n",
        "OBJ not finite": b"vt nan inf\nf 1/1 1/1 1/1\n",
        "XML": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bb">]><a>&b;</a>',
        "script": b"#!/bin/sh\ntouch executed\n",
    }


def hostile_safetensors() -> dict[str, bytes]:
    def file(header: object, data: bytes = b"") -> bytes:
        text = json.dumps(header).encode()
        return struct.pack("<Q", len(text)) + text + data

    config = {"config": '{"size": 1000000, "width": 1000000}', "sha256": "0", "faces": "1"}
    tensor = {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}
    return {
        "header without end": b"\xff" * 8,
        "header of a terabyte": struct.pack("<Q", 2**40) + b"{}",
        "deep header": struct.pack("<Q", 100_000) + b"[" * 100_000,
        "tensor without end": file(
            {"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}
        ),
        "sizes overflow": file(
            {"a": {"dtype": "F32", "shape": [2**62, 2**62], "data_offsets": [0, 0]}}
        ),
        "offsets over each other": file(
            {n: {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]} for n in "ab"}, bytes(4)
        ),
        "bfloat16": file({"__metadata__": config | {"nimg": "1"}, "a": tensor}, bytes(4)),
        "vast network": file({"__metadata__": config | {"nimg": "1"}}),
        "config nested deep": file(
            {"__metadata__": config | {"nimg": "9" * 5000, "config": "[" * 50_000}}
        ),
    }
