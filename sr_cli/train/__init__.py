"""Training: from a folder of photos to published weights."""
