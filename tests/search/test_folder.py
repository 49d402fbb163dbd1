"""Run folders: where they may be, and what is said where they may not."""

from pathlib import Path

import pytest

from nas.errors import RunError
from nas.search.folder import create_run, find_run, new_run_path

HINT = "(give --run a place where there is room and you may write)"


@pytest.mark.parametrize(
    ("name", "said"),
    [("/proc/x", "No such file or directory"), ("file/x/y", "Not a directory")],
)
def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, name: str, said: str) -> None:
    Path("file").touch()
    with pytest.raises(RunError) as caught:
        create_run(new_run_path(name, space="hxnet", device="d"), {})
    assert str(caught.value) == f"run folder {name} cannot be created: {said} {HINT}"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_a_kill_left_of_a_new_run_is_no_run() -> None:
    create_run(Path("runs/a"), {})
    create_run(Path("runs/.b.partial-7"), {})
    assert find_run() == Path("runs/a")


@pytest.mark.parametrize("name", ["", " "])
def test_an_empty_name_is_refused(name: str) -> None:
    message = "the name of a run is empty (give --run a name below runs/, or a path)"
    with pytest.raises(RunError) as new:
        new_run_path(name, space="hxnet", device="d")
    with pytest.raises(RunError) as old:
        find_run(name)
    assert str(new.value) == str(old.value) == message


def test_an_unknown_run_names_a_few_others() -> None:
    with pytest.raises(RunError) as none:
        find_run("gone")
    assert str(none.value) == "there is no run in runs/gone (known: none)"
    for i in range(7):
        create_run(Path(f"runs/{i}"), {})
    with pytest.raises(RunError) as caught:
        find_run("gone")
    assert str(caught.value).endswith(" and 2 more)")
    assert str(caught.value).count(",") == 4
