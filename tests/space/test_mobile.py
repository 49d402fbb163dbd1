"""`mobile` holds every challenge network of 2021 and 2022, forms and all; its parts hold theirs."""

import pytest

from nas.space import load_space
from nas.zoo import ENTRIES

MOBILE = load_space("mobile")
RESIDUAL = load_space("residual")
TOO_LARGE = "mju_gogogo-EDSRatt"  # 64 channels, 2,020 ms on a phone
CHALLENGE = [
    name
    for name, entry in ENTRIES.items()
    if entry.year in (2021, 2022) and entry.build().scale == 3 and name != TOO_LARGE
]


@pytest.fixture(scope="module")
def known_digests() -> set[str]:
    return {MOBILE.graph(pick).digest for pick in MOBILE.known.values()}


def test_challenge_networks_are_all_there() -> None:
    assert len(CHALLENGE) == 47 + 28  # XCAT, two readings, thirteen ablations, twelve of Table 3
    assert {"XLSR", "ABPN", "SCSRN", "TinySRNet-skip3x3", "Noahtcv", "XCAT-M"} < set(CHALLENGE)


@pytest.mark.parametrize("name", CHALLENGE)
def test_challenge_network_is_a_point(name: str, known_digests: set[str]) -> None:
    graph = ENTRIES[name].build()
    assert graph.digest in known_digests
    if name in MOBILE.known:
        assert MOBILE.graph(MOBILE.known[name]) == graph


def test_known_networks_are_published() -> None:
    assert set(MOBILE.known) <= set(CHALLENGE)
    equal = {"XCAT-A", "XCAT-T3-21_7-m2-cross", "XCAT-T3-21_7-m4-cross"}  # as XCAT, XCAT, XCAT-E
    assert set(CHALLENGE) - set(MOBILE.known) == equal


@pytest.mark.parametrize("space", ["anchor", "gblock"])
def test_known_networks_of_a_part_are_those_of_its_family(space: str) -> None:
    part = load_space(space)
    for name, pick in part.known.items():
        assert part.graph(pick) == ENTRIES[name].build() == MOBILE.graph(MOBILE.known[name])
        assert MOBILE.known[name]["family"] == space


@pytest.mark.parametrize("scale", [2, 4])
def test_edsr_of_fqsr_is_a_point(scale: int) -> None:
    built = RESIDUAL.graph(RESIDUAL.known["FQSR-EDSR"], scale=scale)
    assert built == ENTRIES[f"FQSR-EDSR-x{scale}"].build()
