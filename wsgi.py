"""Load the application for a WSGI server; every setting comes from the environment."""

from webapp import create_app

app = create_app()
