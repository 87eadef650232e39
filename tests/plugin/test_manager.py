"""What settings decide, what owners are asked, and what is said about those that are missing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dataops_core.contracts.events import Event
from dataops_core.contracts.middleware import NodeMiddleware
from dataops_core.errors import ConfigError, NotFound, PluginFailed, Unreachable
from dataops_core.plugin import manager
from tests.plugin.installed import MIDDLEWARE, STORE, WORKFLOW, World

EVENT = Event("run.started", "2026-01-01T00:00:00.000000Z")


def test_nothing_is_imported_before_it_is_asked_for(world: World) -> None:
    site = world.site()
    for name in ("one", "two"):
        site.workflow(name)
    site.plugin("dataops.middleware", "watcher", MIDDLEWARE)
    plugins = world.plugins()
    assert list(plugins.manifests()) == plugins.names("dataops.workflows") == ["one", "two"]
    assert not {"one", "two", "watcher"} & sys.modules.keys()
    plugins.load("dataops.workflows", "two")
    assert {"one", "two", "watcher"} & sys.modules.keys() == {"two"}


def test_a_module_under_several_entries_is_registered_once(world: World) -> None:
    both = STORE + "\n    @hookimpl\n    def dataops_event(event): heard.append(event)\n    heard = []\n"
    world.site().install(
        "dist-both",
        {"dataops.records": {"one": "both", "two": "both"}, "dataops.middleware": {"both": "both"}},
        {"both.py": both},
    )
    plugins = world.plugins()
    for scheme in ("one", "two"):
        plugins.record_store(f"{scheme}://x", ())
    plugins.load_middleware()
    plugins.emit(EVENT)
    assert sys.modules["both"].heard == [EVENT]
    assert len(plugins.pm.get_plugins()) == 1
    assert plugins.failures == []


def test_one_entry_of_a_module_that_fails_leaves_the_others(world: World) -> None:
    world.site().install(
        "dist-both", {"dataops.records": {"one": "both"}, "dataops.blobs": {"two": "both"}}, {"both.py": STORE}
    )
    plugins = world.plugins()
    with pytest.raises(PluginFailed, match="no dataops_blob_store"):
        plugins.blob_store("two://x")
    assert plugins.record_store("one://x", ())
    with pytest.raises(PluginFailed, match="no dataops_blob_store"):
        plugins.blob_store("two://x")


@pytest.mark.parametrize(
    ("flags", "left", "reason"),
    [
        ({"plugins_block": ["one"]}, ["two"], "plugins.block"),
        ({"plugins_block": ["dataops.workflows:one"]}, ["two"], "plugins.block"),
        ({"plugins_block": ["Dist_One"]}, ["two"], "plugins.block"),
        ({"plugins_allow": ["dist-two"]}, ["two"], "plugins.allow"),
        ({"plugins_disabled": "one"}, ["two"], "plugins.disabled"),
        ({"plugins_disabled": "1"}, [], "plugins.disabled"),
        ({"plugins_disabled": "*"}, [], "plugins.disabled"),
        ({"plugins_disabled": "0"}, ["one", "two"], ""),
    ],
)
def test_what_settings_switch_off(flags: dict[str, object], left: list[str], reason: str, world: World) -> None:
    site = world.site()
    site.workflow("one")
    site.workflow("two")
    site.install("dataops-core", {"dataops.records": {"sqlite": "core_sqlite"}}, {"core_sqlite.py": STORE})
    plugins = world.plugins(**flags)
    assert list(plugins.manifests()) == left
    assert plugins.record_store("sqlite://x", ())
    assert plugins.failures == []
    if reason:
        with pytest.raises(PluginFailed, match=f"switched off by {reason}"):
            plugins.load("dataops.workflows", "one")
        assert "one" not in sys.modules


def test_a_dispute_is_settled_by_settings_only(world: World) -> None:
    first, second = world.site(), world.site()
    first.workflow("same", package="same_a")
    second.workflow("same", package="same_b")
    with pytest.raises(PluginFailed, match=r"dist-same-a .* and dist-same-b"):
        world.plugins().load("dataops.workflows", "same")
    for chosen in ("same_a", "same_b"):
        plugins = world.plugins(plugins_prefer={"dataops.workflows:same": f"dist-{chosen}"})
        assert plugins.workflow_class("same").__module__ == chosen
        assert plugins.failures == []
    plugins = world.plugins(plugins_block=["dist-same-a"])
    assert plugins.workflow_class("same").__module__ == "same_b"


def test_one_distribution_seen_twice_is_one(world: World) -> None:
    first, second = world.site(), world.site()
    first.workflow("same")
    second.workflow("same", "raise OSError")
    plugins = world.plugins()
    assert plugins.workflow_class("same")
    assert plugins.failures == []


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("redis://there", "pip install dataops-redis"),
        ("dynamodb://eu/dataops_", "pip install dataops-aws"),
        ("REDIS://there", "pip install dataops-redis"),
        ("sqlte:///x", "did you mean 'sqlite'?"),
        ("xyz:///x", "installed: sqlite"),
    ],
)
def test_unknown_scheme_says_what_to_install(url: str, hint: str, world: World) -> None:
    world.site().plugin("dataops.records", "sqlite", STORE, package="some_sqlite")
    with pytest.raises(ConfigError) as raised:
        world.plugins().record_store(url, ())
    assert raised.value.hint == hint
    assert not isinstance(raised.value, PluginFailed)


def test_missing_blobs_models_and_executors_say_what_to_install(world: World) -> None:
    plugins = world.plugins()
    with pytest.raises(ConfigError, match="blob store 's3'") as blobs:
        plugins.blob_store("s3://bucket")
    with pytest.raises(ConfigError, match="chat model 'anthropic'") as model:
        plugins.chat_model("anthropic", {})
    with pytest.raises(ConfigError, match="executor 'celery'") as executor:
        plugins.executor("celery", {})
    assert [e.value.hint for e in (blobs, model, executor)] == [
        "pip install dataops-aws",
        "pip install dataops-anthropic",
        "installed: none",
    ]
    with pytest.raises(ConfigError, match="no URL") as no_url:
        plugins.record_store("secret", ())
    assert no_url.value.hint


def test_models_and_executors_get_their_settings_read_only(world: World) -> None:
    code = """
        from dataops_core import hookimpl
        DATAOPS_API = 1

        @hookimpl
        def dataops_chat_model(name, settings):
            return name, settings

        @hookimpl
        def dataops_executor(name):
            return name
    """
    world.site().install(
        "dist-models", {"dataops.models": {"m": "models"}, "dataops.executors": {"e": "models"}}, {"models.py": code}
    )
    plugins = world.plugins()
    name, given = plugins.chat_model("m", {"temperature": None})
    assert (name, dict(given)) == ("m", {"temperature": None})
    with pytest.raises(TypeError):
        given["x"] = 1
    assert plugins.executor("e", {}) == "e"


def test_an_unreachable_store_is_no_broken_plugin(world: World) -> None:
    code = STORE.replace("return Store()", "from dataops_core.errors import Unreachable; raise Unreachable('down')")
    world.site().plugin("dataops.records", "remote", code)
    plugins = world.plugins()
    with pytest.raises(Unreachable, match="down"):
        plugins.record_store("remote://x", ())
    assert plugins.failures == []


def test_an_owner_that_raises_may_be_asked_again(world: World) -> None:
    code = STORE.replace("return Store()", "tries.append(1); return Store() if len(tries) > 1 else 1 / 0")
    world.site().plugin("dataops.records", "flaky", code + "\n    tries = []\n")
    plugins = world.plugins()
    with pytest.raises(PluginFailed, match="ZeroDivisionError"):
        plugins.record_store("flaky://x", ())
    assert plugins.record_store("flaky://x", ())


@pytest.mark.parametrize("named", ["watcher", "dataops.middleware:watcher", "dist-watcher"])
@pytest.mark.parametrize(
    "code",
    [
        "import no_such_module_x",
        MIDDLEWARE.replace("[Middleware()]", "[1]"),
        MIDDLEWARE.replace("return [Middleware()]", "1 / 0"),
    ],
)
def test_without_a_required_middleware_nothing_runs(named: str, code: str, world: World) -> None:
    site = world.site()
    site.plugin("dataops.middleware", "watcher", code)
    site.workflow("one")
    plugins = world.plugins(plugins_require=[named])
    for _ in range(2):
        with pytest.raises(PluginFailed, match="watcher"):
            plugins.node_middleware(plugins.manifest("one"))


def test_the_middlewares_of_a_required_plugin_are_required(world: World) -> None:
    site = world.site()
    site.plugin("dataops.middleware", "watcher", MIDDLEWARE.replace('"{name}"', '"eye"'))
    site.plugin("dataops.middleware", "other", MIDDLEWARE)
    site.workflow("one")
    plugins = world.plugins(plugins_require=["dist-watcher"])
    assert [m.name for m in plugins.node_middleware(plugins.manifest("one"))] == ["eye", "other"]
    assert plugins.required_middlewares == {"eye"}


@pytest.mark.parametrize(
    ("flags", "match"),
    [
        ({}, "'watcher', which is not installed"),
        ({"plugins_block": ["watcher"]}, "'watcher', which is not installed or is switched off"),
    ],
)
def test_a_required_plugin_that_is_not_there(flags: dict[str, object], match: str, world: World) -> None:
    if flags:
        world.site().plugin("dataops.middleware", "watcher", MIDDLEWARE)
    with pytest.raises(PluginFailed, match=match):
        world.plugins(plugins_require=["watcher"], **flags).load_middleware()


def test_a_required_distribution_that_cannot_be_read(world: World) -> None:
    world.site().install("dist-watcher", "[dataops.middleware]\nbroken")
    with pytest.raises(PluginFailed, match="cannot be read"):
        world.plugins(plugins_require=["dist-watcher"]).load_middleware()


def test_middlewares_are_ordered_by_order_then_name(world: World) -> None:
    site = world.site()
    for name, order in (("c", 1), ("b", 100), ("a", 100)):
        site.plugin("dataops.middleware", name, MIDDLEWARE.replace("class Mid", "order = 1\n    class Mid", 0))
        file = site.folder / f"{name}.py"
        file.write_text(file.read_text().replace(f'name = "{name}"', f'name = "{name}"\n    order = {order}'))
    site.workflow("one")
    plugins = world.plugins()
    assert [m.name for m in plugins.node_middleware(plugins.manifest("one"))] == ["c", "a", "b"]
    assert list(plugins.decorators()) == ["a", "b", "c"]
    assert issubclass(plugins.decorators()["a"], NodeMiddleware)
    assert plugins.decorator("a") is plugins.decorators()["a"]
    assert plugins.decorator("nobody's") is None


def test_strict_raises_at_once(world: World) -> None:
    site = world.site()
    site.workflow("good")
    site.workflow("bad", manifest=None)
    with pytest.raises(PluginFailed, match="there is no config"):
        world.plugins(strict_plugins=True).manifests()
    site.install("dist-broken", "[dataops.records]\nbroken")
    with pytest.raises(PluginFailed, match="dist-broken"):
        world.plugins(strict_plugins=True)


def test_hook_calls_are_traced_without_their_arguments(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.site().plugin("dataops.records", "remote", STORE)
    world.plugins(trace_hooks=True).record_store("remote://me:secret@x", ())
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "hook dataops_record_store(url, tables) of dataops.records:remote\n"


def test_unknown_names_have_the_nearest(world: World) -> None:
    world.site().workflow("data_profiler")
    plugins = world.plugins()
    with pytest.raises(NotFound) as raised:
        plugins.load("dataops.workflows", "data_profilr")
    assert raised.value.hint == "did you mean 'data_profiler'?"
    with pytest.raises(NotFound, match=r"^no workflow named 'data_profilr'$") as raised:
        plugins.manifest("data_profilr")
    assert raised.value.hint == "did you mean 'data_profiler'?"
    with pytest.raises(NotFound, match=r"no plugin 'nosuch' in dataops\.models"):
        plugins.load("dataops.models", "nosuch")


def test_a_broken_plugin_leaves_the_catalogue(world: World) -> None:
    site = world.site()
    site.workflow("good")
    site.workflow("bad", "raise OSError")
    plugins = world.plugins()
    assert list(plugins.manifests()) == ["bad", "good"]
    with pytest.raises(PluginFailed):
        plugins.workflow_class("bad")
    assert list(plugins.manifests()) == ["good"]
    with pytest.raises(PluginFailed) as raised:
        plugins.manifest("bad")
    assert isinstance(raised.value.__cause__, OSError)


def test_commands_are_verified_by_who_shows_them(world: World) -> None:
    code = "command = print\nother = 3\n"
    world.site().install(
        "dist-commands",
        {"dataops.commands": {"good": "commands:command", "bad": "commands:other"}},
        {"commands.py": code},
    )
    plugins = world.plugins()

    def verify(entry: object, manifest: object, delivered: object) -> None:
        if not callable(delivered):
            raise TypeError("no command")

    plugins.verify["dataops.commands"] = verify
    assert plugins.load("dataops.commands", "good") is print
    with pytest.raises(PluginFailed, match="no command"):
        plugins.load("dataops.commands", "bad")


def test_the_plugins_of_the_process(world: World) -> None:
    plugins = world.plugins()
    manager.reset(plugins)
    try:
        assert manager.plugins() is plugins
    finally:
        manager.reset()


def test_ctrl_c_during_an_import_works(world: World, tmp_path: Path) -> None:
    site = world.site()
    site.workflow("slow", "    print('begun')\n    import time\n    time.sleep(60)" + WORKFLOW)
    program = (
        "from dataops_core.plugin.manager import plugins\n"
        "try: plugins().load('dataops.workflows', 'slow')\n"
        "except KeyboardInterrupt: print('interrupted', plugins().failures)\n"
    )
    checkout = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": f"{site.folder}{os.pathsep}{checkout}", "DATAOPS_HOME": str(tmp_path)}
    child = subprocess.Popen(
        [sys.executable, "-uc", program],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stderr is not None
    assert child.stderr.readline() == "begun\n"
    time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    out, _err = child.communicate(timeout=20)
    assert out == "interrupted []\n"
