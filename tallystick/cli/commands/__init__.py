"""The commands, one module a subject; each has the click command that it is named for."""
