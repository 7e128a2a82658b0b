"""How much memory a stranger's file may take: some, and more where the file itself is large.

A few kilobytes can ask for terabytes: compressed zeros, lists of lists that double, arrays that
share their bytes. Every reader counts what it makes of a file here, before it makes it.
"""

FREE_BYTES = 2**26  # that any file may become
GROWTH = 32  # times its own size, that a large one may become
CONTAINER_BYTES = 64  # of an empty list, tuple or dictionary
ITEM_BYTES = 8  # of a place in it


class Allowance:
    """The bytes that the content of one file may still take."""

    def __init__(self, file_bytes: int):
        self.left = FREE_BYTES + GROWTH * file_bytes

    def take(self, count: int) -> None:
        """Use up so many bytes; ValueError where no honest file would take as many."""
        self.left -= count
        if count < 0 or self.left < 0:
            raise ValueError("its content would take far more memory than its size explains")

    def take_container(self, items: int) -> None:
        """Use up the bytes of a container of so many items, whose own bytes are not counted."""
        self.take(CONTAINER_BYTES + ITEM_BYTES * items)
