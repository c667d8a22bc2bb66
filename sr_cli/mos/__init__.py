"""Blind studies: people rate pictures from 1 to 5, and nobody tells them whose.

As section 3.4 of the SRGAN paper: make a study, collect ratings, score them.
"""
