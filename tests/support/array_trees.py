"""Containers and arrays as files hold them, and whether two are equal."""

import numpy as np


def same(found, expected):
    """Whether two trees of containers and arrays are equal in types, shapes and values.

    Byte orders may differ, as NumPy's own unpickling turns them into this machine's.
    """
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(
            same(found[key], expected[key]) for key in expected
        )
    if isinstance(expected, (list, tuple)):
        return type(found) is type(expected) and all(map(same, found, expected))
    if isinstance(expected, np.ndarray):
        assert found.dtype.newbyteorder("=") == expected.dtype.newbyteorder("=")
        assert type(found) is np.ndarray and found.shape == expected.shape
        if expected.dtype.hasobject:
            return all(map(same, found.flat, expected.flat))
        return np.array_equal(found, expected)
    return type(found) is type(expected) and found == expected


TREE = {
    "floats": np.random.default_rng(0).normal(size=(3, 4)),
    "column_major": np.asfortranarray(np.arange(12, dtype=np.float32).reshape(3, 4)),
    "big_endian": np.arange(4, dtype=">i4"),
    "flags": np.array([True, False]),
    "half": np.array([1.5, -2], dtype=np.float16),
    "names": np.array(["00017.npy", "x"]),
    "bytes": np.array([b"ab", b"c"]),
    "nothing": np.empty((0, 3), dtype=np.int64),
    "scalar": np.float32(1.5),
    "objects": np.array([np.arange(3), None, "word", {"a": np.arange(2)}], dtype=object),
    "plain": [1, 2.5, "text", b"raw", None, True, 1j, 10**30, (1, [2]), {"k": {1, 2}}],
    "ordered": {"b": 1, "a": 2},
}
