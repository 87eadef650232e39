"""What plugins are asked: to open stores and models by name, for middlewares and decorators, and to hear events.

Every hook is called plugin by plugin: one that raises cannot drop what the others answer; order never means anything.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeVar

from dataops_core import settings as settings_
from dataops_core.contracts.manifest import Manifest
from dataops_core.contracts.middleware import NodeMiddleware, ordered
from dataops_core.errors import ConfigError, DataOpsError, PluginFailed, nearest
from dataops_core.plugin import answers, discovery
from dataops_core.plugin.discovery import BLOBS, COMMANDS, EXECUTORS, MIDDLEWARE, MODELS, RECORDS, WORKFLOWS, Entry
from dataops_core.plugin.failures import PluginFailure, one_line
from dataops_core.plugin.guard import guarded
from dataops_core.plugin.loader import HOOKS, Loader
from dataops_core.settings import shown_url

if TYPE_CHECKING:
    from dataops_core.contracts.blobs import BlobStore
    from dataops_core.contracts.events import Event
    from dataops_core.contracts.records import RecordStore, Table

#: Which package brings what is not installed.
PACKAGES: Final[Mapping[str, Mapping[str, str]]] = {
    RECORDS: {
        "dynamodb": "dataops-aws",
        **{
            f"{scheme}{kind}": "dataops-redis"
            for scheme in ("redis", "rediss")
            for kind in ("", "+sentinel", "+cluster")
        },
    },
    BLOBS: {"s3": "dataops-aws"},
    MODELS: {"anthropic": "dataops-anthropic"},
    EXECUTORS: {},
}
_NOUN: Final = {RECORDS: "record store", BLOBS: "blob store", MODELS: "chat model", EXECUTORS: "executor"}

T = TypeVar("T")
#: What plugins offer by a name; more than one offer is a dispute.
Offers = dict[str, list[tuple[Entry, T]]]


class Plugins(Loader):
    """The plugins of this process, and what they are asked."""

    def __init__(
        self,
        settings: settings_.Settings,
        index: Iterable[Entry] | None = None,
        unreadable: Iterable[PluginFailure] = (),
    ) -> None:
        self._listeners: list[tuple[str, Any]] = []
        super().__init__(settings, index, unreadable)
        #: What was skipped, for people; each thing is said once.
        self.warnings: list[str] = []
        #: Names of the middlewares that come from plugins which `plugins.require` names; `node_middleware` fills it.
        self.required_middlewares: set[str] = set()
        self._said: set[tuple[str, str]] = set()
        self._middleware_loaded = False

    def _remember(self, failure: PluginFailure) -> None:
        if self._listeners:
            from datetime import UTC, datetime

            from dataops_core.contracts.events import Event

            at = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
            self.emit(Event("plugin.failed", at, data=failure.as_dict()))
        super()._remember(failure)

    def workflow_class(self, name: str) -> type[Any]:
        """Returns a workflow's class; raises NotFound or PluginFailed."""
        loaded: type[Any] = self.load(WORKFLOWS, name)
        return loaded

    def record_store(self, url: str, tables: Sequence[Table]) -> RecordStore:
        """Opens the record store of a URL.

        Raises:
            ConfigError: nobody owns the URL's scheme; the hint says which package to install.
            PluginFailed: its owner fails, or gives what is no record store.
        """
        from dataops_core.contracts.records import RecordStore

        store: RecordStore = self._open(RECORDS, _scheme(url), RecordStore, url=url, tables=tuple(tables))
        return store

    def blob_store(self, url: str) -> BlobStore:
        """Opens the blob store of a URL; raises as `record_store` does."""
        from dataops_core.contracts.blobs import BlobStore

        store: BlobStore = self._open(BLOBS, _scheme(url), BlobStore, url=url)
        return store

    def chat_model(self, name: str, settings: Mapping[str, Any]) -> Any:
        """Makes the chat model of a provider; raises as `record_store` does."""
        return self._open(MODELS, name, None, name=name, settings=MappingProxyType(dict(settings)))

    def executor(self, name: str, settings: Mapping[str, Any]) -> Any:
        """Makes the executor of an engine; raises as `record_store` does."""
        return self._open(EXECUTORS, name, None, name=name, settings=MappingProxyType(dict(settings)))

    def load_middleware(self) -> None:
        """Loads every middleware plugin, once: before the first thing that runs, never for listing.

        Raises:
            PluginFailed: one that `plugins.require` names is missing or does not load; others are skipped and said.
        """
        with self._lock:
            if self._middleware_loaded:
                return
            self._load_required()
            for name in self.names(MIDDLEWARE):
                with suppress(PluginFailed):
                    self.load(MIDDLEWARE, name)
            for failure in self.failures:
                if failure.group == MIDDLEWARE or not failure.group:
                    self._say((failure.distribution, failure.name), f"skipped: {failure.error().message}")
            listening = {impl.plugin for impl in self.pm.hook.dataops_event.get_hookimpls()}
            self._listeners = [(e.key, module) for e, module in self._middleware_modules() if module in listening]
            self._middleware_loaded = True

    def node_middleware(self, manifest: Manifest) -> list[NodeMiddleware]:
        """Returns what plugins put around every node of a workflow, outermost first.

        Raises:
            PluginFailed: one that `plugins.require` names does not answer as it must; others are skipped and said.
        """
        offers: Offers[NodeMiddleware] = {}
        for entry, given in self._collected("dataops_node_middleware", answers.middlewares, manifest=manifest):
            for middleware in given:
                offers.setdefault(middleware.name, []).append((entry, middleware))
                if self._is_required(entry):
                    self.required_middlewares.add(middleware.name)
        return ordered(list(self._undisputed("dataops_node_middleware", offers).values()))

    def decorators(self) -> dict[str, type[NodeMiddleware]]:
        """Returns the middlewares that plugins offer as decorators, by name; a disputed name is not among them."""
        return self._undisputed("dataops_decorators", self._decorator_offers())

    def decorator(self, name: str) -> type[NodeMiddleware] | None:
        """Returns the decorator of that name, or None; raises PluginFailed naming both when two plugins offer it."""
        offers = self._decorator_offers().get(name, [])
        if len(offers) > 1:
            raise _dispute("dataops_decorators", name, offers).error()
        return offers[0][1] if offers else None

    def emit(self, event: Event) -> None:
        """Tells every listening plugin; one that raises is logged, as a warning the first time, and skipped."""
        for key, module in self._listeners:
            try:
                self.call(module, "dataops_event", event=event)
            except (KeyboardInterrupt, GeneratorExit):
                raise
            except BaseException as error:  # SystemExit and CancelledError of a listener are its own
                self._log(key, error)

    def _open(self, group: str, name: str, contract: type[Any] | None, /, **arguments: Any) -> Any:
        hook = HOOKS[group][0]
        with self._lock:
            entry = self._owner(group, name)
            module = self.load(group, name)
            try:
                with guarded():
                    answer = self.call(module, hook, **arguments)
            except DataOpsError:
                raise  # an unreachable store is no broken plugin
            except Exception as error:
                raise PluginFailure(name, group, entry.distribution, hook, error).error() from error
            try:
                return answers.opened(answer, contract)
            except Exception as error:
                self._loaded.pop(entry.key)
                raise self._fail(entry, hook, error).error() from error

    def _owner(self, group: str, name: str) -> Entry:
        key = f"{group}:{name}"
        if self._index.get(group, name) or key in self._failed or key in self.blocked:
            return self._entry(group, name)
        known = [*self.names(group), *PACKAGES[group]]
        package = PACKAGES[group].get(name)
        hint = f"pip install {package}" if package else nearest(name, known)
        raise ConfigError(
            f"no installed plugin brings the {_NOUN[group]} {name!r:.80}",
            hint=hint or f"installed: {', '.join(self.names(group)) or 'none'}",
        )

    def _load_required(self) -> None:
        for item in self.settings.plugins_require:
            named = [entry for entry in self.entries() if entry.named_by(item) and entry.group != COMMANDS]
            for entry in named:
                self.load(entry.group, entry.name)
            if not named:
                for failure in self.failures:
                    if item in (failure.name, f"{failure.group}:{failure.name}", failure.distribution):
                        raise failure.error()
                raise PluginFailed(
                    f"plugins.require names {item!r:.80}, which is not installed or is switched off",
                    hint=nearest(item, {e.name for e in self.entries()}) or "install it, or change plugins.require",
                )

    def _middleware_modules(self) -> list[tuple[Entry, Any]]:
        """Returns each loaded middleware module once, with its first entry; sorted by name."""
        once: dict[int, tuple[Entry, Any]] = {}
        for entry in self.entries(MIDDLEWARE):
            if entry.key in self._loaded:
                module = self._loaded[entry.key]
                once.setdefault(id(module), (entry, module))
        return list(once.values())

    def _collected(self, hook: str, check: Callable[[Any], T], **arguments: Any) -> Iterator[tuple[Entry, T]]:
        self.load_middleware()
        for entry, module in self._middleware_modules():
            try:
                with self._lock, guarded():
                    answer = check(self.call(module, hook, **arguments))
            except Exception as error:
                failure = PluginFailure(entry.name, entry.group, entry.distribution, hook, error)
                self._skip(failure, [entry])
            else:
                yield entry, answer

    def _decorator_offers(self) -> Offers[type[NodeMiddleware]]:
        offers: Offers[type[NodeMiddleware]] = {}
        for entry, given in self._collected("dataops_decorators", answers.decorators):
            for name, kind in given.items():
                offers.setdefault(name, []).append((entry, kind))
        return offers

    def _undisputed(self, hook: str, offers: Offers[T]) -> dict[str, T]:
        for name, disputed in offers.items():
            if len(disputed) > 1:
                self._skip(_dispute(hook, name, disputed), [entry for entry, _ in disputed])
        return {name: of[0][1] for name, of in offers.items() if len(of) == 1}

    def _skip(self, failure: PluginFailure, entries: list[Entry]) -> None:
        if any(map(self._is_required, entries)):
            raise failure.error()
        if self._say((failure.phase, failure.name), f"skipped: {failure.error().message}"):
            self._remember(failure)

    def _is_required(self, entry: Entry) -> bool:
        return any(map(entry.named_by, self.settings.plugins_require))

    def _say(self, once: tuple[str, str], text: str) -> bool:
        if once in self._said:
            return False
        self._said.add(once)
        self.warnings.append(text)
        return True

    def _log(self, key: str, error: BaseException) -> None:
        import logging

        once = ("dataops_event", key)
        level = logging.DEBUG if once in self._said else logging.WARNING
        self._said.add(once)
        logging.getLogger("dataops.plugins").log(level, "%s: dataops_event failed: %s", key, one_line(error))


_lock = threading.Lock()
_plugins: Plugins | None = None


def plugins() -> Plugins:
    """Returns the plugins of this process, by its current settings; made when they are first asked for."""
    global _plugins
    with _lock:
        if _plugins is None:
            _plugins = Plugins(settings_.current())
        return _plugins


def reset(to: Plugins | None = None) -> None:
    """Forgets the plugins of this process, and what is installed, or puts others in their place; for tests."""
    global _plugins
    with _lock:
        _plugins = to
        discovery.scan.cache_clear()


def _scheme(url: str) -> str:
    scheme, colon, _rest = url.partition(":")
    if not colon:
        raise ConfigError(f"{shown_url(url)!r:.120} is no URL", hint="it begins with a scheme, as sqlite:///dataops.db")
    return scheme.lower()


def _dispute(hook: str, name: str, offers: list[tuple[Entry, Any]]) -> PluginFailure:
    both = " and ".join(f"{e.name!r} (of {e.distribution})" for e, _ in offers)
    owners = ", ".join(sorted({e.distribution for e, _ in offers}))
    return PluginFailure(name, MIDDLEWARE, owners, hook, f"{name!r} is offered by {both}", "plugins.block one of them")
