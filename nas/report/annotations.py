"""Notes and files of ours in Optuna's dashboard, made when it asks; the study is never written.

The dashboard gets its data from `/api/studies/<study>` and its files from
`/artifacts/<study>/<trial>/<file>`. What it answers to the first is completed by a plugin of
Bottle, on which it is built, and the second is answered by a WSGI middleware in front of it.
A storage that lies about notes would be slower, because the dashboard searches all notes of a study
for each trial, and would have them written for good when a study is renamed.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import optuna_dashboard
from optuna.artifacts import FileSystemArtifactStore
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from nas.report.mended import PhoneStyle, Route, with_bodies
from nas.report.notes import trial_note
from nas.report.picks import pick_reader
from nas.report.run_note import run_note
from nas.report.trial_files import DRAWING, TYPES, TrialFiles

__all__ = ["UPLOADS", "annotated_app"]

UPLOADS = "uploads"  # folder of the run for files that people add in the dashboard
STUDY = ("GET", "/api/studies/<study_id:int>")  # the dashboard's rule for what it shows of a study
_SHOWN = 48  # characters of an attribute: the dashboard never wraps one, and grows as wide
_FILE = re.compile(r"/artifacts/(\d+)/(\d+)/([0-9a-fA-F-]+)/?")
_INERT = [  # a file that is opened on its own runs nothing and is taken for nothing else
    ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox"),
    ("X-Content-Type-Options", "nosniff"),
]

Answer = dict[str, Any]


def annotated_app(
    storage: BaseStorage, study_id: int, run: Path, config: Mapping[str, Any]
) -> WSGIApplication:
    """The dashboard on `storage`, with notes and files for the trials of `run`.

    Args:
        storage: Of the study, and perhaps of others, which are shown as they are.
        study_id: Of the run.
        run: Its folder.
        config: `config.json`.
    """
    app = optuna_dashboard.wsgi(storage, artifact_store=_Uploads(run / UPLOADS))
    annotations = _Annotations(storage, study_id, run, config)
    app.install(annotations)
    app.install(PhoneStyle())
    return with_bodies(_with_files(app, annotations))


class _Uploads(FileSystemArtifactStore):
    """Makes its folder only when somebody adds the first file."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._folder = folder

    def write(self, artifact_id: str, content_body: Any) -> None:
        self._folder.mkdir(exist_ok=True)
        super().write(artifact_id, content_body)


class _Annotations:
    """A plugin of Bottle, and who answers for the files it names."""

    name, api = "annotations", 2

    def __init__(
        self, storage: BaseStorage, study_id: int, run: Path, config: Mapping[str, Any]
    ) -> None:
        self._storage = storage
        self._study_id = study_id
        self._run = run
        self._config = config
        self._files = TrialFiles(run)
        self._picks = pick_reader(str(config.get("space")))

    def apply(self, callback: Callable[..., Any], route: Route) -> Callable[..., Any]:
        """Completes what the dashboard's own function answers, on the one route."""
        if (route.method, route.rule) != STUDY:
            return callback

        def answer(**place: int) -> Any:
            found = callback(**place)
            if place["study_id"] == self._study_id and isinstance(found, dict):
                self._annotate(found)
            return found

        return answer

    def file(self, study_id: int, trial_id: int, identifier: str) -> tuple[str, bytes] | None:
        """Media type and content of one of our files; None where it is none of ours."""
        if study_id != self._study_id:
            return None
        try:
            trial = self._storage.get_trial(trial_id)
            number = trial.number
            if self._storage.get_trial_id_from_study_id_trial_number(study_id, number) != trial_id:
                return None  # of another study, whose run this is not
        except KeyError:
            return None
        return self._files.read(trial, identifier)

    def _annotate(self, answer: Answer) -> None:
        if "trials" not in answer:
            return  # an error of the dashboard's
        finalists = _finalists(self._run)
        if answer["note"]["version"] == 0:
            best = next(iter(finalists.values()), None)
            answer["note"]["body"] = run_note(self._run, self._config, best)
        told = [*answer["trials"], *answer["best_trials"]]
        if not told:
            return
        trials = {
            t._trial_id: t for t in self._storage.get_all_trials(self._study_id, deepcopy=False)
        }
        full_steps = max((_steps(trial) for trial in trials.values()), default=0)
        for each in told:
            if trial := trials.get(each["trial_id"]):
                try:
                    self._annotate_trial(each, trial, finalists.get(trial.number), full_steps)
                except (TypeError, ValueError, KeyError, IndexError):
                    continue  # attributes that a person changed in the dashboard

    def _annotate_trial(
        self,
        told: Answer,
        trial: FrozenTrial,
        finalist: Mapping[str, Any] | None,
        full_steps: int,
    ) -> None:
        for attribute in told["user_attrs"]:
            if len(attribute["value"]) > _SHOWN:
                attribute["value"] = f"{attribute['value'][:_SHOWN]}..."
        ids = self._files.ids(trial)
        told["artifacts"] = [*_entries(ids), *told["artifacts"]]
        if told["note"]["version"] > 0:
            return  # a person's
        address = f"/artifacts/{self._study_id}/{trial._trial_id}/{ids.get(DRAWING)}"
        told["note"]["body"] = trial_note(
            trial,
            picks=self._picks(trial.params),
            picture=address if DRAWING in ids else "",
            finalist=finalist,
            full_steps=full_steps,
        )


def _entries(ids: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        {"artifact_id": identifier, "filename": name, "mimetype": TYPES[name], "encoding": None}
        for name, identifier in ids.items()
    ]


def _steps(trial: FrozenTrial) -> int:
    steps = trial.user_attrs.get("steps")
    return steps if trial.state == TrialState.COMPLETE and isinstance(steps, int) else 0


def _finalists(run: Path) -> dict[int, dict[str, Any]]:
    """By trial, the best first; none while there are none, or none that can be read."""
    try:
        rows = json.loads((run / "finalists.json").read_text(encoding="utf-8"))
        return {row["trial"]: {**row, "best": place == 0} for place, row in enumerate(rows)}
    except (OSError, ValueError, TypeError, KeyError):
        return {}


def _with_files(app: WSGIApplication, annotations: _Annotations) -> WSGIApplication:
    """Answers for our files; makes those that people added inert."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path, method = environ.get("PATH_INFO", ""), environ["REQUEST_METHOD"]
        if not path.startswith("/artifacts/"):
            return app(environ, start_response)
        place = _FILE.fullmatch(path)
        file = None
        if place and method in ("GET", "HEAD"):
            file = annotations.file(int(place[1]), int(place[2]), place[3])
        if file is None:

            def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
                return start_response(status, [*headers, *_INERT], *error)

            return app(environ, start)
        length = ("Content-Length", str(len(file[1])))
        headers = [("Content-Type", file[0]), length, ("Cache-Control", "no-cache"), *_INERT]
        start_response("200 OK", headers)
        return [b"" if method == "HEAD" else file[1]]

    return answer
