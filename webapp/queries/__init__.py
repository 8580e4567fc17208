"""Hold every SELECT: takes filters or keys, gives rows; never sees a request."""
