"""Keep what one application compiled of the templates for all that are made after it."""

from typing import Any

from jinja2.bccache import Bucket, BytecodeCache


class CompiledTemplates(BytecodeCache):
    """The templates as one application compiled them, for all that come after it."""

    def __init__(self) -> None:
        """Begin with none."""
        self._codes: dict[tuple[str, str], Any] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take what was compiled from the same text."""
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what was compiled."""
        self._codes[bucket.key, bucket.checksum] = bucket.code


COMPILED = CompiledTemplates()
