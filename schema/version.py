"""The version of Likeness: read by the build, shown by the command, written beside every run and export."""

__version__ = "0.1.0"
