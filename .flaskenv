# The flask commands use the application of app.py: the one that `make run` serves.
FLASK_APP=app.py
