"""Hostile plugins in first, middle and last place among good ones: each harms only itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from dataops_core.contracts.events import Event
from dataops_core.errors import PluginFailed
from dataops_core.plugin.manager import Plugins
from dataops_core.plugin.manifests import read_manifest
from tests.plugin.installed import MANIFEST, MIDDLEWARE, STORE, WORKFLOW, Site, World

EVENT = Event("run.started", "2026-01-01T00:00:00.000000Z")
HEAD = "from dataops_core import NodeMiddleware, hookimpl\nDATAOPS_API = 1\n"


class Hostile(NamedTuple):
    """A plugin, the phase in which it fails, and what its reason says."""

    install: Callable[[Site, str], None]
    group: str
    phase: str
    reason: str


def workflow(code: str, phase: str, reason: str, manifest: str | None = MANIFEST) -> Hostile:
    return Hostile(lambda site, name: site.workflow(name, code, manifest), "dataops.workflows", phase, reason)


def records(code: str, phase: str, reason: str) -> Hostile:
    return Hostile(lambda site, name: site.plugin("dataops.records", name, code), "dataops.records", phase, reason)


def middleware(code: str, phase: str, reason: str) -> Hostile:
    def install(site: Site, name: str) -> None:
        site.plugin("dataops.middleware", name, code)

    return Hostile(install, "dataops.middleware", phase, reason)


def raw(value: str, reason: str) -> Hostile:
    def install(site: Site, name: str) -> None:
        site.install(f"dist-{name}", {"dataops.workflows": {name: value}})

    return Hostile(install, "dataops.workflows", "discovery", reason)


def _twice(site: Site, name: str) -> None:
    site.workflow(name)
    site.workflow(name, package=f"{name}_again")


def _value_is_function(site: Site, name: str) -> None:
    site.plugin("dataops.records", name, STORE)
    site.install(f"dist-{name}", {"dataops.records": {name: f"{name}:dataops_record_store"}})


REGISTER = "\n    @hookimpl\n    def dataops_register_workflows(registry):\n        "

#: Those that fail when somebody asks for them, or before.
HOSTILE = {
    "needs a missing module": workflow("import no_such_module_x", "import", "no_such_module_x"),
    "syntax error": workflow("def (", "import", "SyntaxError"),
    "exits": workflow("import sys; sys.exit(3)", "import", "SystemExit (3)"),
    "raises KeyboardInterrupt": workflow("raise KeyboardInterrupt", "import", "KeyboardInterrupt"),
    "raises a BaseException": workflow("class X(BaseException): ...\nraise X('boo')", "import", "it raised X"),
    "error that cannot be printed": workflow(
        "class X(Exception):\n    def __str__(self): raise RuntimeError\nraise X", "import", "X"
    ),
    "error with control characters": workflow(
        "raise ValueError('\\x1b[2J\\nfine: all well')", "import", "ValueError: [2J fine: all well"
    ),
    "asks for itself": workflow(
        "import plugin_manager_of_test as t\nt.manager.load('dataops.workflows', '{name}')", "import", "asks for itself"
    ),
    "raises in its register hook": workflow(WORKFLOW + "        raise OSError('no')", "register", "OSError: no"),
    "registers half, then exits": workflow(WORKFLOW + "        raise SystemExit", "register", "SystemExit"),
    "registers nothing": workflow(WORKFLOW.replace("registry.register(Workflow)", "pass"), "register", "nothing"),
    "registers too much": workflow(
        WORKFLOW + "        registry.register(type('Other', (), {}))", "register", "Workflow, Other"
    ),
    "registers a function": workflow(WORKFLOW.replace("register(Workflow)", "register(print)"), "register", "print"),
    "registers another's name": workflow(WORKFLOW.replace("{name}", "b_good"), "verify", "'b_good'"),
    "wrong arguments": workflow(WORKFLOW.replace("(registry):", "(registry, shell):"), "verify", "shell"),
    "unknown hook": workflow(
        WORKFLOW + "\n    @hookimpl\n    def dataops_evnt(event): ...", "verify", "dataops_evnt is no hook"
    ),
    "no marker": workflow(WORKFLOW.replace("@hookimpl", ""), "verify", "is @hookimpl missing?"),
    "wraps the hooks of others": workflow(
        WORKFLOW.replace("@hookimpl", "@hookimpl(wrapper=True)"), "verify", "wrapper"
    ),
    "async hook": workflow(WORKFLOW.replace("def data", "async def data"), "verify", "plain function"),
    "hook of another group": workflow(
        WORKFLOW + "\n    @hookimpl\n    def dataops_event(event): ...",
        "verify",
        "not announced under dataops.middleware",
    ),
    "replaces its module by an object that raises": workflow(
        "import sys\nclass X:\n    def __getattr__(self, name): raise ZeroDivisionError\nsys.modules[__name__] = X()",
        "verify",
        "is no module",
    ),
    "its dir() raises": workflow(WORKFLOW + "\n    def __dir__(): raise OSError('dir')", "register", "OSError: dir"),
    "manifest of another API": workflow(WORKFLOW, "api", "plugin API 2", MANIFEST.replace("api: 1", "api: 2\nnew: 1")),
    "manifest is no YAML": workflow(WORKFLOW, "manifest", "line 1, column", "{name: ]"),
    "manifest has an unknown key": workflow(
        WORKFLOW, "manifest", "unknown key 'descripton'", MANIFEST + "descripton: x"
    ),
    "manifest is missing": workflow(WORKFLOW, "manifest", "there is no config.yaml", None),
    "manifest has another name": workflow(
        WORKFLOW, "manifest", "the entry point names", MANIFEST.replace("{name}", "x")
    ),
    "manifest overflows the parser's stack": workflow(WORKFLOW, "manifest", "nested deeper", "a: " + "[" * 50_000),
    "manifest explodes": workflow(
        WORKFLOW,
        "manifest",
        "aliases",
        "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 60)),
    ),
    "manifest runs code": workflow(WORKFLOW, "manifest", "tag", "name: !!python/object/apply:os.system [exit]"),
    "manifest is huge": workflow(WORKFLOW, "manifest", "larger than", "# " + "x" * 300_000),
    "value is no module name": raw("../../etc/passwd", "is not a module"),
    "value climbs out": raw("..b_good", "is not a module"),
    "two distributions, one name": Hostile(_twice, "dataops.workflows", "conflict", " and dist-"),
    "value is a function": Hostile(_value_is_function, "dataops.records", "api", "DATAOPS_API"),
    "backend of another API": records(STORE.replace("API = 1", "API = 2"), "api", "plugin API 2"),
    "backend without API": records(STORE.replace("DATAOPS_API = 1", ""), "api", "does not say DATAOPS_API"),
    "backend with a true API": records(STORE.replace("API = 1", "API = True"), "api", "does not say DATAOPS_API"),
    "backend without its hook": records(HEAD, "verify", "no dataops_record_store"),
    "store lacks methods": records(STORE.replace("= commit", ""), "dataops_record_store", "lacks commit"),
    "store is nothing": records(STORE.replace("return Store()", "pass"), "dataops_record_store", "nothing"),
    "store's attributes raise": records(
        STORE.replace("return Store()", "return Evil()")
        + "\n    class Evil:\n        def __getattr__(self, name): raise RuntimeError('evil')",
        "dataops_record_store",
        "evil",
    ),
    "middleware fails to import": middleware("import no_such_module_x", "import", "no_such_module_x"),
    "middleware answers rubbish": middleware(
        MIDDLEWARE.replace("[Middleware()]", "[1]"), "dataops_node_middleware", "not a NodeMiddleware"
    ),
    "middleware answers no list": middleware(
        MIDDLEWARE.replace("[Middleware()]", "iter(int, 1)"), "dataops_node_middleware", "not a list"
    ),
    "middleware without a name": middleware(
        MIDDLEWARE.replace("[Middleware()]", "[NodeMiddleware()]"), "dataops_node_middleware", "no name"
    ),
    "middleware hook raises": middleware(
        MIDDLEWARE.replace("return [Middleware()]", "1 / 0"), "dataops_node_middleware", "ZeroDivisionError"
    ),
    "middleware hook exits": middleware(
        MIDDLEWARE.replace("return [Middleware()]", "raise SystemExit(0)"), "dataops_node_middleware", "SystemExit"
    ),
    "decorator is no class": middleware(
        MIDDLEWARE.replace(": Middleware}}", ": 3}}"), "dataops_decorators", "no NodeMiddleware class"
    ),
    "decorator takes a core name": middleware(
        MIDDLEWARE.replace('{{"{name}"', '{{"with_artifacts"'), "dataops_decorators", "belongs to dataops-core"
    ),
    "decorators hook raises": middleware(
        MIDDLEWARE.replace("return {{", "raise KeyError\n        {{"), "dataops_decorators", "KeyError"
    ),
}
PLACES = {"first": "abad", "middle": "mbad", "last": "zbad"}


def _good(site: Site, prefix: str) -> None:
    site.workflow(f"{prefix}_good")
    site.plugin("dataops.records", f"{prefix}records", STORE)
    site.plugin("dataops.middleware", f"{prefix}_middleware", MIDDLEWARE)


def _populate(world: World, place: str, install: Callable[[Site, str], None]) -> Plugins:
    sites = [world.site() for _ in range(5)]
    _good(sites[1], "b")
    _good(sites[3], "y")
    install(sites[{"first": 0, "middle": 2, "last": 4}[place]], PLACES[place])
    return world.plugins()


def _assert_good_ones_work(plugins: Plugins) -> None:
    manifests = plugins.manifests()
    assert {"b_good", "y_good"} <= set(manifests)
    for prefix in ("b", "y"):
        assert plugins.workflow_class(f"{prefix}_good").name == f"{prefix}_good"
        store = plugins.record_store(f"{prefix}records://there", ())
        assert store.scheme == f"{prefix}records"  # type: ignore[attr-defined]
    applied = [m.name for m in plugins.node_middleware(manifests["b_good"])]
    assert [name for name in applied if name in ("b_middleware", "y_middleware")] == ["b_middleware", "y_middleware"]
    assert {"b_middleware", "y_middleware"} <= set(plugins.decorators())
    plugins.emit(EVENT)
    for prefix in ("b", "y"):
        assert plugins.load("dataops.middleware", f"{prefix}_middleware").heard[-1] == "run.started"


def _ask(plugins: Plugins, group: str, name: str) -> None:
    if group == "dataops.records":
        plugins.record_store(f"{name}://there", ())
    else:
        plugins.load(group, name)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("what", HOSTILE)
def test_harms_only_itself(what: str, place: str, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile, name = HOSTILE[what], PLACES[place]
    plugins = _populate(world, place, hostile.install)
    monkeypatch.setitem(__import__("sys").modules, "plugin_manager_of_test", type("T", (), {"manager": plugins}))

    for _ in range(2):  # asking again finds the same
        if hostile.group == "dataops.middleware" and hostile.phase != "import":
            _assert_good_ones_work(plugins)
        else:
            with pytest.raises(PluginFailed) as raised:
                _ask(plugins, hostile.group, name)
            assert hostile.reason in raised.value.message
            assert name in raised.value.message
            assert raised.value.hint
            assert raised.value.message.isprintable()
        _assert_good_ones_work(plugins)

    mine = [failure for failure in plugins.failures if failure.name == name]
    assert [failure.phase for failure in mine] == [hostile.phase]
    assert hostile.reason in mine[0].reason
    assert mine[0].as_dict()["hint"]
    assert [failure.name for failure in plugins.failures] == [name]
    assert name not in plugins.manifests()
    if hostile.group == "dataops.middleware":
        assert len(plugins.warnings) == 1
        assert name in plugins.warnings[0]
        assert name not in {m.name for m in plugins.node_middleware(plugins.manifest("b_good"))} or (
            hostile.phase == "dataops_decorators"
        )
    else:
        assert not [p for p in plugins.pm.list_name_plugin() if p[0] == f"dataops.workflows:{name}"]


def test_there_are_more_than_twenty() -> None:
    assert len(HOSTILE) > 20


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("line", [b"[dataops.workflows]\nno equals sign", b"[dataops.workflows]\nx = \xff\xfe"])
def test_entry_points_that_cannot_be_read(line: bytes, place: str, world: World) -> None:
    plugins = _populate(world, place, lambda site, name: site.install(f"dist-{name}", line))
    _assert_good_ones_work(plugins)
    [failure] = plugins.failures
    assert failure.distribution == f"dist-{PLACES[place]}".replace("_", "-")
    assert failure.phase == "discovery"


def test_a_group_that_is_not_closed_is_said_and_not_lost(world: World) -> None:
    plugins = _populate(world, "first", lambda site, name: site.install(name, "[dataops.workflows\nx = y"))
    [failure] = plugins.failures
    assert "no 'name = value': [dataops.workflows" in failure.reason


def test_the_broken_entry_points_of_others_are_not_ours(world: World) -> None:
    plugins = _populate(world, "first", lambda site, name: site.install(name, "[console_scripts]\nno equals sign"))
    assert plugins.failures == []


@pytest.mark.parametrize("place", PLACES)
def test_a_name_of_the_core_cannot_be_claimed(place: str, world: World) -> None:
    def install(site: Site, name: str) -> None:
        site.plugin("dataops.records", "sqlite", STORE.replace('"{name}"', '"stolen"'), package=name)

    core = world.site()
    core.install("dataops-core", {"dataops.records": {"sqlite": "core_sqlite"}}, {"core_sqlite.py": STORE})
    plugins = _populate(world, place, install)
    plugins = world.plugins(plugins_prefer={"dataops.records:sqlite": f"dist-{PLACES[place]}"})
    assert plugins.record_store("sqlite:///x", ()).scheme == "{name}"  # type: ignore[attr-defined]
    [failure] = plugins.failures
    assert (failure.phase, failure.reason) == ("conflict", "the name belongs to dataops-core")
    assert failure.distribution.endswith("bad")


@pytest.mark.parametrize("place", PLACES)
def test_answers_for_another_scheme(place: str, world: World) -> None:
    def install(site: Site, name: str) -> None:
        site.plugin("dataops.records", name, STORE)  # it answers any URL

    plugins = _populate(world, place, install)
    assert plugins.record_store(f"{PLACES[place]}://there", ()).scheme == PLACES[place]  # type: ignore[attr-defined]
    _assert_good_ones_work(plugins)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("error", ["ValueError('boo')", "SystemExit(2)", "__import__('asyncio').CancelledError()"])
def test_listener_that_raises(error: str, place: str, world: World, caplog: pytest.LogCaptureFixture) -> None:
    code = MIDDLEWARE.replace("heard.append(event.type)", f"raise {error}")
    plugins = _populate(world, place, lambda site, name: site.plugin("dataops.middleware", name, code))
    for _ in range(3):
        _assert_good_ones_work(plugins)
    warnings = [record for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 1
    assert PLACES[place] in warnings[0].getMessage()


@pytest.mark.parametrize("place", PLACES)
def test_two_plugins_with_one_middleware_name(place: str, world: World) -> None:
    def install(site: Site, name: str) -> None:
        site.plugin("dataops.middleware", f"{name}1", MIDDLEWARE.replace('"{name}"', '"same"'))
        site.plugin("dataops.middleware", f"{name}2", MIDDLEWARE.replace('"{name}"', '"same"'))

    plugins = _populate(world, place, install)
    _assert_good_ones_work(plugins)
    assert "same" not in plugins.decorators()
    with pytest.raises(PluginFailed, match=r"dist-.bad1") as raised:
        plugins.decorator("same")
    assert f"{PLACES[place]}2" in raised.value.message
    assert "same" not in {m.name for m in plugins.node_middleware(plugins.manifest("b_good"))}
    assert len(plugins.warnings) == 2


@pytest.mark.parametrize("place", PLACES)
def test_registry_gives_no_way_to_others(place: str, world: World) -> None:
    code = WORKFLOW + (
        "        kept.append(registry)\n"
        "        for name in dir(registry):\n"
        "            if 'unregister' in name or 'workflows' in name: getattr(registry, name).clear()\n"
        "    kept = []\n"
    )
    plugins = _populate(world, place, lambda site, name: site.workflow(name, code))
    assert plugins.workflow_class(PLACES[place]).name == PLACES[place]
    _assert_good_ones_work(plugins)
    registry = __import__("sys").modules[PLACES[place]].kept[0]
    assert [name for name in dir(registry) if not name.startswith("_")] == ["register"]
    with pytest.raises(PluginFailed, match="closed"):
        registry.register(int)


def test_prints_go_to_stderr(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    code = (
        "import os, subprocess, sys\nprint('printed')\nos.write(1, b'written')\n"
        "sys.__stdout__.write('original')\nsubprocess.run(['echo', 'echoed'])\n"
    )
    plugins = _populate(world, "first", lambda site, name: site.workflow(name, code + "import no_such_module_x"))
    print("before")
    with pytest.raises(PluginFailed):
        plugins.load("dataops.workflows", "abad")
    print("after")
    out, err = capfd.readouterr()
    assert out == "before\nafter\n"
    assert all(word in err for word in ("printed", "written", "original", "echoed"))


def test_slow_import_is_told(world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dataops_core.plugin.loader.SLOW_SECONDS", 0.01)
    caplog.set_level("DEBUG", "dataops.plugins")
    code = "    import time; time.sleep(0.02)" + WORKFLOW
    plugins = _populate(world, "first", lambda site, name: site.workflow(name, code))
    assert plugins.workflow_class("abad")
    assert "importing dataops.workflows:abad took" in caplog.text


def test_read_manifest_does_not_know_the_entry(world: World) -> None:
    site = world.site()
    site.workflow("fine")
    assert read_manifest(site.folder / "fine" / "config.yaml").name == "fine"
