"""Every error that Likeness raises on purpose, as one tree.

    LikenessError
    |-- SettingsError       a run file or --set holds an unknown key or a bad value
    |-- VocabularyError     the attribute vocabulary does not hold together
    |-- SourceError         a source of items is missing or cannot be read at all
    |-- StoreError          the store is missing, torn or of another version
    |   |-- StoreBusy       another run is writing to this store
    |   `-- DamagedStore    tables or files of the store are gone or cannot be read
    |-- EncoderError        a model, checkpoint or vector file does not fit
    |   `-- DownloadError   weights could not be fetched; a local file can be named instead
    |-- ModelError          a model that a measure runs, or a file beside it, does not fit
    |-- FilterError         a --where filter is not valid
    |-- ReviewError         a review decision cannot be taken
    |   `-- ReviewConflict  the item changed since the reviewer saw it
    |-- ExportError         an export target is not usable
    |-- InputError          an argument of the Python API does not fit; also a ValueError
    |-- Cancelled           a run was asked to stop; what it had finished is kept
    `-- MissingExtra        an optional package is not installed

A single bad item never raises: it becomes a row with a reason.
"""

from __future__ import annotations


class LikenessError(Exception):
    """Base of all errors made for the user to read: one sentence, and a hint on what to do next."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class SettingsError(LikenessError):
    """Raised when a run file or an override holds an unknown key or a bad value; fix the key it names."""


class VocabularyError(LikenessError):
    """Raised when the attribute vocabulary is malformed; fix the attribute or value it names."""


class SourceError(LikenessError):
    """Raised when a source as a whole cannot be read; check the path and its kind."""


class StoreError(LikenessError):
    """Raised when the store is missing, torn, or lacks a table that an earlier stage makes."""


class StoreBusy(StoreError):
    """Raised when another run holds the store; wait for it or stop it."""


class DamagedStore(StoreError):
    """Raised when a store lacks what its runs have counted, or a table cannot be read; look with likeness check."""


class EncoderError(LikenessError):
    """Raised when a model, a checkpoint or a file of vectors does not fit; check the encoder settings."""


class DownloadError(EncoderError):
    """Raised when weights could not be fetched; set encoder.pretrained to a local file."""


class ModelError(LikenessError):
    """Raised when a model that a measure runs cannot be loaded or answers in no known form; check its path."""


class FilterError(LikenessError):
    """Raised when a filter is not valid; the message names the columns that exist."""


class ReviewError(LikenessError):
    """Raised when a review decision names an item, attribute or value that does not exist."""


class ReviewConflict(ReviewError):
    """Raised when what the reviewer saw has changed meanwhile; look again, then decide."""


class ExportError(LikenessError):
    """Raised when the export target is not empty, not writable or of an unknown format."""


class Cancelled(LikenessError):
    """Raised when a run was asked to stop; run it again, and it goes on where it was."""


class MissingExtra(LikenessError):
    """Raised when an optional package is needed; the hint is the command that installs it."""


class InputError(LikenessError, ValueError):
    """Raised when an argument of the Python API has the wrong shape, type or values; the message says which."""
