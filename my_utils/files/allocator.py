"""How the C library treats the memory of activations on the CPU."""

import contextlib
import ctypes

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of glibc's mallopt


def keep_freed_memory() -> None:
    """Let this process keep freed memory for its next tensors, where the C library is glibc.

    glibc gives large blocks back to the system at once, which hands them out again as zeroed pages,
    with one fault for every 4 KB. A training step takes and frees gigabytes: this costs a tenth to
    a sixth of its time.
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):  # no glibc
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, -1)
