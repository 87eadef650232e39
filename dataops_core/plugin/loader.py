"""Bringing one plugin in, or keeping it out: allowed, of our API, imported, registered, and verified.

Whatever fails on the way unregisters the plugin, leaves nothing of it behind and is remembered; asking again raises it
again. Nothing here knows what a workflow or a command is: upper layers verify those by a callback per group.
"""

from __future__ import annotations

import inspect
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any, Final

from dataops_core.contracts.manifest import API, Manifest
from dataops_core.errors import NotFound, PluginFailed, nearest
from dataops_core.plugin import discovery
from dataops_core.plugin.discovery import CORE, WORKFLOWS, Entry, Index
from dataops_core.plugin.failures import PluginFailure
from dataops_core.plugin.guard import guarded
from dataops_core.plugin.manifests import ManifestCache, WrongApi, api_advice
from dataops_core.settings import Settings

if TYPE_CHECKING:
    from dataops_core.plugin.hooks import HookManager

#: Which hooks a plugin of each group has. One of middleware's is enough; the others have exactly one.
HOOKS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        WORKFLOWS: ("dataops_register_workflows",),
        discovery.RECORDS: ("dataops_record_store",),
        discovery.BLOBS: ("dataops_blob_store",),
        discovery.MODELS: ("dataops_chat_model",),
        discovery.EXECUTORS: ("dataops_executor",),
        discovery.MIDDLEWARE: ("dataops_decorators", "dataops_node_middleware", "dataops_event"),
    }
)
SLOW_SECONDS: Final = 1.0

#: Refuses what a plugin delivered by raising: gets the entry, its manifest (workflows only), and what it delivered.
Verify = Callable[[Entry, Manifest | None, Any], None]


class _Staging:
    """What a workflow plugin is handed. It keeps what is registered apart until the plugin is verified."""

    def __init__(self, staged: list[Any]) -> None:
        self.register: Callable[[type[Any]], None] = staged.append


class Loader:
    """The installed plugins, loaded one by one when somebody asks for them.

    Args:
        settings: which to allow, block and prefer.
        index: what is installed, for tests; by default the entry points of `sys.path`.
        unreadable: with `index`, the distributions that cannot be read.
    """

    def __init__(
        self, settings: Settings, index: Iterable[Entry] | None = None, unreadable: Iterable[PluginFailure] = ()
    ) -> None:
        self.settings = settings
        self.verify: dict[str, Verify] = {}
        #: What is wrong, in the order in which it was found.
        self.failures: list[PluginFailure] = []
        #: What settings switch off, and by which of them.
        self.blocked: dict[str, tuple[Entry, str]] = {}
        self._failed: dict[str, PluginFailure] = {}
        self._loaded: dict[str, Any] = {}
        self._loading: list[str] = []
        self._lock = threading.RLock()
        self._manifests: dict[str, Manifest] = {}
        self._cache = ManifestCache(settings.home / "cache" / "manifests.json")
        found = index
        if found is None:
            found, unreadable, strangers = discovery.scan()
            if unreadable or strangers:
                # As it is imported, pydantic asks every distribution for its plugins, and fails at one that is broken.
                os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
        self._index = Index((e for e in found if self._allowed(e)), settings.plugins_prefer)
        for failure in (*unreadable, *self._index.failures):
            self._remember(failure)

    @cached_property
    def pm(self) -> HookManager:
        """The hooks of the plugins that are loaded."""
        from dataops_core.plugin.hooks import HookManager

        return HookManager()

    def names(self, group: str) -> list[str]:
        """Returns the names of a group's plugins, sorted; without blocked and disputed ones."""
        return self._index.names(group)

    def entries(self, group: str | None = None) -> list[Entry]:
        """Returns the plugins of one group, or of all, sorted by group and name."""
        return self._index.entries(group)

    def manifests(self) -> dict[str, Manifest]:
        """Returns the sound manifests of the installed workflows, sorted by name; failures are remembered."""
        with self._lock:
            for entry in self.entries(WORKFLOWS):
                self._read_manifest(entry)
            self._cache.save()
            names = (name for name in self.names(WORKFLOWS) if f"{WORKFLOWS}:{name}" not in self._failed)
            return {name: self._manifests[name] for name in names}

    def manifest(self, name: str) -> Manifest:
        """Returns the manifest of a workflow without importing its code.

        Raises:
            NotFound: no installed plugin announces it; the hint has the nearest name.
            PluginFailed: its manifest is missing or wrong, or its plugin is switched off or failed before.
        """
        with self._lock:
            self._read_manifest(self._entry(WORKFLOWS, name))
            self._cache.save()
            return self._manifests[self._entry(WORKFLOWS, name).name]

    def load(self, group: str, name: str) -> Any:
        """Returns a plugin's module, or its class in `dataops.workflows` and its object in `dataops.commands`.

        Raises:
            NotFound: no installed plugin has that name; the hint has the nearest one.
            PluginFailed: it does not load or keep its contract; the first error is the cause, each time it is asked.
        """
        with self._lock:
            key = f"{group}:{name}"
            if key in self._loaded:
                return self._loaded[key]
            entry = self._entry(group, name)
            if key in self._loading:
                raise PluginFailed(f"plugin {name!r} ({group}) asks for itself while it is loaded")
            self._loading.append(key)
            try:
                self._loaded[key] = self._bring_in(entry)
            finally:
                self._loading.remove(key)
            return self._loaded[key]

    def _bring_in(self, entry: Entry) -> Any:
        manifest = self.manifest(entry.name) if entry.group == WORKFLOWS else None
        phase, registered = "import", False
        began = time.perf_counter()
        try:
            with guarded():
                plugin = entry.load()
                self._told_if_slow(entry, time.perf_counter() - began)
                if entry.group in HOOKS:
                    if entry.group != WORKFLOWS:
                        phase = "api"
                        _check_api(plugin, entry)
                    phase = "verify"
                    self._check_hooks(plugin, entry)
                    if not self.pm.is_registered(plugin):
                        phase, registered = "register", True
                        self.pm.register(plugin, name=entry.key)
                delivered = plugin
                if entry.group == WORKFLOWS:
                    phase = "register"
                    delivered = self._registered_class(plugin, entry)
                phase = "verify"
                if entry.group in self.verify:
                    self.verify[entry.group](entry, manifest, delivered)
                return delivered
        except BaseException as error:
            if registered:
                from pluggy import PluginValidationError

                self.pm.unregister(name=entry.key)
                phase = "verify" if isinstance(error, PluginValidationError) else phase
            if not isinstance(error, Exception):  # Ctrl-C
                raise
            raise self._fail(entry, phase, error).error() from error

    def _registered_class(self, plugin: ModuleType, entry: Entry) -> type[Any]:
        staged: list[Any] = []
        registry = _Staging(staged)
        try:
            self.call(plugin, "dataops_register_workflows", registry=registry)
        finally:
            registry.register = _closed
        if len(staged) != 1 or not isinstance(staged[0], type):
            told = ", ".join(getattr(cls, "__name__", repr(cls)[:40]) for cls in staged) or "nothing"
            raise PluginFailed(
                f"it registered {told}, and announces the workflow {entry.name!r}",
                hint="a module registers exactly the one workflow class that its entry point announces",
            )
        return staged[0]

    def _check_hooks(self, plugin: Any, entry: Entry) -> None:
        if not isinstance(plugin, ModuleType):
            raise PluginFailed(f"{entry.value!r} is no module", hint="an entry point names the module with the hooks")
        groups = {e.group for e in self.entries() if (e.module, e.distribution) == (entry.module, entry.distribution)}
        hooks = {name: value for name, value in list(vars(plugin).items()) if name.startswith("dataops_")}
        implemented = {name for name, value in hooks.items() if hasattr(value, "dataops_impl")}
        known = {hook: group for group, names in HOOKS.items() for hook in names}
        for name in sorted(implemented):
            if name not in known:
                raise PluginFailed(f"{name} is no hook", hint=nearest(name, known) or "update dataops-core")
            if known[name] not in groups:
                raise PluginFailed(
                    f"it has the hook {name} and is not announced under {known[name]}",
                    hint=f'add it to [project.entry-points."{known[name]}"]',
                )
            options = hooks[name].dataops_impl
            if options.get("wrapper") or options.get("hookwrapper"):
                raise PluginFailed(f"{name} is a hook wrapper", hint="a plugin answers for itself only")
            if inspect.iscoroutinefunction(hooks[name]) or inspect.isgeneratorfunction(hooks[name]):
                raise PluginFailed(f"{name} is not a plain function", hint="hooks are sync and return their result")
        if not implemented & set(HOOKS[entry.group]):
            wanted = " or ".join(HOOKS[entry.group])
            bare = "; is @hookimpl missing?" if hooks.keys() & set(HOOKS[entry.group]) else ""
            raise PluginFailed(f"it is announced under {entry.group} and has no {wanted}{bare}")

    def call(self, plugin: Any, hook: str, /, **arguments: Any) -> Any:
        """Calls one plugin's implementation of a hook, and no other's; None when it has none."""
        for impl in getattr(self.pm.hook, hook).get_hookimpls():
            if impl.plugin is plugin:
                if self.settings.trace_hooks:
                    print(f"hook {hook}({', '.join(arguments)}) of {impl.plugin_name}", file=sys.stderr)
                return impl.function(*(arguments[name] for name in impl.argnames))
        return None

    def _entry(self, group: str, name: str) -> Entry:
        """Returns a plugin that may be used; raises PluginFailed or NotFound."""
        key = f"{group}:{name}"
        if key in self._failed:
            raise self._failed[key].error()
        if entry := self._index.get(group, name):
            return entry
        if key in self.blocked:
            entry, reason = self.blocked[key]
            raise PluginFailed(
                f"plugin {name!r} ({group}, of {entry.distribution}) is switched off by {reason}",
                hint=f"change {reason} (dataops config show says where it is set)",
            )
        near = self._index.nearest(group, name)
        if group == WORKFLOWS:
            raise NotFound(f"no workflow named {name!r:.80}", hint=near or "dataops list shows what is installed")
        raise NotFound(f"no plugin {name!r:.80} in {group}", hint=near or "dataops plugins list")

    def _allowed(self, entry: Entry) -> bool:
        reason = ""
        stranger = entry.distribution != CORE
        if any(entry.named_by(item) or (item == "*" and stranger) for item in self.settings.plugins_disabled):
            reason = "plugins.disabled"
        elif any(entry.named_by(item) for item in self.settings.plugins_block):
            reason = "plugins.block"
        elif stranger and self.settings.plugins_allow and not any(map(entry.named_by, self.settings.plugins_allow)):
            reason = "plugins.allow"
        if reason:
            self.blocked[entry.key] = (entry, reason)
        return not reason

    def _read_manifest(self, entry: Entry) -> None:
        if entry.name in self._manifests or entry.key in self._failed:
            return
        try:
            self._manifests[entry.name] = self._cache.manifest(entry)
        except Exception as error:  # whatever a stranger's file makes of our reader
            self._fail(entry, "api" if isinstance(error, WrongApi) else "manifest", error)

    def _fail(self, entry: Entry, phase: str, cause: BaseException | str, hint: str = "") -> PluginFailure:
        failure = PluginFailure(entry.name, entry.group, entry.distribution, phase, cause, hint)
        self._failed[entry.key] = failure
        self._remember(failure)
        return failure

    def _remember(self, failure: PluginFailure) -> None:
        if failure.name and not self._index.get(failure.group, failure.name):
            self._failed[f"{failure.group}:{failure.name}"] = failure
        self.failures.append(failure)
        if self.settings.strict_plugins:
            raise failure.error()

    @staticmethod
    def _told_if_slow(entry: Entry, seconds: float) -> None:
        if seconds > SLOW_SECONDS:
            import logging

            logging.getLogger("dataops.plugins").debug("importing %s took %.1f s", entry.key, seconds)


def _closed(cls: type[Any]) -> None:
    raise PluginFailed("the registry is closed: workflows are registered while dataops_register_workflows runs")


def _check_api(plugin: Any, entry: Entry) -> None:
    api = vars(plugin).get("DATAOPS_API") if isinstance(plugin, ModuleType) else None
    if type(api) is not int:
        raise PluginFailed(
            f"{entry.module} does not say DATAOPS_API", hint=f"add DATAOPS_API = {API} to {entry.module}"
        )
    if api != API:
        raise PluginFailed(f"{entry.module} is for plugin API {api}, this DataOps has {API}", hint=api_advice(api))
