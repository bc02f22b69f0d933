"""Metrics, intervals, calibration and pictures of Predictions."""
