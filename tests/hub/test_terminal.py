"""What others named or answered, shown to people."""

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
from huggingface_hub import get_session
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import hf_raise_for_status

from sr_cli.errors import WeightsError
from sr_cli.hub.cache import choose
from sr_cli.hub.names import HubName
from sr_cli.hub.refusals import reason


def test_no_file_of_a_repository_commands_the_terminal():
    names = ["\x1b]0;title\x07.safetensors", "net.safetensors"]
    assert choose(HubName("a/b"), names).file == "net.safetensors"
    with pytest.raises(WeightsError, match="0 files") as refusal:
        choose(HubName("a/b"), names[:1])
    assert str(refusal.value).isprintable()


def test_no_answer_of_the_hub_commands_the_terminal():
    """What real clients make of what a server says, ANSI and all."""
    content = b"HTTP/1.1 418 \x1b]0;title\x07\r\nContent-Length: 0\r\n\r\n"
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(content)

        with ThreadPoolExecutor(1) as pool:
            pool.submit(answer)
            url = f"http://127.0.0.1:{server.getsockname()[1]}"
            with pytest.raises(HfHubHTTPError) as error:
                hf_raise_for_status(get_session().get(url))
    assert "\x1b" in error.value.response.reason_phrase
    assert reason(error.value) == "418 I'm a Teapot"
