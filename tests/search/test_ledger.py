"""Which trial has a network, when several searches claim it."""

from nas.search.ledger import Ledger


def test_lower_of_two_claims_has_the_network_in_whatever_order_they_are_seen() -> None:
    for order in ((3, 7), (7, 3)):
        ledger = Ledger()
        for number in order:
            ledger.start(number, "a")
        assert ledger.number_of("a") == 3


def test_only_the_claim_that_has_a_network_gives_it_back() -> None:
    ledger = Ledger()
    ledger.start(3, "a")
    ledger.drop(7, "a")
    assert ledger.number_of("a") == 3
    ledger.drop(3, "a")
    assert ledger.number_of("a") == -1
