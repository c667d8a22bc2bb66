"""The facts of an architecture, and what reads them back."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sr_cli.catalog import MODELS, Architecture
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
        {"blocks": "16"},
        {"blocks": 10**12},
        {"channels": -1},
        {"channels": 1.5},
        {"output_range": [0, 0]},
        {"output_range": [0, float("inf")]},
        {"output_range": ["black", "white"]},
        {"output_range": [0, 1, 2]},
        {"output_range": 1},
    ],
)
def test_unknown_facts_are_refused(change):
    facts = json.loads(Architecture(normalization="none").to_json()) | change
    with pytest.raises(WeightsError, match=r"lacks|no known architecture"):
        Architecture.from_json(json.dumps(facts))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=4,
)
KEYS = ("family", "blocks", "channels", "normalization", "scale", "output_range", "x")


@given(st.dictionaries(st.sampled_from(KEYS), JSON) | JSON)
def test_whatever_a_header_says_is_read_or_refused(facts):
    try:
        found = Architecture.from_json(json.dumps(facts))
    except WeightsError:
        return
    assert found.output_range[0] < found.output_range[1]
    assert found.blocks >= 0


@pytest.mark.parametrize("spec", MODELS, ids=lambda spec: spec.id)
def test_what_is_on_the_hub_is_pinned_to_a_commit(spec):
    assert bool(spec.repo) == bool(spec.revision)
    assert re.fullmatch(r"[0-9a-f]{40}" if spec.repo else "", spec.revision)
    assert re.fullmatch(r"[0-9a-f]{64}", spec.sha256)
