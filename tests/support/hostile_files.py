"""Files made to run code, by how they try it, and files of another kind than any reader wants."""

import io
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import torch


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
        "logging.config": Call(__import__("logging.config").config.fileConfig, str(mark)),
    }


def running_files(mark: Path) -> dict[str, bytes]:
    """Files that would make the file `mark` if something in them were run."""
    argument = f"S'touch {mark}'\n".encode()
    files = {
        "INST": b"(" + argument + b"iposix\nsystem\n.",
        "OBJ": b"(cposix\nsystem\n" + argument + b"o.",
        "REDUCE of protocol 0": b"cposix\nsystem\n(" + argument + b"tR.",
        "STACK_GLOBAL": b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x01a\x85R.",
        "dotted name": b"\x80\x04\x8c\x02os\x8c\x0bpath.join.x\x93.",
        "NEWOBJ_EX": b"\x80\x04csubprocess\nPopen\n)}\x92.",
        "an extension": b"\x80\x02\x82\x01.",
        "slots of a function": b"\x80\x02c_codecs\nencode\nN}U\x0c__defaults__Ns\x86b.",
        "array of addresses": pickle.dumps(
            Call(np.ndarray, (1,), state=(1, (1,), np.dtype("O"), False, b"A" * 8))
        ),
        "script": f"#!/bin/sh\ntouch {mark}\n".encode(),
        "PostScript": f"%!PS-Adobe-3.0 EPSF-3.0\n({mark}) (w) file\n".encode(),
    }
    for name, attack in calls(mark).items():
        content = {"generator_running": {"a": attack}, "generator_ema": {"a": attack}}
        for protocol in (0, 2, 4):
            files[f"{name}, pickle {protocol}"] = pickle.dumps({"a": attack}, protocol)
        files[f"{name}, torch"] = _torch(content)
        files[f"{name}, older torch"] = _torch(content, _use_new_zipfile_serialization=False)
        files[f"{name}, array"] = _objects(attack)
        files[f"{name}, archive"] = _archive(_objects(attack))
    return files


def other_files() -> dict[str, bytes]:
    """Files of other kinds than any reader wants."""
    wrong = {"format": "gif-study-result", "version": 1, "study": [], "trials": {}, "frames": [7]}
    return {
        "a list": pickle.dumps([1, 2]),
        "a number": pickle.dumps(7),
        "a dictionary of texts": pickle.dumps(dict.fromkeys(("a", "pose", "flame"), "text")),
        "an array of text": _objects("text"),
        "a torch file of a list": _torch([1, 2]),
        "a torch file of texts": _torch({"generator_running": "a", "generator_ema": "b"}),
        "JSON list": b"[[], {}, null]",
        "JSON of wrong kinds": json.dumps(wrong).encode(),
        "JSON numbers": b'{"scenes": NaN, "seed": 1e999, "nimg": -Infinity}',
        "JSON nested deep": b"[" * 200_000,
        "zero bytes": bytes(10_000),
        "no UTF-8": b"\xff\xfe\xfa" * 100,
        "open quote": b'name,a\n"',
        "archive without arrays": _archive(b"hello"),
    }


def _torch(content: object, **options: bool) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, **options)
    return file.getvalue()


def _objects(content: object) -> bytes:
    file = io.BytesIO()
    np.save(file, np.array(content, dtype=object), allow_pickle=True)
    return file.getvalue()


def _archive(array: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mean.npy", array)
        archive.writestr("bad_images.npy", array)
    return file.getvalue()
