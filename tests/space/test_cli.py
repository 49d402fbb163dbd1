"""`nas space show` says how many networks there are, and how sure that is."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nas.cli.space import app

RUN = CliRunner()
COLLIDING = """
from nas.graph import Conv2d, DepthToSpace, GraphBuilder
from nas.space import Choice, Space
def build(pick, scale):
    g = GraphBuilder()
    return g.graph(g.chain(g.input, Conv2d(3 * scale**2), DepthToSpace(scale)))
space = Space("mine", (Choice("width", (4, 8)),), build, scales=(2, 4))
"""

SAID = [  # arguments, second line
    (["hxnet"], "1,229,760 distinct networks at scale 3"),
    (["hxnet", "--scale", "2"], "at most 1,229,760 distinct networks at scale 2"),
    (["mobile"], "at most 12,938,400 distinct networks at scale 3"),
    (["gblock", "--scale", "4"], "72,576 distinct networks at scale 4"),
    (["mine.py"], "1 distinct networks of 2 picks at scale 2"),
]


@pytest.mark.parametrize(("arguments", "said"), SAID, ids=[" ".join(row[0]) for row in SAID])
def test_space_show_counts_networks(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(COLLIDING)
    assert RUN.invoke(app, ["show", *arguments]).stdout.splitlines()[1] == said


@pytest.mark.parametrize(("name", "distinct"), [("mobile", None), ("hxnet", 1_229_760)])
def test_json_has_picks_and_networks(name: str, distinct: int | None) -> None:
    shown = json.loads(RUN.invoke(app, ["show", name, "--json"]).stdout)
    assert shown["size"] >= (distinct or 0)
    assert (shown["distinct"], shown["distinct_at_scale"]) == (distinct, 3)
