"""Load the application for a WSGI server; every setting comes from the environment."""

import sys

from sqlalchemy.exc import DBAPIError

from webapp import create_app
from webapp.config import ConfigError
from webapp.database import DatabaseVersionError, check_version, first_line_of
from webapp.serving import hear_sigterm, settle_memory

hear_sigterm()
try:
    app = create_app()
    with app.app_context():
        check_version()
    settle_memory()
except (ConfigError, DatabaseVersionError) as error:
    sys.exit(f"Error: {error}")
except DBAPIError as error:
    sys.exit(f"Error: Cannot use the database: {first_line_of(error)}.")
