"""Commands that a report proposes."""

import json
import re
import shlex
from html import unescape

from typer.testing import CliRunner

from nas.cli.main import app
from nas.report.advice import advice
from nas.report.contest import contest_of
from nas.report.files import read_run


def commands_of(run) -> list[str]:
    files = read_run(run)
    blocks = re.findall(
        r"<pre class=\"commands\".*?>(.*?)</pre>", advice(files, contest_of(files)), re.S
    )
    return unescape("\n".join(blocks)).splitlines()


def test_commands_name_the_run_and_its_winner(make_run):
    run = make_run()
    winner = json.loads((run / "best" / "result.json").read_text())["trial"]
    found = commands_of(run)
    train = "--recipe l1 --data data/DIV2K --budget-steps 20000 --out winner"
    assert f"nas train --network {run}#{winner} {train}" in found
    assert "nas data fetch div2k" in found
    assert f"nas export {run} --out package" in found
    assert f"nas upscale PHOTO --network {run} --out upscaled.png" in found


def test_own_images_are_trained_on_again(make_run):
    run = make_run()
    config = json.loads((run / "config.json").read_text())
    config |= {"data": "my photos", "valid": "others"}
    (run / "config.json").write_text(json.dumps(config))
    found = commands_of(run)
    assert "nas data fetch div2k" not in found
    (train,) = [line for line in found if line.startswith("nas train")]
    assert "--data 'my photos' --valid others" in train


def test_an_unfinished_run_is_finished_first(make_run):
    run = make_run(finished=False)
    assert commands_of(run)[0] == f"nas search --run {run} --resume"
    assert not any("upscale" in line for line in commands_of(run))


def test_commands_and_options_exist(make_run):
    known = {}
    for line in commands_of(make_run()):
        words = shlex.split(line)[1:]
        name = words[:2] if words[0] == "data" else words[:1]
        help_text = known.setdefault(
            tuple(name), CliRunner().invoke(app, [*name, "--help"], terminal_width=200).output
        )
        for option in (word for word in words if word.startswith("--")):
            assert option in help_text, line
