import io

import numpy as np
import pytest
from PIL import Image

from nas.report.detail_image import detail_png, has_details
from nas.search.crops import CROPS, LR_STRIP, TRUTH_STRIP, strip_png

EDGE = 24
TILE = 8 * EDGE  # the first multiple of 24 from 180 on
COLUMN = 8 + TILE  # after a gap


@pytest.fixture
def run(tmp_path):
    """Four crops, of which trial 5 made grey."""
    truth = np.random.default_rng(0).integers(0, 256, (4, EDGE, EDGE, 3), dtype=np.uint8)
    (tmp_path / CROPS).mkdir()
    (tmp_path / CROPS / LR_STRIP).write_bytes(strip_png(truth[:, ::3, ::3]))
    (tmp_path / CROPS / TRUTH_STRIP).write_bytes(strip_png(truth))
    (tmp_path / CROPS / "5.png").write_bytes(strip_png(np.full_like(truth[:3], 77)))
    return tmp_path


def picture(png):
    return np.asarray(Image.open(io.BytesIO(png)))


def test_columns_are_bicubic_network_original(run):
    sheet = picture(detail_png(run, 5))
    assert sheet.shape == (8 + 3 * (TILE + 24 + 8), 8 + 3 * COLUMN, 3)
    tile = sheet[8 : 8 + TILE, 8 + COLUMN : 8 + COLUMN + TILE]
    assert (tile == 77).all(), "what the network made stands in the middle"


def test_finalist_has_a_column_of_what_litert_made(run):
    folder = run / "finalists" / "5"
    folder.mkdir(parents=True)
    (folder / "crops.png").write_bytes(strip_png(np.full((4, EDGE, EDGE, 3), 55, np.uint8)))
    sheet = picture(detail_png(run, 5))
    assert sheet.shape[1] == 8 + 4 * COLUMN
    assert (sheet[8 : 8 + TILE, 8 + 2 * COLUMN : 8 + 2 * COLUMN + TILE] == 55).all()


def test_run_without_crops_has_no_details(run, tmp_path):
    assert has_details(run, 5)
    assert not has_details(run, 6)
    (run / CROPS / TRUTH_STRIP).unlink()
    assert not has_details(run, 5)


@pytest.mark.parametrize("name", [TRUTH_STRIP, "5.png"])
def test_link_out_of_the_run_is_not_followed(run, tmp_path_factory, name):
    outside = tmp_path_factory.mktemp("outside") / "secret.png"
    (run / CROPS / name).rename(outside)
    (run / CROPS / name).symlink_to(outside)
    with pytest.raises(OSError, match="outside of the run"):
        detail_png(run, 5)


def test_strips_that_do_not_belong_together_are_refused(run):
    (run / CROPS / "5.png").write_bytes(strip_png(np.zeros((3, 12, 12, 3), np.uint8)))
    with pytest.raises(ValueError, match=r"crops of trial 5 .* differ in size"):
        detail_png(run, 5)
