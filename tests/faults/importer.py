"""Import a base when told to: `python -m tests.faults.importer BASE`; to be killed meanwhile.

It says "ready" when all is loaded, and begins when a line comes; the moment of its end is then
one of the import, not of Python's start.
"""

import sys
from pathlib import Path

from webapp import create_app
from webapp.ingest.errors import SourceError
from webapp.ingest.osmedeus.importer import import_base


def main() -> None:
    """Import the base that the command line names; exit code 1 says why not, in one line."""
    app = create_app()
    with app.app_context():
        print("ready", flush=True)
        sys.stdin.readline()
        try:
            import_base(Path(sys.argv[1]))
        except SourceError as error:
            sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main()
