"""What `nas runs prune` takes away."""

import shutil
from pathlib import Path

import pytest

from nas.errors import RunError
from nas.search import history
from nas.search.evaluation_cache import EvaluationCache
from nas.search.history import prune_cache


def test_pruning_the_cache_tells_where_it_lay_and_the_bytes() -> None:
    cache = EvaluationCache()
    assert prune_cache() == (cache.folder, 0)
    cache.keep("key", {"weights": b"1234"})
    size = cache.size_bytes()
    assert prune_cache() == (cache.folder, size)
    assert not cache.folder.exists()


def test_a_cache_that_cannot_be_emptied_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: Path) -> None:
        raise PermissionError(13, "Permission denied", str(folder))

    cache = EvaluationCache()
    cache.keep("key", {"weights": b"1234"})
    monkeypatch.setattr(shutil, "rmtree", refuse)
    with pytest.raises(RunError) as caught:
        history.prune_cache()
    assert caught.value.message == f"{cache.folder} cannot be emptied: Permission denied"
    assert caught.value.hint == "check its rights, then try again"
