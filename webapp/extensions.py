"""Make the extensions, unbound; `create_app` binds them to an application."""

from flask_compress import Compress
from flask_login import LoginManager
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from htmx_flask import Htmx

from .models import Base
from .routing import RoutedSession

db = SQLAlchemy(metadata=Base.metadata, session_options={"class_": RoutedSession})
migrate = Migrate(render_as_batch=True)
htmx = Htmx()
login_manager = LoginManager()
csrf = CSRFProtect()
compress = Compress()
