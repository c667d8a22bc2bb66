"""Names on the Hub, read and written."""

import pytest

from sr_cli.errors import ModelError
from sr_cli.hub.names import HubName, parse

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("hf:a/b", HubName("a/b")),
        ("hf:a/b@main", HubName("a/b", "main")),
        ("hf:a/b@refs/pr/1", HubName("a/b", "refs/pr/1")),
        ("hf:a/b:deep/c.pth", HubName("a/b", None, "deep/c.pth")),
        (f"hf:a/b@{COMMIT}:c.d", HubName("a/b", COMMIT, "c.d")),
    ],
)
def test_names_survive(text, name):
    assert parse(text) == name
    assert str(name) == text


def test_a_commit_is_pinned_and_a_branch_is_not():
    assert parse(f"hf:a/b@{COMMIT}").pinned
    assert not parse("hf:a/b").pinned
    assert not parse(f"hf:a/b@{COMMIT[:7]}").pinned


@pytest.mark.parametrize(
    "text",
    ["hf:", "hf:a/b/c", "hf:..", "hf:-/x y", "hf:a/b:../c", "hf:a/b@/c", "hf:@x:y"],
)
def test_what_is_no_name_is_refused(text):
    with pytest.raises(ModelError, match=r"names no .*hf:owner/name"):
        parse(text)
