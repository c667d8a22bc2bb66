"""Blind studies: people rate pictures from 1 to 5, and nobody tells them whose.

As section 3.3 of the SRGAN paper (arXiv:1609.04802v5): make a study, collect ratings,
score them.
"""
