"""Which trial has a network, when several searches claim it."""

from nas.search.candidates import Candidate
from nas.search.ledger import Finished, Ledger
from nas.search.tasks import Measured


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


def test_the_best_has_the_quality_that_is_demanded_or_is_the_closest_to_it() -> None:
    def finished(number: int, score: float, lacking_db: float, steps: int = 1000) -> Finished:
        candidate = Candidate((), f"{number}", "", "", 9.0, 8.0, 10.0, 1.0, 1, 1, 1.0, 1.0)  # type: ignore[arg-type]
        measured = Measured(((steps, 28.0, 28.0),))
        return Finished(number, candidate, measured, score, lacking_db=lacking_db)

    ledger = Ledger()
    expected = []
    for each in (
        finished(0, 9.0, 0.5, steps=100),
        finished(1, 8.0, 0.3),
        finished(2, 7.0, 0.1),
        finished(3, 5.0, 0.0),
        finished(4, 6.0, 0.2),
    ):
        ledger.finish(each)
        best = ledger.best()
        assert best is not None
        expected.append(best.number)
    assert expected == [0, 1, 2, 3, 3]
