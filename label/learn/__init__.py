"""What is learned of each attribute: scorers, their combination, calibration, and the annotator noise model."""
