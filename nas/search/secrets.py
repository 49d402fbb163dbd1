"""URLs of storages as they may be written to a file or shown: without passwords."""

import re

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

__all__ = ["hide_password", "is_hidden", "without_secrets"]

_HIDDEN = "***"
_FILES = ("journal:", "sqlite:///")  # have none; an "@" is of a path
_SECRET = re.compile("pass(?!file)|pwd|secret|token", re.IGNORECASE)  # names in a query


def hide_password(url: str | None) -> str | None:
    """`url` without the passwords in it, in front of the host or behind the `?`.

    One that does not parse, or whose password makes it parse otherwise than it was meant, loses
    all in front of its last "@".
    """
    if not url or url.startswith(_FILES):
        return url
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        parsed = None
    if parsed is None or "@" in f"{parsed.host}{parsed.database}":
        shown = re.sub(r"^([\w+]+://)?.*@", rf"\1{_HIDDEN}@", url, flags=re.DOTALL)
        return re.sub(r"([?&][^=&]*)=[^&]*", rf"\1={_HIDDEN}", shown)
    secret = [key for key in parsed.query if _SECRET.search(key)]
    if parsed.password is None and not secret:
        return url
    shown = parsed.update_query_dict(dict.fromkeys(secret, _HIDDEN)).render_as_string()
    return shown.replace("%2A%2A%2A", _HIDDEN)


def is_hidden(url: str) -> bool:
    """Whether `hide_password` took something out of it."""
    return f"{_HIDDEN}@" in url or f"={_HIDDEN}" in url


def without_secrets(text: str, url: str) -> str:
    """`text`, in which a driver or a library may have repeated `url` or the passwords in it."""
    text = text.replace(url, hide_password(url) or "")
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return text
    queried = (value for key, value in parsed.query.items() if _SECRET.search(key))
    for secret in (parsed.password, *queried):
        for each in (secret,) if isinstance(secret, str) else secret or ():
            text = text.replace(each, _HIDDEN) if each else text
    return text
