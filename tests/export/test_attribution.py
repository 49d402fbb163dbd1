"""Whose images they are: of what is known its terms, of the rest that nothing is known."""

import pytest

from nas.data.catalog import all_sets
from nas.export.attribution import attribution
from nas.export.check_set import PHOTOGRAPHS


def section(text: str, title: str) -> str:
    return text.partition(f"## {title}\n")[2].partition("\n## ")[0]


def test_bundled_images_are_synthetic_and_photographs() -> None:
    text = attribution("bundled", None)
    assert "Nobody else's work is in them" in section(text, "Training images")
    assert "Middlebury Stereo Datasets 2014" in section(text, "Validation images")


def test_every_image_in_the_package_has_its_maker() -> None:
    rows = section(attribution("photos", None), "Images in `check/`")
    for name in PHOTOGRAPHS:
        assert f"| `{name}` |" in rows


@pytest.mark.parametrize("known", [each for each in all_sets() if "-" not in each.name])
def test_a_set_of_the_catalogue_has_its_licence(known: object) -> None:
    for entry in (f"data/{known.folder}", f"/somewhere/{known.folder}/more"):  # type: ignore[attr-defined]
        text = section(attribution(entry, None), "Training images")
        assert known.licence in text  # type: ignore[attr-defined]
        assert known.homepage in text  # type: ignore[attr-defined]


def test_of_own_folders_nothing_is_known() -> None:
    text = attribution("/home/me/holiday, bundled", "/home/me/cats")
    training = section(text, "Training images")
    assert "The folder `holiday`, of which nothing is known here." in training
    assert "Nobody else's work" in training
    validation = section(text, "Validation images")
    assert "The folder `cats`, of which nothing is known here." in validation
    assert "/home/me" not in text


def test_without_own_validation_a_part_was_held_out() -> None:
    text = section(attribution("photos", None), "Validation images")
    assert text.strip() == "Images of `photos` that were held out."
