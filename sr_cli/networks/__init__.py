"""Network definitions: torch modules for training, plain layers for running."""
