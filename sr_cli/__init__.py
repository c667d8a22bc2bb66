"""srup: make images 4x larger with SRResNet and SRGAN."""

__version__ = "0.1.0"
