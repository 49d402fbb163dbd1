"""A run folder may come from anybody: one line and exit code 2, no program, no file elsewhere."""

import csv
import json
import os
import pickle
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.cli.main import main
from nas.errors import RunError, UserError
from nas.search.config import SearchConfig, config_of, storage_of
from nas.search.damage import readable
from nas.search.events import Silent
from nas.search.facts import read_facts
from nas.search.folder import is_locked, locked, new_run_path, write_text
from nas.search.run import join, resume, start
from nas.search.storage import open_storage, storage_url

FAKES = "tests.search.fakes"
Mutate = Callable[[Path], object]
READ = ("runs show r", "runs check r", "report r")
WRITE = ("search --run r --resume", "runs prune r", "export r --out package")
VICTIM = Path("victim")


class Payload:
    """Unpickled, it makes a file."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("executed"),)


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory in which a search was finished."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("searched")
    (folder / "images").mkdir()
    for seed in range(3):
        pixels = os.urandom(120 * 120 * 3)
        Image.frombytes("RGB", (120, 120), pixels).save(folder / "images" / f"{seed}.png")
    before = Path.cwd()
    os.chdir(folder)
    try:
        config = SearchConfig(budget=2, data="images", cluster="inline")
        start(config, name="r", watch=Silent(), bench=f"{FAKES}:Converting")
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def run(searched: Path, tmp_path: Path) -> Path:
    """A copy of that run, and beside it something of the person who got it."""
    shutil.copytree(searched, tmp_path, dirs_exist_ok=True)
    (VICTIM / "5").mkdir(parents=True)
    for name in ("state-1", "7.png", "5/graph.txt"):
        (VICTIM / name).write_text("mine")
    return Path("runs/r")


@pytest.fixture
def said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[str], str]:
    """What is wrong, as a command says it in its last line; "" where it ends well."""

    def call(line: str) -> str:
        monkeypatch.setattr("sys.argv", ["nas", *line.split()])
        code: object = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        shown = capsys.readouterr()
        if code in (0, 1):
            return ""
        assert code == 2, shown.err
        assert "Traceback" not in shown.err
        last = str(shown.err.splitlines()[-1])
        assert last.startswith("error: ")
        assert last.endswith(")"), "a hint"
        assert last.isprintable()
        return last

    return call


def change(run: Path, **values: object) -> None:
    file = run / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


def victim() -> list[tuple[str, str]]:
    return sorted((str(p), p.read_text()) for p in VICTIM.rglob("*") if p.is_file())


CONFIGS: list[tuple[bytes, str]] = [
    (b"{", "is no configuration of a run"),
    (b"[1]", "it holds no object"),
    (b"\xff\xfe{}", "it is not in UTF-8"),
    (b"{}", "it has no budget"),
    (b"[" * 10**5 + b"]" * 10**5, "it is nested too deeply"),
    (b'{"budget": ' + b"[" * 600 + b"]" * 600 + b"}", "it "),
    (b" " * 2**21, "it has more than 1048576 bytes"),
    (b'{"budget": ' + b"9" * 10**4 + b"}", "is no configuration of a run"),
]


@pytest.mark.parametrize(("content", "message"), CONFIGS)
def test_what_is_no_configuration_is_one_line(
    run: Path, said: Callable[[str], str], content: bytes, message: str
) -> None:
    (run / "config.json").write_bytes(content)
    for line in ("runs show r", "runs check r", "search --run r --resume"):
        assert message in said(line)
    assert said("runs list") == ""


VALUES: list[tuple[dict[str, object], str]] = [
    ({"max_latency_ms": float("nan")}, "max_latency_ms is nan"),
    ({"max_hours": float("inf")}, "max_hours is inf"),
    ({"max_memory_gb": 10**400}, "max_memory_gb is a number of more than 19 digits"),
    ({"max_memory_gb": 10**12}, "--max-memory-gb 1000000000000 is too large"),
    ({"seed": 10**15}, "seed 1000000000000000 is outside 0 to 4294967295"),
    ({"study": ["a"]}, "study is ['a']"),
    ({"study": "\0"}, "'study' holds a text that is too long or has control signs"),
    ({"space": "x\x1b[31m"}, "'space' holds a text that is too long or has control signs"),
    ({"data": "d" * 5000}, "'data' holds a text that is too long or has control signs"),
    ({"scale": -3}, "space 'hxnet' has no scale -3"),
    ({"device": "../../etc"}, "there is no device '../../etc'"),
    ({"data": "/proc"}, "no usable images in /proc"),
    ({"extra": {"deep": [float("nan")]}}, "extra is nan"),
]


@pytest.mark.parametrize(("values", "message"), VALUES)
def test_a_manipulated_value_is_named(
    run: Path, said: Callable[[str], str], values: dict[str, object], message: str
) -> None:
    change(run, **values)
    assert message in said("search --run r --resume")


PLAIN = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20),
    st.lists(st.integers(), max_size=2), st.dictionaries(st.text(max_size=3), st.none()),
)  # fmt: skip


@given(st.dictionaries(st.sampled_from([*SearchConfig().to_json(), "study", "x"]), PLAIN))
def test_a_configuration_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, object]
) -> None:
    file = tmp_path_factory.getbasetemp() / "config.json"
    file.write_text(json.dumps({**SearchConfig().to_json(), **values}))
    with suppress(ValueError, UserError):
        config, _ = config_of(read_facts(file))
        config.merged({}, file.parent).check()


OUTSIDE = [
    ({"space": "runs/r/evil.py"}, "--space runs/r/evil.py again"),
    ({"space": "http://host/evil.py"}, "--space http://host/evil.py again"),
    ({"cluster": "tcp://127.0.0.1:9"}, "--cluster tcp://127.0.0.1:9 again, or another"),
    ({"cluster": "slurm:runs/r/jobs.yaml"}, "--cluster slurm:runs/r/jobs.yaml again, or another"),
    ({"storage": "postgresql://host/x"}, "--storage postgresql://host/x again"),
    ({"storage": "sqlite:///victim/x.db"}, "--storage sqlite:///victim/x.db again"),
]


@pytest.mark.parametrize(("values", "way"), OUTSIDE)
def test_a_run_alone_starts_no_program_and_connects_to_nobody(
    run: Path, said: Callable[[str], str], values: dict[str, object], way: str
) -> None:
    (run / "evil.py").write_text("from pathlib import Path\nPath('executed').touch()\n")
    change(run, **values)
    assert f"(if you trust it, give {way})" in said("search --run r --resume")
    assert not Path("executed").exists()
    if "storage" in values:
        assert way in said("runs check r")
        assert way in said("dashboard r --port 0")
    said("report r")
    assert not (VICTIM / "x.db").exists()


def test_what_is_given_again_is_trusted() -> None:
    config = SearchConfig(space="my.py", cluster="tcp://a:1", storage="sqlite:///x.db")
    again = {"space": "my.py", "cluster": "local:2", "storage": "sqlite:///x.db"}
    assert config.merged(again, Path("r")).cluster == "local:2"
    assert storage_of("sqlite:///x.db", "sqlite:///y.db", "r") == "sqlite:///y.db"
    assert storage_of(None, None, "r") is None


def test_who_joins_takes_no_program_and_no_cluster_over(images: str) -> None:
    stored = SearchConfig(space="my.py", cluster="tcp://a:1", max_memory_gb=1.0, data=images)
    given_here = {"storage": "sqlite:///all.db"}
    with pytest.raises(RunError, match=r"the space of study 's' is a file, which runs"):
        stored.joined(given_here, "s")
    joined = stored.joined({**given_here, "space": "my.py"}, "s")
    assert (joined.cluster, joined.max_memory_gb, joined.workers) == (None, None, 1)


def test_a_study_of_something_else_cannot_be_joined() -> None:
    storage = "sqlite:///all.db"
    optuna.create_study(storage=storage, study_name="other")
    with pytest.raises(RunError, match="study 'other' is no search"):
        join("other", {"storage": storage}, name=None, watch=Silent())
    study = optuna.create_study(storage=storage, study_name="s", directions=["maximize"] * 2)
    study.set_user_attr("run", {"budget": "many", "unknown": 1})
    with pytest.raises(RunError, match="study 's' is no search: it has no space"):
        join("s", {"storage": "sqlite:///all.db"}, name=None, watch=Silent())


@pytest.mark.parametrize(
    "url", ["http://host/x.py", "https:/x.py", "file:///x.py", "git+https://h/x", r"\\h\s\x.py"]
)
def test_a_space_is_not_fetched(said: Callable[[str], str], url: str) -> None:
    assert f"a space is not fetched from {url}" in said(f"space show {url}")


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/tmp/../x"])
def test_a_new_run_goes_where_its_name_says(name: str) -> None:
    with pytest.raises(RunError, match=r"leads out of where it begins \(give --run without '\.\.'"):
        new_run_path(name, space="s", device="d")


@pytest.mark.parametrize("name", ["a\0b", "a\nb", "a\x1b[31m", "n" * 300, "x/" + "n" * 300])
def test_a_name_is_a_short_text(name: str) -> None:
    with pytest.raises(RunError, match="is too long or no text") as caught:
        new_run_path(name, space="s", device="d")
    assert str(caught.value).isprintable()


LINKS = ["trials", "trials/5", "crops", "finalists", "best", ".best.partial", "log.jsonl"]
LINKED_FILES = [".lock", "study.db", ".trials.csv.partial", ".report.html.partial", "report.html"]


@pytest.mark.parametrize("name", [*LINKS, *LINKED_FILES])
def test_nothing_is_written_or_deleted_through_a_link(
    run: Path, said: Callable[[str], str], name: str
) -> None:
    link, before = run / name, victim()
    if link.is_dir():
        shutil.rmtree(link)
    link.unlink(missing_ok=True)
    link.symlink_to((VICTIM / ("state-1" if name in LINKED_FILES else "")).resolve())
    for line in ("runs list", *WRITE[:2], *READ):
        said(line)
    assert victim() == before
    if "report" not in name:
        assert "runs/r" in said(WRITE[0]), "refused"
    else:
        link.unlink(missing_ok=True)


def test_export_copies_nothing_from_behind_a_link(run: Path, said: Callable[[str], str]) -> None:
    (run / "best" / "model.keras").symlink_to((VICTIM / "state-1").resolve())
    assert "best/model.keras is neither a file nor a folder" in said(WRITE[2])
    assert not Path("package").exists()


def test_to_look_whether_a_run_is_busy_leaves_nothing(run: Path) -> None:
    (run / ".lock").unlink()
    assert not is_locked(run)
    assert not (run / ".lock").exists()
    with locked(run):
        assert is_locked(run)


def test_a_left_over_partial_file_is_replaced(run: Path) -> None:
    (run / ".x.partial").write_text("half")
    write_text(run / "x", "whole")
    assert (run / "x").read_text() == "whole"


def put(pattern: str, content: bytes) -> Mutate:
    def mutate(run: Path) -> None:
        for file in run.glob(pattern):
            file.write_bytes(content)

    return mutate


def rows(**values: str) -> Mutate:
    def mutate(run: Path) -> None:
        with (run / "trials.csv").open(newline="") as file:
            told = [{**row, **values} for row in csv.DictReader(file)]
        with (run / "trials.csv").open("w", newline="") as file:
            table = csv.DictWriter(file, told[0])
            table.writeheader()
            table.writerows(told)

    return mutate


def sql(statement: str) -> Mutate:
    def mutate(run: Path) -> None:
        study = sqlite3.connect(run / "study.db")
        study.execute(statement)
        study.commit()
        study.close()

    return mutate


NASTY = "\x1b[31m<script>alert(1)</script>[x](javascript:y)\"'>"
BOMB = pickle.dumps(Payload())
DAMAGES: dict[str, Mutate] = {
    "pickled networks": put("trials/*/weights.safetensors", BOMB),
    "pickled finalists": put("finalists/*/*", BOMB),
    "pickled best": put("best/*", BOMB),
    "huge header": put("trials/*/weights.safetensors", (2**62).to_bytes(8, "little") + b"{"),
    "numbers that are paths": rows(number="../../../.."),
    "no table": put("trials.csv", bytes(range(256)) * 10),
    "another table": put("trials.csv", b"a,b\n1,2\n"),
    "numbers that are none": rows(psnr_int8_db="nan", latency_ms="-inf", score="1e999"),
    "texts that are programs": rows(zoo=NASTY, reason=NASTY, digest=NASTY),
    "finalists that are none": put("finalists.json", b"[null]"),
    "results that are none": put("finalists/*/result.json", b'{"trial": "../../victim"}'),
    "no study": put("study.db", b"junk" * 100),
    "no attributes": sql("DELETE FROM trial_user_attributes"),
    "attributes that are none": sql("UPDATE trial_user_attributes SET value_json = '{'"),
    "attributes of another kind": sql("UPDATE trial_user_attributes SET value_json = '[[1]]'"),
    "parameters outside": sql("UPDATE trial_params SET param_value = 1e300"),
    "values that are none": sql("UPDATE trial_values SET value = NULL"),
}


@pytest.mark.parametrize("mutate", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_run_is_one_line(run: Path, said: Callable[[str], str], mutate: Mutate) -> None:
    mutate(run)
    before = victim()
    for line in ("runs list", *READ, *WRITE[:2]):
        said(line)
    assert victim() == before
    assert not Path("executed").exists()


def test_a_report_runs_nothing_of_what_a_run_holds(run: Path, said: Callable[[str], str]) -> None:
    for name in ("best", "finalists", "finalists.json"):
        shutil.rmtree(run / name) if (run / name).is_dir() else (run / name).unlink()
    rows(zoo=NASTY, reason=NASTY, digest=NASTY)(run)
    change(run, device="<script>alert(1)</script>", extra="<script>alert(1)</script>")
    assert said("report r") == ""
    assert "<script>alert" not in (run / "report.html").read_text()


def test_a_keras_file_with_a_program_is_not_opened(run: Path, said: Callable[[str], str]) -> None:
    import zipfile

    described = {"module": "keras.layers", "class_name": "Lambda", "config": {}}
    with zipfile.ZipFile(run / "best" / "model.keras", "w") as archive:
        archive.writestr("config.json", json.dumps(described))
        archive.writestr("metadata.json", "{}")
        archive.writestr("model.weights.h5", b"")
    assert "model.keras holds keras.layers.Lambda, which may run any code" in said(WRITE[2])
    assert not Path("package").exists()


def test_what_was_not_foreseen_says_where() -> None:
    with pytest.raises(RunError) as caught, readable(Path("runs/r")):
        {}["score"]
    assert caught.value.message.startswith(
        "runs/r is damaged, or of another version: KeyError: 'score' (test_hostile.py, line "
    )


@pytest.mark.parametrize(
    ("version", "way"),
    [("v3.0.0.d", "optuna storage upgrade --storage sqlite:///"), ("v99", "update optuna")],
)
def test_tables_of_another_version_say_what_to_do(
    run: Path, said: Callable[[str], str], version: str, way: str
) -> None:
    sql(f"UPDATE alembic_version SET version_num = '{version}'")(run)
    for line in ("runs check r", "dashboard r --port 0", WRITE[0]):
        assert way in said(line)


def test_a_run_of_before_goes_on(run: Path, said: Callable[[str], str]) -> None:
    """Without claims and limits, with a proposal that waits; renamed, too."""
    file = run / "config.json"
    facts = json.loads(file.read_text())
    later = ("study", "driver", "cluster", "max_hours", "max_memory_gb", "candidate_timeout_s")
    file.write_text(json.dumps({k: v for k, v in facts.items() if k not in later} | {"budget": 3}))
    sql("DELETE FROM trial_user_attributes WHERE key = 'driver'")(run)
    sql("DELETE FROM study_user_attributes")(run)
    study = optuna.load_study(study_name="r", storage=open_storage(storage_url(None, run)))
    study.enqueue_trial({"width": 16})
    run.rename("runs/old")
    again = resume("old", {"cluster": "inline"}, watch=Silent(), bench=f"{FAKES}:Converting")
    assert list(again.table["state"]).count("COMPLETE") == 3
    assert list(again.table["state"]).count("WAITING") == 1, "nobody proposes it any more"
    for line in ("runs check old", "runs show old", "runs list"):
        assert said(line) == ""
