"""What goes wrong with the servers on this machine."""


class LocalServerError(Exception):
    """A local server cannot do what was asked; the text is one line for the person at the terminal."""
