"""Load the application for a WSGI server; every setting comes from the environment."""

from webapp import create_app
from webapp.database import check_version

app = create_app()
with app.app_context():
    check_version()
