"""Sentences for a terminal, whatever names and files they quote."""

import unicodedata

import click

_SPELLED = ("Cc", "Cs")  # control characters, and bytes that are no UTF-8


def printable(sentence: str) -> str:
    """Spell out what a terminal would obey and what no encoding knows.

    Names of files can hold both.
    """
    return "".join(
        ascii(letter)[1:-1] if unicodedata.category(letter) in _SPELLED else letter
        for letter in sentence
    )


def say(sentence: str) -> None:
    """Tell the user something, on standard error."""
    click.echo(printable(sentence), err=True)


def answer(sentence: str) -> None:
    """Write a line of what was asked for, on standard output."""
    click.echo(printable(sentence))
