"""`dataops doctor`: what is wrong with this installation, a line a check. One broken thing hides no other."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

import dataops_core
from dataops_core import settings as settings_
from dataops_core.cli import doctor_settings, exits
from dataops_core.cli.catalogue import count, distribution_version
from dataops_core.cli.commands import Command
from dataops_core.cli.invocation import Invocation
from dataops_core.cli.text import line
from dataops_core.contracts.records import Finding
from dataops_core.errors import DataOpsError
from dataops_core.settings import Settings

if TYPE_CHECKING:
    from dataops_core.storage.opening import Stores

_PYTHON: Final = (3, 11)
_SLOW_SCAN_MS: Final = 1000
#: What two clocks, or a clock and a file of this program, may differ by.
_CLOCK_SECONDS: Final = 5.0
_RUNS_TOLD: Final = 5


class Line(NamedTuple):
    """One line of the report."""

    check: str
    level: str
    what: str
    hint: str


class Report(list[Line]):
    """What was found so far."""

    def look(self, check: str, findings: Callable[[], Iterable[Finding]]) -> bool:
        """Adds what a check finds; says whether none of it is an error. Nothing is told twice."""
        sound = True
        try:
            for finding in findings():
                self._add(check, finding.level, finding.what, finding.hint)
                sound = sound and finding.level != "error"
        except DataOpsError as error:
            self._add(check, "error", error.message, error.hint)
            return False
        except Exception as error:  # a check that fails is a finding too, and the next one is due
            self._add(check, "error", f"{type(error).__name__}: {error}", "this check itself failed; please report it")
            return False
        return sound

    def _add(self, *told: str) -> None:
        if told[2] not in (known.what for known in self):
            self.append(Line(*told))


@click.command("doctor", cls=Command)
@click.pass_obj
def doctor(call: Invocation) -> None:
    """Say what is wrong with this installation, and what to do.

    Every plugin is loaded, and no workflow is run. The exit status is 0 when nothing is worse than a warning, else 1.
    """
    report = Report()
    report.look("python", _python)
    report.look("dataops", _version)
    report.look("terminal", _terminal)
    report.look("settings", lambda: doctor_settings.files(call))
    settings, told = doctor_settings.together(call)
    report.look("settings", lambda: told)
    report.look("settings", doctor_settings.variables)
    # Strict, the first broken plugin would hide the others.
    settings_.use(replace(settings, strict_plugins=False))
    report.look("home", lambda: _home(settings))
    report.look("plugins", _scan)
    report.look("plugins", _plugins)
    report.look("model", lambda: _model(settings))
    _look_at_stores(report, settings)
    levels = [told.level for told in report]
    call.answer({"healthy": "error" not in levels, "checks": [told._asdict() for told in report]}, map(_shown, report))
    call.note(f"{count(levels.count('error'), 'error')}, {count(levels.count('warn'), 'warning')}")
    if "error" in levels:
        call.status = exits.FAILED


def _shown(told: Line) -> str:
    hint = f" (try: {line(told.hint)})" if told.hint else ""
    return f"{told.level:<5}  {told.check:<8}  {line(told.what)}{hint}"


def _python() -> Iterator[Finding]:
    running = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < _PYTHON:
        needed = ".".join(map(str, _PYTHON))
        yield Finding("error", f"Python {running} is too old", f"install dataops-core with Python {needed} or newer")
    else:
        yield Finding("ok", f"Python {running} ({sys.executable})")


def _version() -> Iterator[Finding]:
    running, folder = dataops_core.__version__, Path(dataops_core.__file__).parent
    yield Finding("ok", f"dataops-core {running} in {folder}")
    installed = distribution_version("dataops-core")
    if installed != running:
        told = f"{installed} is installed" if installed else "it is not installed"
        yield Finding("warn", f"dataops-core {running} runs, and {told}", "pip install --force-reinstall dataops-core")


def _terminal() -> Iterator[Finding]:
    encoding = str(getattr(sys.stdout, "encoding", None) or "of no encoding")
    if encoding.lower().replace("-", "") == "utf8":
        yield Finding("ok", "output is UTF-8")
    else:
        yield Finding("warn", f"output is {encoding}, which lacks many characters", "export LC_ALL=C.UTF-8")


def _home(settings: Settings) -> Iterator[Finding]:
    home = settings.home
    if os.path.lexists(home) and not home.is_dir():
        yield Finding("error", f"home {home} is no folder", "set DATAOPS_HOME to a folder of yours")
        return
    if not home.exists():
        parent = next(folder for folder in home.parents if folder.exists())
        try:
            with tempfile.TemporaryDirectory(dir=parent):
                yield Finding("ok", f"home {home} is not there yet; the first use makes it")
        except OSError:
            yield Finding("error", f"home {home} cannot be made in {parent}", "set DATAOPS_HOME to a folder of yours")
        return
    try:
        with tempfile.TemporaryFile(dir=home, buffering=0) as probe:
            probe.write(b"?")
        yield Finding("ok", f"home {home} can be written")
    except OSError as error:
        hint = "make it writable for this user, free some space, or set DATAOPS_HOME"
        yield Finding("error", f"home {home} cannot be written: {error.strerror or error}", hint)
    if home.stat().st_mode & 0o077:
        yield Finding("warn", f"other users can look into {home}", f"chmod 700 {home}")


def _scan() -> Iterator[Finding]:
    from dataops_core.plugin.discovery import read_distributions
    from dataops_core.plugin.distributions import distributions

    began, seen = time.perf_counter(), 0

    def counted() -> Iterator[Any]:
        nonlocal seen
        for distribution in distributions(sys.path):
            seen += 1
            yield distribution

    strangers = read_distributions(counted()).strangers
    took = (time.perf_counter() - began) * 1000
    told = f"{count(seen, 'distribution')} looked at in {took:.0f} ms"
    if took > _SLOW_SCAN_MS:
        yield Finding("warn", f"{told}, at every start", "install on a local disk, with few other packages")
    else:
        yield Finding("ok", told)
    for failure in strangers:
        hint = f"pip install --force-reinstall {failure.distribution}, or remove it; other programs may stumble over it"
        yield Finding("warn", f"{failure.distribution}: {failure.reason}", hint)


def _plugins() -> Iterator[Finding]:
    from dataops_core.cli.plugins import faults
    from dataops_core.plugin.discovery import WORKFLOWS
    from dataops_core.plugin.manager import plugins

    found = plugins()
    broken = faults(found)
    sound = [entry for entry in found.entries() if entry.key not in broken]
    yield Finding("ok", f"{count(len(sound), 'plugin')} of {len(sound) + len(broken)} can be used")
    for error in broken.values():
        yield Finding("error", error.message, error.hint)
    for entry, setting in found.blocked.values():
        yield Finding("ok", f"plugin {entry.name!r} (of {entry.distribution}) is switched off by {setting}")
    if workflows := [entry.name for entry in sound if entry.group == WORKFLOWS]:
        yield Finding("ok", f"{count(len(workflows), 'workflow')}: {', '.join(workflows)}")
    else:
        yield Finding("warn", "there is no workflow to run", "pip install dataops-data-profiler")
    found.load_middleware()  # raises for what `plugins.require` names and is not there


def _model(settings: Settings) -> Iterator[Finding]:
    told = "a model key is set" if settings.anthropic_api_key else "no model key is set, and none is needed to ask"
    yield Finding("ok", told)


def _look_at_stores(report: Report, settings: Settings) -> None:
    from dataops_core.plugin.manager import plugins
    from dataops_core.storage.opening import open_stores
    from dataops_core.storage.schema import TABLES

    records, blobs = settings.records_url, settings.blobs_url
    sound = report.look("records", lambda: _store(records, lambda: plugins().record_store(records, TABLES)))
    sound = report.look("blobs", lambda: _store(blobs, lambda: plugins().blob_store(blobs))) and sound
    if sound:
        report.look("records", lambda: _belonging(records, blobs))
    if sound and _not_yet(records) is None:
        report.look("clock", lambda: _clock(open_stores(settings)))
        report.look("runs", lambda: _runs(open_stores(settings), settings.lease_seconds))


def _store(url: str, opened: Callable[[], Any]) -> Iterator[Finding]:
    if (path := _not_yet(url)) is not None:
        yield Finding("ok", f"{path} is not there yet; the first use makes it")
        return
    store = opened()
    try:
        yield from store.check()
    finally:
        store.close()


def _belonging(records_url: str, blobs_url: str) -> Iterator[Finding]:
    """Says when the contents of sessions lie beside a database that knows none: most likely it is another one."""
    from dataops_core.plugin.manager import plugins
    from dataops_core.storage.schema import TABLES
    from dataops_core.upkeep.check import without_sessions

    if _not_yet(blobs_url) is not None:
        return
    with ExitStack() as opened:
        records = None
        if _not_yet(records_url) is None:
            records = opened.enter_context(closing(plugins().record_store(records_url, TABLES)))
        yield from without_sessions(records, opened.enter_context(closing(plugins().blob_store(blobs_url))))


def _not_yet(url: str) -> Path | None:
    """Returns the place of an embedded store that nothing was kept in so far; opening it would make it."""
    from dataops_core.storage.folders import path_of_url

    scheme = url.partition(":")[0]
    if scheme not in ("sqlite", "file"):
        return None
    path = path_of_url(url, scheme, relative=scheme == "sqlite")
    return None if os.path.lexists(path) else path


def _clock(stores: Stores) -> Iterator[Finding]:
    now, theirs = time.time(), stores.records.now()
    written = os.stat(dataops_core.__file__).st_mtime
    if abs(now - theirs) > _CLOCK_SECONDS:
        told = f"this clock and that of the record store differ by {abs(now - theirs):.0f} s"
        yield Finding("warn", told, "set the clocks by NTP; leases and expiry go by them")
    elif now < written - _CLOCK_SECONDS:
        told = f"the clock says {datetime.fromtimestamp(now).astimezone():%Y-%m-%d}, before DataOps was installed"
        yield Finding("warn", told, "set the clock; ids, leases and expiry go by it")
    else:
        yield Finding("ok", "the clock is plausible")


def _runs(stores: Stores, lease_seconds: float) -> Iterator[Finding]:
    from dataops_core.execution.runs import Runs

    runs, left, cursor = Runs(stores, lease_seconds=lease_seconds), 0, None
    while True:
        page = runs.list(open="run", limit=500, cursor=cursor)
        for run in filter(runs.worker_gone, page):
            left += 1
            if left <= _RUNS_TOLD:
                told = f"run {run['run_id']} ({run['workflow']}) has no worker"
                yield Finding("warn", told, f"dataops runs resume {run['run_id']}")
        if (cursor := page.cursor) is None:
            break
    if left > _RUNS_TOLD:
        yield Finding("warn", f"{left - _RUNS_TOLD} more runs have no worker", "dataops runs resume")
    asking = len(runs.list(open="question", limit=500))
    if not left:
        yield Finding("ok", f"no run has lost its worker; {asking} wait{'s' if asking == 1 else ''} for an answer")
