"""How often each fault strikes, and the table of what came of it."""

from collections import defaultdict
from collections.abc import Generator
from typing import Any

import pytest

__all__ = ["PROPERTY", "pytest_addoption", "pytest_runtest_makereport", "pytest_terminal_summary"]

PROPERTY = "fault"  # of a test report: the fault, the seed, the moment and the sessions it took


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("faults")
    group.addoption("--fault-times", type=int, default=1, help="Strikes of each fault.")
    group.addoption("--fault-seed", type=int, help="That a failed fault test printed.")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """A failure says with which seed it comes again."""
    report = yield
    for name, facts in item.user_properties:
        if name == PROPERTY and report.failed:
            report.sections.append(("fault, again with --fault-seed", str(facts)))
    return report


def pytest_terminal_summary(terminalreporter: Any, exitstatus: int, config: pytest.Config) -> None:
    """Nothing to say of a test session that struck once each and found nothing."""
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, value in report.user_properties if report.when == "call" else ():
                if name == PROPERTY:
                    rows[value["fault"]].append(
                        {**value, "good": outcome == "passed", "seconds": report.duration}
                    )
    if not rows or config.getoption("--fault-times") == 1:
        return
    terminalreporter.section("faults")
    line = "{:<44} {:>5} {:>7} {:>6} {:>8}  {}".format
    terminalreporter.write_line(line("fault", "times", "resumed", "good", "s", "seeds"))
    for fault, strikes in sorted(rows.items()):
        terminalreporter.write_line(
            line(
                fault,
                len(strikes),
                sum(strike.get("resumed", 0) for strike in strikes),
                sum(strike["good"] for strike in strikes),
                f"{sum(strike.get('seconds', 0) for strike in strikes):.0f}",
                " ".join(str(strike["seed"]) for strike in strikes),
            )
        )
