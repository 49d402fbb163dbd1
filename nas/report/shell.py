"""The page around the content: styles, script and plotly.js, so that one file opens anywhere."""

import re
from html import escape
from pathlib import Path
from string import Template

from plotly.offline import get_plotlyjs

from nas.errors import RunError
from nas.search.folder import write_text

__all__ = ["page", "write_page"]

_HEADING = re.compile(r'<h2 id="([^"]+)-title">(.*?)</h2>')


def page(title: str, subtitle: str, body: str, *, notice: str = "") -> str:
    """A whole page; its contents are the headings in `body`.

    Args:
        title: Plain text.
        subtitle: Plain text.
        body: Sections in HTML, see `nas.report.parts.section`.
        notice: What must be known first, in HTML.
    """
    template = Template(Path(__file__).with_name("template.html").read_text(encoding="utf-8"))
    links = (f'<li><a href="#{anchor}">{name}</a></li>' for anchor, name in _HEADING.findall(body))
    return template.substitute(
        title=escape(title),
        subtitle=escape(subtitle),
        contents="".join(links),
        notice=notice,
        body=body,
        plotly=get_plotlyjs(),
    )


def write_page(file: Path, text: str) -> None:
    """Writes the whole file or nothing.

    Raises:
        RunError: It cannot be written.
    """
    try:
        write_text(file, text)
    except OSError as error:
        raise RunError(
            f"{file} cannot be written: {error.strerror}",
            "free the disk, or give --out another place",
        ) from error
