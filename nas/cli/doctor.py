"""`nas doctor`: whether this machine can run a search."""

import importlib
import os
import shutil
from typing import Annotated, Any

import typer
from typer import Option

from nas.cli.tables import print_json

__all__ = ["doctor"]

_IMPORTS = ("torch", "tensorflow", "ai_edge_litert.interpreter", "optuna", "optuna_dashboard")
_NEEDED_DISK_GIB = 0.5
_NEEDED_MEMORY_GIB = 2.5  # what a worker may take while it converts a finalist
_GIB = 2**30


def doctor(as_json: Annotated[bool, Option("--json", help="JSON on stdout.")] = False) -> None:
    """Check versions, memory, disk and heavy libraries; exit code 1 if something is missing."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from nas.search.folder import environment

    memory_gib = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / _GIB
    disk_gib = shutil.disk_usage(".").free / _GIB
    checks = [_import_check(name) for name in _IMPORTS]
    checks.append(_amount_check("memory", memory_gib, _NEEDED_MEMORY_GIB))
    checks.append(_amount_check("free disk", disk_gib, _NEEDED_DISK_GIB))
    found = environment()
    if as_json:
        print_json({**found, "checks": checks})
    else:
        _show(found, checks)
    if not all(check["ok"] for check in checks):
        raise typer.Exit(1)


def _import_check(name: str) -> dict[str, Any]:
    from nas.quantize.quiet import quiet

    try:
        with quiet():  # TensorFlow warns of what no user can change
            importlib.import_module(name)
    except Exception as error:  # a broken binary raises anything
        return {"what": f"import {name}", "ok": False, "detail": f"{type(error).__name__}: {error}"}
    return {"what": f"import {name}", "ok": True, "detail": ""}


def _amount_check(what: str, found_gib: float, needed_gib: float) -> dict[str, Any]:
    detail = f"{found_gib:.1f} GiB, {needed_gib} GiB are needed"
    return {"what": what, "ok": found_gib >= needed_gib, "detail": detail}


def _show(found: dict[str, Any], checks: list[dict[str, Any]]) -> None:
    typer.echo(f"python {found['python']}, {found['cores']} cores, {found['cpu']}")
    typer.echo(", ".join(f"{name} {version}" for name, version in found["versions"].items()))
    for check in checks:
        typer.echo(f"{'ok ' if check['ok'] else 'BAD'} {check['what']} {check['detail']}".rstrip())
