"""Crops of a run, where two networks differ on them, and how a page shows that."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from nas.data.metrics import psnr_db
from nas.report.contest import contest_of
from nas.report.crops import Crops, Detail, most_different, read_crops
from nas.report.files import read_run
from nas.report.headline import headline
from nas.report.pictures import pictures


def images(count: int, edge: int) -> np.ndarray:
    return np.full((count, edge, edge, 3), 100, np.uint8)


@pytest.fixture
def run(make_run):
    """Files, contest, and crops of a finished run."""
    files = read_run(make_run())
    contest = contest_of(files)
    trials = [int(row["number"]) for row in (contest.winner, contest.rival)]
    return files, contest, read_crops(files.folder, trials)


def test_details_lie_where_the_squared_error_is_largest():
    a, b = images(3, 20), images(3, 20)
    b[2, 4:8, 10:14] += 50  # 16 pixels
    b[0, 12:14, 0:2] += 90  # 4 pixels: 4 * 8100 < 16 * 2500
    assert most_different(a, b, edge=4, count=2) == [Detail(2, 4, 10, 4), Detail(0, 10, 0, 4)]


def test_a_detail_is_never_larger_than_its_image():
    (detail,) = most_different(images(1, 6), images(1, 6), edge=72, count=4)
    assert detail == Detail(0, 0, 0, 6)


def test_crops_are_those_of_the_run(run):
    _, contest, crops = run
    assert crops.scale == 3
    assert crops.truth.shape == (6, 96, 96, 3)
    assert crops.bicubic.shape == crops.truth.shape
    number = int(contest.winner["number"])
    expected = [
        psnr_db(made, truth, shave=3)
        for made, truth in zip(crops.by_trial[number], crops.truth, strict=True)
    ]
    assert crops.psnrs_db(number) == expected


@pytest.mark.parametrize("harm", ["absent", "no picture", "another size"])
def test_damaged_crops_are_none(run, harm):
    files, contest, _ = run
    number = int(contest.winner["number"])
    file = files.folder / "finalists" / str(number) / "crops.png"
    if harm == "absent":
        file.unlink()
    elif harm == "no picture":
        file.write_bytes(b"no PNG")
    else:
        Image.fromarray(images(1, 30)[0]).save(file)
    assert read_crops(files.folder, [number]) is None


def test_pictures_are_the_pixels_of_each_column_with_their_psnr(run):
    _, contest, crops = run
    page = pictures(contest, crops)
    tags = re.findall(
        r'<img src="data:image/png;base64,([^"]+)" width="72" .*? alt="([^"]+)"', page
    )
    assert len(tags) == 4 * 4
    mine, other = (crops.by_trial[int(r["number"])] for r in (contest.winner, contest.rival))
    (detail, *_) = most_different(mine, other, edge=72, count=4)
    for (encoded, alt), stack in zip(tags, (crops.bicubic, other, mine, crops.truth), strict=False):
        shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))))
        assert np.array_equal(shown, detail.of(stack))
        assert alt.startswith(f"72x72 pixels of validation crop {detail.crop + 1}: ")
        if stack is not crops.truth:
            assert f"{psnr_db(shown, detail.of(crops.truth)):.2f} dB from the ground truth" in alt
    assert "differs most from the best published network by squared error, whoever" in page


def test_a_published_winner_is_shown_beside_bicubic(run):
    _, contest, crops = run
    alone = type(contest)(contest.rival, contest.rival, "score", True)
    page = pictures(alone, crops)
    assert page.count("<img") == 4 * 3
    assert "differs most from bicubic interpolation" in page


def test_headline_tells_the_difference_crop_by_crop(run):
    _, contest, crops = run
    mine, other = (crops.psnrs_db(int(r["number"])) for r in (contest.winner, contest.rival))
    better = sum(a > b for a, b in zip(mine, other, strict=True))
    told = f"The difference of {np.mean(mine) - np.mean(other):+.2f} dB is a mean over 6 validation"
    assert told in headline(contest, crops)
    assert f"of which {better} are better" in headline(contest, crops)


def test_equal_networks_have_no_finite_error():
    crops = Crops(images(2, 8), images(2, 24), {1: images(2, 24)})
    assert crops.psnrs_db(1) == [float("inf")] * 2
