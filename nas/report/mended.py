"""Two faults of Optuna's dashboard 0.21, mended where its answers pass.

Its pages are made for a desk: where there is little width they grow out of the screen. The style
names MUI's classes and plain elements only; where a later dashboard has none of these, it does
nothing.

After a note was saved or a study deleted it answers 204 without a body, in which its own page looks
for JSON: the note is there, but the page says otherwise and stays in the editor.
"""

from collections.abc import Callable, Iterable
from typing import Any, Protocol
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["PhoneStyle", "Route", "with_bodies"]

_STYLE = """\
<style>
@media (max-width: 600px) {
  main { min-width: 0 }
  main p { white-space: normal !important; overflow-wrap: anywhere }
  /* the list of trials above the trial instead of beside it */
  main div:has(> div > ul.MuiList-root) { flex-direction: column }
  main div:has(> ul.MuiList-root) { flex: 0 0 9rem; width: auto !important }
  /* what controls a plot above the plot, which scrolls by itself */
  main .MuiGrid-container { flex-direction: column }
  main .MuiGrid-container > .MuiGrid-item { max-width: 100%; flex-basis: auto; width: 100% }
  main div:has(> .js-plotly-plot) { overflow-x: auto }
  main .js-plotly-plot { min-width: 30rem }
}
</style>
"""


class Route(Protocol):
    """What Bottle says of a route when it asks a plugin to wrap it."""

    method: str
    rule: str


class PhoneStyle:
    """A plugin of Bottle that puts the style into the dashboard's one page."""

    name, api = "phone", 2

    def apply(self, callback: Callable[..., Any], route: Route) -> Callable[..., Any]:
        """Completes what the function answers that sends the page."""
        if not route.rule.startswith("/dashboard"):
            return callback

        def page(*args: Any, **kwargs: Any) -> Any:
            answer = callback(*args, **kwargs)
            if hasattr(answer.body, "read"):  # not for HEAD, nor where nothing changed
                with answer.body as file:
                    text: bytes = file.read().replace(b"</head>", _STYLE.encode() + b"</head>", 1)
                answer.body = text
                answer.set_header("Content-Length", str(len(text)))
            return answer

        return page


def with_bodies(app: WSGIApplication) -> WSGIApplication:
    """Answers an empty JSON object with 200 where `app` answers nothing with 204."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        mended = False

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            nonlocal mended
            mended = status.startswith("204 ")
            if mended:
                status = "200 OK"
                headers = [("Content-Type", "application/json"), ("Content-Length", "2")]
            return start_response(status, headers, *error)

        body = app(environ, start)
        return [b"{}"] if mended else body

    return answer
