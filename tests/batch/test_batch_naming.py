"""Names stay names: one component, short enough, and never of our own choosing."""

import os
import string
from pathlib import Path, PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sr_cli.batch import SAME, Naming
from sr_cli.errors import ConfigError

FACTS = {"model": "hf:owner/name", "scale": "4"}


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{stem}", "a.b.png"),
        ("{name}", "a.b.jpg.png"),
        ("{parent}-{stem}.{suffix}", "scans-a.b.jpg.png"),
        ("{stem}_{scale}x_{model}", "a.b_4x_hf-owner-name.png"),
        ("{{{stem}}}", "{a.b}.png"),
    ],
)
def test_templates(template, name):
    naming = Naming(template, facts=FACTS)
    assert naming.name(Path("scans/a.b.jpg")) == name


def test_endings_and_formats():
    assert Naming(ending="_4x", format="jpg").name(Path("a.png")) == "a_4x.jpg"
    same = Naming(format=SAME)
    assert same.name(Path("A.JPEG")) == "A.JPEG"
    assert same.name(Path("a.tif")) == "a.tif"
    assert same.name(Path("a.unknown")) == "a.png"


@pytest.mark.parametrize(
    "template",
    [
        *("{", "}", "{}", "{0}", "{nothing}", "{stem.__class__}", "{stem[0]}"),
        *("{stem!r}", "{stem:>20}", "../{stem}", "/tmp/{stem}", "a\\{stem}", "\0"),
    ],
)
def test_templates_that_reach_elsewhere_are_refused(template):
    with pytest.raises(ConfigError):
        Naming(template)


def test_an_ending_is_no_path():
    with pytest.raises(ConfigError, match="separators"):
        Naming(ending="/../x")


def test_nothing_is_no_name():
    with pytest.raises(ConfigError, match="Nothing is left"):
        Naming("{suffix}").name(Path("a"))


COMPONENTS = st.text(
    st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=200
).filter(lambda name: name not in (".", "..") and len(os.fsencode(name)) <= 255)
TEMPLATES = st.lists(
    st.sampled_from(["{stem}", "{name}", "{suffix}", "{parent}", "{model}", "_", ".."])
).map("".join)


@given(COMPONENTS, COMPONENTS, TEMPLATES, st.text(string.printable, max_size=9))
def test_every_name_is_one_component_that_fits(parent, source, template, ending):
    try:
        naming = Naming(template, ending, facts=FACTS)
        name = naming.name(Path("/") / parent / source)
    except ConfigError:
        return
    assert PurePath("out", name).parent == PurePath("out")
    assert name not in (".", "..")
    assert "/" not in name
    assert "\0" not in name
    assert len(os.fsencode(name)) <= 255
    assert name.endswith(f"{ending}.png")


@given(st.lists(COMPONENTS, unique=True, min_size=2))
def test_whole_names_tell_inputs_apart(sources):
    names = [Naming("{name}").name(Path(source)) for source in sources]
    assert len(set(names)) == len(names)


def test_long_names_are_cut_between_characters():
    name = Naming(ending="_4x", format="webp").name(Path("é" * 125 + "x.png"))
    assert len(os.fsencode(name)) <= 255
    assert name.startswith("é" * 100)
    assert name.endswith("_4x.webp")
    assert name.isprintable()
