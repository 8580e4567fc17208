"""Keep what one application compiled for all that are made after it: a suite makes thousands.

Only what follows from code alone is kept: templates, statements, what builds addresses.
"""

from typing import Any

from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule

from webapp.models import Base


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


class CompiledStatements(LRUCache[Any, Any]):
    """Statements as one engine compiled them, for all of its kind: SQLAlchemy's `compiled_cache`.

    Its keys begin with the dialect, of which each engine has its own.
    """

    def get(self, key: Any, default: Any = None) -> Any:
        """Return what an engine of this kind made of the same statement."""
        return super().get(self._of_kind(key), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        """Keep what was compiled."""
        super().__setitem__(self._of_kind(key), compiled)

    @staticmethod
    def _of_kind(key: Any) -> Any:
        dialect, *rest = key
        return (type(dialect), dialect.server_version_info, dialect.paramstyle, *rest)


class KeptRule(Rule):
    """A rule of addresses that compiles what builds one only once for all applications."""

    _builders: dict[tuple[Any, ...], Any] = {}

    def _compile_builder(self, append_unknown: bool = True) -> Any:
        # What it makes is bound to a rule afterwards, and knows no application.
        given = (self.rule, repr(self.defaults), self._trace, append_unknown)
        key = tuple(map(str, given))
        if key not in self._builders:
            self._builders[key] = super()._compile_builder(append_unknown)
        return self._builders[key]


COMPILED = CompiledTemplates()
STATEMENTS = CompiledStatements(5_000)
Flask.url_rule_class = KeptRule
# What the session writes by itself each mapper keeps apart.
for mapper in Base.registry.mappers:
    mapper.base_mapper._compiled_cache = CompiledStatements(100)
