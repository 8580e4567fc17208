"""What the lines of an execution log tell, a million of them in little memory; pure."""

import marshal
import zlib
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from sys import intern
from typing import Any

# The numbers of a step's line: at, offset, length, duration, digest; its name, type and texts,
# each by its number; what is true of it.
RECORD = Struct("<qqqqqIIIB")
DIGEST, NAME = 4, 5
NO_DURATION = -1
FAILED, HAS_OUTPUT = 1, 2
TEXTS_PER_BLOCK, CHARACTERS_PER_BLOCK = 128, 64 * 1024
# So many blocks stay unpacked.
UNPACKED_BLOCKS = 4


@dataclass(slots=True)
class Opening:
    """A run, or a module of a flow, begins."""

    at: int
    params: dict[str, Any]
    target: str
    run_uuid: str = ""
    database_run_id: str = ""
    workflow_name: str = ""
    # The module's name, for a module of a flow.
    module_name: str = ""
    # How many steps the module has, or modules the flow; None until its start line is read.
    size: int | None = None
    is_flow: bool = False


@dataclass(slots=True)
class ModuleClosing:
    """A module, alone or of a flow, came to its end."""

    at: int
    total_steps: int
    elapsed: float | None


@dataclass(slots=True)
class FlowClosing:
    """A flow came to its end."""

    at: int
    elapsed: float | None


@dataclass(slots=True)
class StepLine:
    """A step ended; `offset` and `length` say where its line stands in the file, in bytes."""

    at: int
    offset: int
    length: int
    duration_us: int | None
    digest: int
    name: str
    step_type: str
    failed: bool
    # Whether the line tells what the step printed: one that is cut may not.
    has_output: bool
    texts: "_Texts"
    number: int

    @property
    def command(self) -> str:
        """The command, whole."""
        return self.texts.get(self.number)[0]

    @property
    def error(self) -> str:
        """The error of a failed step."""
        return self.texts.get(self.number)[1]

    @property
    def duration_ms(self) -> int:
        """The duration as the engine writes it into its rows."""
        return (self.duration_us or 0) // 1000

    @property
    def began_at(self) -> int:
        """When the step began, to the second."""
        return self.at - (self.duration_us or 0)


Event = Opening | ModuleClosing | FlowClosing | StepLine


class Events:
    """What one log says, in the order of its lines.

    The line of a step takes some 80 bytes, and is made anew whenever it is asked for, once all
    are packed.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self._records = bytearray()
        self._others: dict[int, Event] = {}
        self._names: list[str] = []
        self._number_of: dict[str, int] = {}
        self._texts = _Texts()

    def add(self, event: Opening | ModuleClosing | FlowClosing) -> None:
        """Add what is no line of a step."""
        self._others[len(self)] = event
        self._records += bytes(RECORD.size)

    def add_step(
        self,
        *,
        at: int,
        offset: int,
        length: int,
        duration_us: int | None,
        name: str,
        step_type: str,
        failed: bool,
        has_output: bool,
        command: str,
        error: str,
    ) -> None:
        """Add the line of a step."""
        self._records += RECORD.pack(
            at,
            offset,
            length,
            NO_DURATION if duration_us is None else duration_us,
            hash((name, command)),
            self._find_number(name),
            self._find_number(step_type),
            self._texts.add(command, error),
            FAILED * failed + HAS_OUTPUT * has_output,
        )

    def _find_number(self, name: str) -> int:
        number = self._number_of.setdefault(name, len(self._names))
        if number == len(self._names):
            # Of all logs, each is kept once.
            self._names.append(intern(name))
        return number

    def pack(self) -> None:
        """Take no more; what was only needed to add needs no memory any more."""
        self._number_of = {}
        self._texts.pack()

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._records) // RECORD.size

    def __iter__(self) -> Iterator[Event]:
        """Yield all, in order."""
        for index in range(len(self)):
            yield self._others.get(index) or self.step_line(index)

    def step_line(self, index: int) -> StepLine:
        """Return the line of a step."""
        at, offset, length, duration, digest, name, step_type, number, flags = RECORD.unpack_from(
            self._records, index * RECORD.size
        )
        return StepLine(
            at,
            offset,
            length,
            None if duration == NO_DURATION else duration,
            digest,
            self._names[name],
            self._names[step_type],
            bool(flags & FAILED),
            bool(flags & HAS_OUTPUT),
            self._texts,
            number,
        )

    def step_lines(self) -> Iterator[tuple[int, StepLine]]:
        """Yield the lines of steps, each with its place."""
        return (
            (index, self.step_line(index))
            for index in range(len(self))
            if index not in self._others
        )

    def digests(self) -> Iterator[tuple[int, int]]:
        """Yield the digest of each step's line, with its place."""
        for index, record in enumerate(RECORD.iter_unpack(self._records)):
            if index not in self._others:
                yield index, record[DIGEST]

    def name_of(self, index: int) -> str:
        """Return the name in the line of a step."""
        number: int = RECORD.unpack_from(self._records, index * RECORD.size)[NAME]
        return self._names[number]

    def is_step(self, index: int) -> bool:
        """Tell whether an event is the line of a step."""
        return index not in self._others

    def others(self) -> Iterator[tuple[int, Event]]:
        """Yield what is no line of a step, each with its place."""
        return iter(self._others.items())


class _Texts:
    """Texts of lines, compressed block by block: commands are much alike."""

    def __init__(self) -> None:
        self._blocks: list[bytes] = []
        # The number of the first text of each block.
        self._firsts: list[int] = []
        self._last: list[tuple[str, str]] = []
        self._n = self._n_characters = 0
        self._unpacked: dict[int, list[tuple[str, str]]] = {}

    def add(self, command: str, error: str) -> int:
        number = self._n
        self._last.append((command, error))
        self._n += 1
        self._n_characters += len(command) + len(error)
        if len(self._last) == TEXTS_PER_BLOCK or self._n_characters >= CHARACTERS_PER_BLOCK:
            self.pack()
        return number

    def pack(self) -> None:
        self._firsts.append(self._n - len(self._last))
        self._blocks.append(zlib.compress(marshal.dumps(self._last), 1))
        self._last, self._n_characters = [], 0

    def get(self, number: int) -> tuple[str, str]:
        block = bisect_right(self._firsts, number) - 1
        return self._unpack(block)[number - self._firsts[block]]

    def _unpack(self, block: int) -> list[tuple[str, str]]:
        """Return a block's texts; those of a few blocks stay, as one text follows another."""
        if block not in self._unpacked:
            if len(self._unpacked) == UNPACKED_BLOCKS:
                del self._unpacked[next(iter(self._unpacked))]
            self._unpacked[block] = marshal.loads(zlib.decompress(self._blocks[block]))
        return self._unpacked[block]
