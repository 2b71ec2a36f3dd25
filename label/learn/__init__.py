"""Scorers, their combination, calibration."""
