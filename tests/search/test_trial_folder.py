"""What a run keeps of a trial, and what is left when it is forgotten."""

from pathlib import Path

from nas.graph import to_text
from nas.search.crops import CROPS
from nas.search.trial_folder import forget, is_kept, keep_network, keep_state
from nas.zoo import zoo_graph
from tests.search.fakes import Steady

XCAT = zoo_graph("XCAT")


def test_a_trial_that_is_forgotten_leaves_no_file(tmp_path: Path) -> None:
    reached = Steady(None, scale=3, seed=0).advance(XCAT, 0, b"")
    (tmp_path / CROPS).mkdir()
    keep_state(tmp_path, 7, reached)
    keep_network(tmp_path, 7, to_text(XCAT, separator="; "), reached)
    assert is_kept(tmp_path, 7, XCAT.digest)
    forget(tmp_path, 7)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
