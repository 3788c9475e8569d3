"""What a person can mend."""


class RunError(Exception):
    """A run that cannot start or go on; the message says what happened, where, and what to do."""


class StopNow(BaseException):
    """The step under way is given up (SIGTERM, Ctrl+C). Not an Exception: no library may swallow it."""
