"""Define what goes wrong with a source."""


class SourceError(Exception):
    """Raised when a source cannot be imported; the message is one line for the person asking."""
