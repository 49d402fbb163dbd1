from xml.etree import ElementTree

import pytest

from nas.report.curve import curve_svg

NAME = "{http://www.w3.org/2000/svg}"
READINGS = [(100, 31.9, 31.6), (300, 32.3, 32.1), (1000, 32.6, 32.4)]


def dots(svg):
    """Places of the dots, those of the float line first."""
    found = ElementTree.fromstring(svg).findall(f"{NAME}circle")
    return [(float(dot.get("cx")), float(dot.get("cy"))) for dot in found]


def test_curve_rises_with_quality_and_its_axis_of_steps_is_logarithmic():
    places = dots(curve_svg(READINGS))
    assert len(places) == 6
    (x0, y0), (x1, y1), (x2, y2) = places[:3]
    assert (x1 - x0) / (x2 - x0) == pytest.approx(0.477, abs=2e-3)  # log 3 / log 10
    assert y0 > y1 > y2, "down the page is worse"
    assert all(a[1] < b[1] for a, b in zip(places[:3], places[3:], strict=True)), "float is above"


def test_curve_tells_the_last_values():
    texts = [t.text for t in ElementTree.fromstring(curve_svg(READINGS)).iter(f"{NAME}text")]
    assert {"float 32.60", "INT8 32.40", "100", "300", "1,000"} <= set(texts)


@pytest.mark.parametrize("reading", [(100, 30.0, 30.0), (0, -1.0, 50.0)])
def test_one_reading_makes_a_picture(reading):
    assert len(dots(curve_svg([reading]))) == 2


@pytest.mark.parametrize("loss_db", [0.0, 0.01, -0.01, 0.2])
def test_names_at_the_ends_stand_apart(loss_db):
    svg = ElementTree.fromstring(curve_svg([(100, 30.0, 29.0), (300, 31.0, 31.0 - loss_db)]))
    ends = [float(t.get("y")) for t in svg.iter(f"{NAME}text") if t.get("fill") != "#1c2530"]
    assert abs(ends[0] - ends[1]) >= 14
