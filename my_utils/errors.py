"""The one exception for mistakes a person can mend: scripts print it and exit with status 2."""


class UserError(Exception):
    """Bad input, with one sentence that says what is wrong, where, and what to do."""
