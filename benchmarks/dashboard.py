"""How long the dashboard takes over a large study, with and without our notes, and how many bytes.

    python benchmarks/dashboard.py RUN [--trials 2000] [--json]

Takes the study of a finished run over and over until it has so many trials, in a folder that is
removed afterwards. "plain" is Optuna's dashboard as it comes, "ours" what `nas dashboard` serves.
The first page asks for all trials; while a search runs it asks every few seconds for those that
were not finished. The dashboard keeps trials for 10 s itself, so the first page is timed once with
nothing kept and once again.
"""

import argparse
import io
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from wsgiref.types import WSGIApplication

import optuna
import optuna_dashboard
from optuna.storages import RDBStorage, get_storage

from nas.report.annotations import annotated_app
from nas.report.files import read_config
from nas.search.study import METRICS


def grow(run: Path, folder: Path, num_trials: int) -> tuple[str, int]:
    """URL and id of a study of so many trials; the crops of the run are linked beside it."""
    source = f"sqlite:///{run.resolve() / 'study.db'}"
    names = optuna.get_all_study_names(source)
    trials = optuna.load_study(study_name=names[0], storage=source).get_trials(deepcopy=False)
    finished = [trial for trial in trials if trial.state.is_finished()]
    url = f"sqlite:///{folder / 'study.db'}"
    study = optuna.create_study(
        study_name="large", storage=url, directions=["maximize", "minimize"]
    )
    study.set_metric_names(METRICS)
    for file in ("finalists.json", "crops"):
        if (run / file).exists():
            (folder / file).symlink_to((run / file).resolve())
    study.add_trials([finished[k % len(finished)] for k in range(num_trials)])
    return url, study._study_id


def ask(app: WSGIApplication, path: str, query: str = "") -> tuple[float, int]:
    """Seconds and bytes of one request."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "GET", "PATH_INFO": path, "QUERY_STRING": query, "SERVER_NAME": "here",
        "SERVER_PORT": "80", "wsgi.input": io.BytesIO(), "wsgi.errors": sys.stderr,
        "wsgi.url_scheme": "http", "wsgi.version": (1, 0),
    }  # fmt: skip
    said: list[str] = []
    began = time.perf_counter()
    body = b"".join(app(environ, lambda status, *_: said.append(status)))  # type: ignore[arg-type]
    spent_s = time.perf_counter() - began
    if not said[0].startswith("200"):
        raise SystemExit(f"{path} answered {said[0]}")
    return spent_s, len(body)


def measure(app: WSGIApplication, study_id: int, num_trials: int) -> dict[str, float]:
    path = f"/api/studies/{study_id}"
    first_s, size = ask(app, path, "after=0")
    again_s, _ = ask(app, path, "after=0")
    poll_s, poll_size = ask(app, path, f"after={num_trials - 2}")
    return {
        "first_s": first_s,
        "again_s": again_s,
        "size_bytes": size,
        "poll_s": poll_s,
        "poll_size_bytes": poll_size,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url, study_id = grow(given.run, folder, given.trials)
        found = {
            "plain": measure(optuna_dashboard.wsgi(RDBStorage(url)), study_id, given.trials),
            "ours": measure(
                annotated_app(get_storage(url), study_id, folder, read_config(given.run)),
                study_id,
                given.trials,
            ),
        }
    if given.json:
        print(json.dumps({"trials": given.trials, **found}))
        return
    for which, figures in found.items():
        print(
            f"{which}: first {figures['first_s']:.2f} s, again {figures['again_s']:.2f} s, "
            f"{figures['size_bytes'] / 1e6:.1f} MB; poll {1000 * figures['poll_s']:.0f} ms, "
            f"{figures['poll_size_bytes'] / 1e3:.0f} kB"
        )


if __name__ == "__main__":
    main()
