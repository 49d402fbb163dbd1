"""The catalogue is whole, and says what a person must know before fetching."""

import re
from pathlib import PurePosixPath

import pytest

from nas.data.catalog import EVERYTHING, Download, ImageSet, all_sets, find_set
from nas.data.images import SUFFIXES
from nas.errors import DataError

LENGTH = {"md5": 32, "sha256": 64}
each_set = pytest.mark.parametrize("known", all_sets(), ids=lambda known: known.name)


def downloads(known: ImageSet) -> list[Download]:
    return [download for source in known.sources for download in source.downloads]


def test_the_sets_of_the_literature_are_there() -> None:
    wanted = "div2k flickr2k set5 set14 b100 urban100 manga109 kodak24 t91 bsds500"
    assert set(wanted.split()) <= {known.name for known in all_sets()}


@each_set
def test_a_set_says_its_terms(known: ImageSet) -> None:
    for text in (known.title, known.about, known.licence, known.citation, known.homepage):
        assert text == text.strip() != ""
    assert known.num_images > 0
    assert known.homepage.startswith(("http://", "https://"))


@each_set
def test_files_are_described_well(known: ImageSet) -> None:
    for download in downloads(known):
        assert download.url.startswith("https://")
        path = PurePosixPath(download.url)
        assert path.suffix in {".zip", ".tar", ".tgz", ".gz"} | SUFFIXES
        assert download.size_bytes is None or download.size_bytes > 0
        assert bool(download.checksum) == bool(download.checksum_from)
        if download.checksum:
            algorithm, _, digits = download.checksum.partition(":")
            assert re.fullmatch(f"[0-9a-f]{{{LENGTH[algorithm]}}}", digits)


@each_set
def test_images_land_where_the_set_says(known: ImageSet) -> None:
    for download in downloads(known):
        into, folder = PurePosixPath(download.into), PurePosixPath(known.folder)
        assert not into.is_absolute()
        assert into.is_relative_to(folder) or folder.is_relative_to(into)


@each_set
def test_the_publisher_comes_before_the_mirrors(known: ImageSet) -> None:
    mirrors = [source.is_mirror for source in known.sources]
    assert mirrors == sorted(mirrors)
    assert mirrors[:1] in ([], [False])


def test_a_file_name_stands_for_one_file() -> None:
    """Records are kept by name, and sets may share a file."""
    found: dict[str, Download] = {}
    for known in all_sets():
        for download in downloads(known):
            assert found.setdefault(download.name, download) == download


def test_sizes_add_up() -> None:
    (source,) = find_set("div2k").sources
    assert source.size_bytes == 3_530_603_713 + 448_993_893 + 427_847_282 + 54_513_392
    assert find_set("bsds500").sources[0].size_bytes is None


def test_mirrors_of_the_benchmarks_are_flat() -> None:
    for name in ("set5", "set14", "b100", "urban100"):
        (mirror,) = find_set(name).sources[1].downloads
        assert mirror.take == EVERYTHING
        assert mirror.into == f"{find_set(name).folder}/HR"


def test_names_are_found_in_any_case() -> None:
    assert find_set("DIV2K").name == "div2k"


def test_an_unknown_name_is_told_its_neighbour() -> None:
    with pytest.raises(DataError) as caught:
        find_set("urban10")
    known = ", ".join(known.name for known in all_sets())
    assert str(caught.value) == (
        f"there is no image set 'urban10' (did you mean urban100? known: {known})"
    )
    with pytest.raises(DataError, match=r"there is no image set 'imagenet' \(known: div2k"):
        find_set("imagenet")
