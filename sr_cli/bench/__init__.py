"""How good a model is, measured on the sets and by the protocol of the literature."""
