"""What `srup` says when it ends, whatever the names that it quotes."""

import os
import pickle

import numpy as np
import pytest
from safetensors.numpy import save_file

from sr_cli.cli import main
from sr_cli.cli.sentences import answer, say

COMMAND = "\x1b]0;title\x07\x9b2J"
"""What terminals obey."""

posix = pytest.mark.skipif(os.name != "posix", reason="names are bytes on POSIX")


def error_of(capfd, *arguments: object) -> str:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    assert stopped.value.code in (1, 2)
    text = capfd.readouterr().err
    assert all(line.isprintable() for line in text.splitlines())
    assert "Traceback" not in text
    return text


@posix
def test_no_name_commands_the_terminal(tmp_path, capfd):
    weights = tmp_path / f"{COMMAND}.pth"
    weights.write_bytes(b"no weights")
    assert r"\x1b]0;title\x07" in error_of(capfd, "models", "info", weights)
    absent = error_of(capfd, "export", weights, "-o", tmp_path / f"a.{COMMAND}")
    assert r"\x1b]0;title\x07" in absent


@posix
def test_bytes_that_are_no_text_are_spelled(tmp_path, capfd):
    weights = tmp_path / os.fsdecode(b"caf\xe9.pth")
    weights.write_bytes(b"no weights")
    assert r"caf\udce9.pth" in error_of(capfd, "models", "info", weights)


@pytest.mark.parametrize("name", [COMMAND, "\n\r", "é"])
def test_no_word_of_a_file_commands_the_terminal(name, tmp_path, capfd):
    named, asks = tmp_path / "named.safetensors", tmp_path / "asks.pth"
    save_file({name: np.zeros(3, np.float32)}, named)
    error_of(capfd, "models", "info", named)
    asks.write_bytes(pickle.PROTO + b"\2c" + name[:2].encode() + b"os\nsystem\n)R.")
    error_of(capfd, "models", "info", asks)


def test_no_argument_commands_the_terminal(capfd):
    for arguments in (("doctor", COMMAND), (COMMAND,), ("doctor", f"--{COMMAND}")):
        assert r"\x1b" in error_of(capfd, *arguments)


@pytest.mark.parametrize("speak", [say, answer])
def test_no_sentence_commands_the_terminal(speak, capfd):
    speak(f"It is called {COMMAND}, été.")
    out, err = capfd.readouterr()
    assert (out + err) == "It is called \\x1b]0;title\\x07\\x9b2J, été.\n"
