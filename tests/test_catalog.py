"""The facts of an architecture, and what reads them back."""

import json

import pytest

from sr_cli.catalog import Architecture
from sr_cli.errors import WeightsError


@pytest.mark.parametrize("family", ["srresnet", "srcnn", "espcn"])
def test_facts_survive_their_header(family):
    facts = Architecture(family=family, channels=32, output_range=(-1.0, 1.0))
    assert Architecture.from_json(facts.to_json()) == facts


@pytest.mark.parametrize("family", ["srcnn", "espcn"])
def test_facts_that_do_not_apply_make_no_difference(family):
    one = Architecture(family=family, blocks=3, normalization="batch")
    assert one == Architecture(family=family)
    assert (one.blocks, one.normalization) == (0, "none")


def test_a_header_from_before_there_were_families_is_read():
    text = (
        '{"blocks": 5, "channels": 32, "normalization": "none", '
        '"output_range": [0.0, 1.0], "scale": 4}'
    )
    assert Architecture.from_json(text) == Architecture(
        blocks=5, channels=32, normalization="none"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"family": "vdsr"},
        {"family": ["espcn"]},
        {"normalization": "layer"},
        {"scale": 1_000_000},
        {"scale": "4"},
        {"depth": 3},
    ],
)
def test_unknown_facts_are_refused(change):
    facts = json.loads(Architecture(normalization="none").to_json()) | change
    with pytest.raises(WeightsError, match=r"lacks|no known architecture"):
        Architecture.from_json(json.dumps(facts))
