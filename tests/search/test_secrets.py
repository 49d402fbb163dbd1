"""Passwords of storages: in no file, on no terminal, in no study."""

import gc
import json
from pathlib import Path

import pytest

from nas.errors import RunError
from nas.search.config import SearchConfig, read_config, storage_of
from nas.search.events import Silent
from nas.search.run import start
from nas.search.secrets import hide_password, is_hidden, without_secrets
from nas.search.storage import open_storage, opened_storage
from tests.postgres import Server, postgres

__all__ = ["postgres"]

SECRET = "s3cr3t"
URLS = [
    (f"postgresql://u:{SECRET}@h/db", "postgresql://u:***@h/db"),
    (f"postgresql://u:%40{SECRET}@h:5432/db", "postgresql://u:***@h:5432/db"),
    (f"postgresql://u:a@{SECRET}@h/db", "postgresql://***@h/db"),
    (f"postgresql://u:a@b:{SECRET}@h/db", "postgresql://***@h/db"),
    (f"postgresql://u:a:{SECRET}@h/db", "postgresql://u:***@h/db"),
    (f"postgresql://u:a/{SECRET}?x#@h/db", "postgresql://u:***@h/db"),
    (f"mysql://u:{SECRET}@h/db?passwd={SECRET}&ssl_key=a", "mysql://u:***@h/db?passwd=***&ssl_key=a"),
    (
        f"postgresql://h/db?password={SECRET}&sslpassword={SECRET}&sslmode=require",
        "postgresql://h/db?password=***&sslmode=require&sslpassword=***",
    ),
    (f"grpc://u:{SECRET}@h:13000", "grpc://u:***@h:13000"),
    (f"postgresql:u:{SECRET}@h/db", "***@h/db"),
    (f"u:{SECRET}@h", "***@h"),
]  # fmt: skip
PLAIN = [
    None, "sqlite:///a@b/x.db", "journal:/home/me@work/x.log", "postgresql://me@h/db?sslmode=require",
    "grpc://h:1", "postgresql:///db?passfile=/home/me/.pgpass",
]  # fmt: skip


@pytest.mark.parametrize(("url", "shown"), URLS)
def test_a_password_is_taken_out(url: str, shown: str) -> None:
    assert hide_password(url) == shown
    assert is_hidden(shown)
    assert SECRET not in without_secrets(f"no answer from {url}", url)
    stored = json.dumps(SearchConfig(storage=url).to_json())
    assert SECRET not in stored
    with pytest.raises(RunError, match="needs a password, which is never stored") as caught:
        storage_of(shown, None, "r")
    assert caught.value.hint == f"give --storage again: {shown}"


@pytest.mark.parametrize("url", PLAIN)
def test_what_has_no_password_stays_as_it_is(url: str | None) -> None:
    assert hide_password(url) == url
    assert not is_hidden(url or "")


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://u:{SECRET}@127.0.0.1:1/db?password={SECRET}",
        f"postgresql:///db?host=/nowhere&password={SECRET}",
        f"mysql://u:{SECRET}@127.0.0.1:1/db",
        f"grpc://u:{SECRET}@127.0.0.1:1",
        f"postgresql:u:{SECRET}@h",
        f"nosuch:///db?token={SECRET}",
    ],
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_storage_that_fails_does_not_tell(url: str) -> None:
    with pytest.raises(RunError, match=r"\*\*\*") as caught:
        open_storage(url)
    assert SECRET not in str(caught.value)
    del caught
    gc.collect()  # what the driver left open


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_run_keeps_no_password(
    postgres: Server, images: str, capfd: pytest.CaptureFixture[str]
) -> None:
    url = postgres.new_database().replace("nas@", f"nas:{SECRET}@") + "?sslpassword=" + SECRET
    config = SearchConfig(budget=2, data=images, storage=url, cluster="inline")
    start(config, name="r", watch=Silent(), bench="tests.search.fakes:Steady")
    with opened_storage(url) as storage:
        (study,) = storage.get_all_studies()
        told = f"{study.user_attrs} {study.system_attrs} {storage.get_all_trials(study._study_id)}"
    assert SECRET not in told
    assert SECRET not in "".join(capfd.readouterr())
    for file in Path("runs/r").rglob("*"):
        assert not file.is_file() or SECRET.encode() not in file.read_bytes(), file
    assert is_hidden(str(read_config(Path("runs/r"))[0].storage))
    gc.collect()  # connections that an attempt to make the tables left open
