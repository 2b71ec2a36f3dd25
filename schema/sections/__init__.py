"""Sections of the settings that have files of their own, and the base of all sections."""
