"""Runs pickles without Python's unpickler: the part of their language that array data needs.

A pickle is a program for a small stack machine. Python's own machine trusts it: the number of a
place in the memo may take the memory of all places before, tuples nested a million deep end the
process when used as a key, and a list may be put into itself. This one knows containers, numbers,
text and names; what is made by calling a name is an inert stand-in.
"""

import codecs
import struct
from collections.abc import Callable
from typing import Any

from my_utils.untrusted.allowance import CONTAINER_BYTES, Allowance
from my_utils.untrusted.stand_ins import Items, Name, StandIn, checked_key, find_name

STOP = ord(".")
MOST_NUMBER_BYTES = 1000  # of longer numbers a single product may take hours
MOST_ARGUMENTS = 10  # of a call, which gets a copy of all
BATCH = 10_000  # operations between two looks at the allowance


class PickleMachine:
    """One run through a pickle.

    Args:
        data: holds the pickle, and perhaps more.
        persistent: what stands for data outside of the pickle, by its identifier.
        allowance: that its containers are taken from.
        start: where the pickle begins.
    """

    def __init__(
        self,
        data: bytes,
        persistent: Callable[[Any], Any],
        allowance: Allowance,
        *,
        start: int = 0,
    ):
        self.place = start  # of the next byte; after the run, where the pickle has ended
        self._data, self._persistent = data, persistent
        self._allowance = allowance
        self._made = 0  # containers and stand-ins that are not yet taken from it
        self._stack: list[Any] = []
        self._below: list[list[Any]] = []  # the stacks under each mark
        self._memo: list[Any] = []

    def run(self) -> Any:
        """The object that the pickle makes, with stand-ins in it.

        Raises:
            ValueError: it is damaged, or does what array data never does; a RefusedError where
                that is to ask for a name.
        """
        data, operations = self._data, OPERATIONS
        start = self.place
        try:
            while True:
                for _ in range(BATCH):
                    code = data[self.place]
                    self.place += 1
                    if code == STOP:
                        return self._stack.pop()
                    operations[code](self)
                self._allowance.take(CONTAINER_BYTES * self._made)
                self._made = 0
        except (IndexError, TypeError, AttributeError, struct.error) as error:
            raise ValueError(
                f"its pickle is damaged at byte {self.place - start} ({error})"
            ) from error

    def unknown(self) -> None:
        raise ValueError("its pickle is damaged, or does what array data never does")

    # --- reading arguments ---------------------------------------------------------------------

    def _bytes(self, count: int) -> bytes:
        start, self.place = self.place, self.place + count
        if self.place > len(self._data):
            raise ValueError("its pickle ends too early")
        return self._data[start : self.place]

    def _number(self, size: int) -> int:
        return int.from_bytes(self._bytes(size), "little")

    def _line(self) -> bytes:
        end = self._data.index(b"\n", self.place)  # ValueError where there is none
        return self._bytes(end + 1 - self.place)[:-1]

    def protocol(self) -> None:
        self.place += 1

    def frame(self) -> None:
        if self._number(8) > len(self._data) - self.place:
            raise ValueError("its pickle ends too early")

    # --- numbers and text ----------------------------------------------------------------------

    def none(self) -> None:
        self._stack.append(None)

    def true(self) -> None:
        self._stack.append(True)

    def false(self) -> None:
        self._stack.append(False)

    def int_1(self) -> None:
        self._stack.append(self._data[self.place])
        self.place += 1

    def int_2(self) -> None:
        self._stack.append(self._number(2))

    def int_4(self) -> None:
        self._stack.append(int.from_bytes(self._bytes(4), "little", signed=True))

    def long_1(self) -> None:
        self._stack.append(int.from_bytes(self._bytes(self._number(1)), "little", signed=True))

    def long_4(self) -> None:
        size = self._number(4)
        if size > MOST_NUMBER_BYTES:
            raise ValueError("its pickle holds a number of thousands of digits")
        self._stack.append(int.from_bytes(self._bytes(size), "little", signed=True))

    def int_line(self) -> None:
        line = self._line()
        truth = {b"00": False, b"01": True}
        self._stack.append(truth[line] if line in truth else int(line))

    def long_line(self) -> None:
        self._stack.append(int(self._line().removesuffix(b"L")))

    def float_8(self) -> None:
        self._stack.append(struct.unpack(">d", self._bytes(8))[0])

    def float_line(self) -> None:
        self._stack.append(float(self._line()))

    def text_1(self) -> None:
        self._stack.append(self._bytes(self._number(1)).decode(errors="surrogatepass"))

    def text_4(self) -> None:
        self._stack.append(self._bytes(self._number(4)).decode(errors="surrogatepass"))

    def text_8(self) -> None:
        self._stack.append(self._bytes(self._number(8)).decode(errors="surrogatepass"))

    def text_line(self) -> None:
        self._stack.append(codecs.decode(self._line(), "raw-unicode-escape"))

    # Strings of Python 2 are bytes; latin1 keeps them, and NumPy data of that time is in them.

    def old_text_1(self) -> None:
        self._stack.append(self._bytes(self._number(1)).decode("latin1"))

    def old_text_4(self) -> None:
        self._stack.append(self._bytes(self._number(4)).decode("latin1"))

    def old_text_line(self) -> None:
        line = self._line()
        if len(line) < 2 or line[:1] not in (b"'", b'"') or line[:1] != line[-1:]:
            raise ValueError("its pickle is damaged: a string has no quotes")
        self._stack.append(codecs.escape_decode(line[1:-1])[0].decode("latin1"))

    def bytes_1(self) -> None:
        self._stack.append(self._bytes(self._number(1)))

    def bytes_4(self) -> None:
        self._stack.append(self._bytes(self._number(4)))

    def bytes_8(self) -> None:
        self._stack.append(self._bytes(self._number(8)))

    # --- containers ----------------------------------------------------------------------------

    def mark(self) -> None:
        self._made += 1
        self._below.append(self._stack)
        self._stack = []

    def _above_mark(self) -> list[Any]:
        items, self._stack = self._stack, self._below.pop()
        return items

    def pop(self) -> None:
        if self._stack:
            self._stack.pop()
        else:
            self._above_mark()

    def pop_mark(self) -> None:
        self._above_mark()

    def duplicate(self) -> None:
        self._stack.append(self._stack[-1])

    def empty_tuple(self) -> None:
        self._stack.append(())

    def tuple_1(self) -> None:
        self._made += 1
        self._stack[-1] = (self._stack[-1],)

    def tuple_2(self) -> None:
        self._made += 1
        last, first = self._stack.pop(), self._stack.pop()
        self._stack.append((first, last))

    def tuple_3(self) -> None:
        self._made += 1
        last, middle, first = self._stack.pop(), self._stack.pop(), self._stack.pop()
        self._stack.append((first, middle, last))

    def tuple_of_all(self) -> None:
        items = self._above_mark()
        self._made += 1
        self._stack.append(tuple(items))

    def empty_list(self) -> None:
        self._made += 1
        self._stack.append([])

    def list_of_all(self) -> None:
        items = self._above_mark()
        self._made += 1
        self._stack.append(items)

    def _last(self, kind: type) -> Any:
        if type(self._stack[-1]) is not kind:
            raise ValueError("its pickle adds items to what does not take them")
        return self._stack[-1]

    def append(self) -> None:
        item = self._stack.pop()
        self._last(list).append(item)

    def extend(self) -> None:
        items = self._above_mark()
        self._last(list).extend(items)

    def empty_dict(self) -> None:
        self._made += 1
        self._stack.append({})

    def dict_of_all(self) -> None:
        items = self._above_mark()
        self._made += 1
        self._stack.append({})
        self._put(items)

    def put(self) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self._put([key, value])

    def put_all(self) -> None:
        self._put(self._above_mark())

    def _put(self, items: list[Any]) -> None:
        target = self._stack[-1]
        entries = target.added if isinstance(target, Items) else self._last(dict)
        for key, value in zip(items[::2], items[1::2], strict=True):
            entries[checked_key(key)] = value

    def empty_set(self) -> None:
        self._made += 4  # which it takes the memory of
        self._stack.append(Items(set, []))

    def add_all(self) -> None:
        items = self._above_mark()
        self._last(Items).arguments[0].extend(items)

    def frozenset_of_all(self) -> None:
        items = self._above_mark()
        self._made += 1
        self._stack.append(Items(frozenset, items))

    # --- the memo ------------------------------------------------------------------------------

    def memoize(self) -> None:
        self._memo.append(self._stack[-1])

    def _memoize_at(self, index: int) -> None:
        missing = index + 1 - len(self._memo)
        if missing > len(self._data) or index < 0:
            raise ValueError("its pickle is damaged: a place of its memo is too far away")
        self._memo += [None] * missing
        self._memo[index] = self._stack[-1]

    def memoize_1(self) -> None:
        self._memoize_at(self._number(1))

    def memoize_4(self) -> None:
        self._memoize_at(self._number(4))

    def memoize_line(self) -> None:
        self._memoize_at(int(self._line()))

    def recall_1(self) -> None:
        self._stack.append(self._memo[self._data[self.place]])
        self.place += 1

    def recall_4(self) -> None:
        self._stack.append(self._memo[self._number(4)])

    def recall_line(self) -> None:
        self._stack.append(self._memo[int(self._line())])

    # --- names and what they make --------------------------------------------------------------

    def name_lines(self) -> None:
        self._made += 1
        self._stack.append(find_name(self._line().decode(), self._line().decode()))

    def name_on_stack(self) -> None:
        self._made += 1
        name, module = self._stack.pop(), self._stack.pop()
        self._stack.append(find_name(module, name))

    def make(self) -> None:
        self._made += 1
        arguments, name = self._stack.pop(), self._stack.pop()
        if type(name) is not Name or type(arguments) is not tuple:
            raise ValueError("its pickle calls what is no name")
        if len(arguments) > MOST_ARGUMENTS:
            raise ValueError("its pickle calls a name with too many arguments")
        self._stack.append(name.make(*arguments))

    def set_state(self) -> None:
        state = self._stack.pop()
        if not isinstance(self._stack[-1], StandIn):
            raise ValueError("its pickle sets the state of what has none")
        self._stack[-1].state = state

    def outside(self) -> None:
        self._made += 1
        self._stack.append(self._persistent(self._stack.pop()))


_MEANINGS: dict[bytes, Callable[[PickleMachine], None]] = {
    b"\x80": PickleMachine.protocol,
    b"\x95": PickleMachine.frame,
    b"N": PickleMachine.none,
    b"\x88": PickleMachine.true,
    b"\x89": PickleMachine.false,
    b"K": PickleMachine.int_1,
    b"M": PickleMachine.int_2,
    b"J": PickleMachine.int_4,
    b"\x8a": PickleMachine.long_1,
    b"\x8b": PickleMachine.long_4,
    b"I": PickleMachine.int_line,
    b"L": PickleMachine.long_line,
    b"G": PickleMachine.float_8,
    b"F": PickleMachine.float_line,
    b"\x8c": PickleMachine.text_1,
    b"X": PickleMachine.text_4,
    b"\x8d": PickleMachine.text_8,
    b"V": PickleMachine.text_line,
    b"U": PickleMachine.old_text_1,
    b"T": PickleMachine.old_text_4,
    b"S": PickleMachine.old_text_line,
    b"C": PickleMachine.bytes_1,
    b"B": PickleMachine.bytes_4,
    b"\x8e": PickleMachine.bytes_8,
    b"\x96": PickleMachine.bytes_8,  # those of a bytearray
    b"(": PickleMachine.mark,
    b"0": PickleMachine.pop,
    b"1": PickleMachine.pop_mark,
    b"2": PickleMachine.duplicate,
    b")": PickleMachine.empty_tuple,
    b"\x85": PickleMachine.tuple_1,
    b"\x86": PickleMachine.tuple_2,
    b"\x87": PickleMachine.tuple_3,
    b"t": PickleMachine.tuple_of_all,
    b"]": PickleMachine.empty_list,
    b"l": PickleMachine.list_of_all,
    b"a": PickleMachine.append,
    b"e": PickleMachine.extend,
    b"}": PickleMachine.empty_dict,
    b"d": PickleMachine.dict_of_all,
    b"s": PickleMachine.put,
    b"u": PickleMachine.put_all,
    b"\x8f": PickleMachine.empty_set,
    b"\x90": PickleMachine.add_all,
    b"\x91": PickleMachine.frozenset_of_all,
    b"\x94": PickleMachine.memoize,
    b"q": PickleMachine.memoize_1,
    b"r": PickleMachine.memoize_4,
    b"p": PickleMachine.memoize_line,
    b"h": PickleMachine.recall_1,
    b"j": PickleMachine.recall_4,
    b"g": PickleMachine.recall_line,
    b"c": PickleMachine.name_lines,
    b"\x93": PickleMachine.name_on_stack,
    b"R": PickleMachine.make,
    b"\x81": PickleMachine.make,  # a new object of a class
    b"b": PickleMachine.set_state,
    b"Q": PickleMachine.outside,
}
OPERATIONS = [_MEANINGS.get(bytes([code]), PickleMachine.unknown) for code in range(256)]
