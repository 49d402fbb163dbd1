"""The part of the page for who has so many milliseconds."""

import re
from dataclasses import replace
from html import unescape

from nas.report.best_under import best_under_part
from nas.report.files import read_run
from nas.search.front import front


def cells_of(part: str) -> list[list[str]]:
    rows = part.partition("<tbody>")[2].split("<tr>")[1:]
    return [[unescape(cell) for cell in re.findall(r"<t[hd][^>]*>([^<]*)<", row)] for row in rows]


def test_each_time_of_the_front_has_a_row(make_run):
    files = read_run(make_run())
    members = front(files.trials).to_dict("records")
    cells = cells_of(best_under_part(files))
    assert len(cells) == len(members) > 2
    leader = members[0]
    for told, row in zip(cells, members, strict=True):
        leader = max(leader, row, key=lambda each: each["score"])
        assert told == [
            f"{row['latency_ms']:.2f}\xa0ms",
            f"#{row['number']} {row['zoo'] or row['digest'][:8]}",
            f"{row['psnr_int8_db']:.2f}",
            f"{row['latency_low_ms']:.2f} to {row['latency_high_ms']:.2f}",
            f"{row['size_kib']:.1f}",
            f"{row['memory_mb']:.1f}",
            f"{row['score']:.4g}",
            f"{row['score_ratio']:.3f}",
            "itself"
            if leader is row
            else f"#{leader['number']} {leader['zoo'] or leader['digest'][:8]}",
        ]


def test_a_run_of_before_has_dashes_and_no_demand(make_run):
    files = read_run(make_run())
    bare = files.trials.assign(size_kib=float("nan"), memory_mb=float("nan"))
    part = best_under_part(replace(files, trials=bare))
    assert {row[4] for row in cells_of(part)} == {"\N{EN DASH}"}
    assert "asked for" not in part


def test_a_demand_that_nothing_meets_is_told(make_run):
    files = read_run(make_run())
    lacking_db = 60 - files.trials["psnr_int8_db"]
    unmet = replace(
        files,
        trials=files.trials.assign(lacking_db=lacking_db),
        config={**files.config, "min_psnr_db": 60.0},
    )
    part = best_under_part(unmet)
    full = files.finished[files.finished["steps"] == files.finished["steps"].max()]
    closest = full.sort_values("psnr_int8_db").iloc[-1]
    assert len(cells_of(part)) == 1
    assert "reaches the 60.0 dB that were asked for. The closest one, " in part
    assert f"lacks {60 - closest['psnr_int8_db']:.2f} dB" in part
