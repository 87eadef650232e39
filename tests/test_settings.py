"""Where settings come from, what they mean, and what is said when they are wrong."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataops_core import settings
from dataops_core.errors import ConfigError
from dataops_core.settings import Settings, load, shown_url
from dataops_core.settings.files import read_env_file
from dataops_core.settings.options import key_of, options

CHECKOUT = Path(__file__).parents[1]


class Place:
    """A working directory and a home."""

    def __init__(self, root: Path) -> None:
        self.cwd = root / "work"
        self.home = root / "home"
        self.cwd.mkdir()
        self.home.mkdir()

    def write(self, *, env: str | None = None, project: str | None = None, user: str | None = None) -> None:
        for text, path in (
            (env, self.cwd / ".env"),
            (project, self.cwd / "dataops.yaml"),
            (user, self.home / "config.yaml"),
        ):
            if text is not None:
                path.write_text(text)

    def load(self, flags: Mapping[str, Any] | None = None, /, **env: str) -> Settings:
        return load(flags, env={"DATAOPS_HOME": str(self.home), **env}, cwd=self.cwd)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def row(chosen: Settings, key: str) -> tuple[Any, str]:
    return {r.key: (r.value, r.source) for r in chosen.rows()}[key]


def test_defaults(place: Place) -> None:
    chosen = place.load()
    assert chosen.home == place.home
    assert chosen.records_url == f"sqlite:///{place.home}/dataops.db"
    assert chosen.blobs_url == f"file://{place.home}/blobs"
    assert (chosen.workflow_timeout, chosen.max_concurrent_workflows, chosen.log_level) == (300.0, 10, None)
    assert (chosen.allowed_paths, chosen.user, chosen.turn_policy, chosen.lease_seconds) == (
        None,
        "local",
        "wait",
        30.0,
    )
    assert {r.source for r in chosen.rows()} == {"default", "env DATAOPS_HOME"}


def test_each_source_stands_above_the_next(place: Place) -> None:
    variable = "AWS_REGION"
    place.write(user="aws: {region: user}")
    assert row(place.load(), "aws.region") == ("user", str(place.home / "config.yaml"))
    place.write(project="aws: {region: project}")
    assert row(place.load(), "aws.region") == ("project", str(place.cwd / "dataops.yaml"))
    place.write(env="AWS_REGION=dotenv")
    assert row(place.load(), "aws.region") == ("dotenv", ".env AWS_REGION")
    assert row(place.load(AWS_REGION="real"), "aws.region") == ("real", "env AWS_REGION")
    assert row(place.load({"aws.region": "flag"}, AWS_REGION="real"), "aws.region") == ("flag", "flag --aws.region")
    assert place.load({"aws_region": None}, AWS_REGION="real").aws_region == "real"
    assert place.load(**{variable: ""}).aws_region == "dotenv"


def test_a_section_is_merged_key_by_key(place: Place) -> None:
    place.write(user="testing: {mock_llm: true, timeout: 5}", project="testing: {timeout: 7}\naws:\n")
    chosen = place.load()
    assert (chosen.testing_mock_llm, chosen.testing_timeout) == (True, 7.0)


def test_the_user_file_of_the_reference(place: Place) -> None:
    place.write(
        user="defaults:\n  template: simple\n  author: 'Your Name'\ntesting:\n  mock_llm: false\n  timeout: 300\n"
        "deployment:\n  registry: 'https://registry.example.com'\n  default_env: 'dev'\n"
        "aws:\n  region: us-east-1\n  s3_bucket: my-bucket\n"
    )
    chosen = place.load()
    assert chosen.defaults_author == "Your Name"
    assert chosen.deployment_registry == "https://registry.example.com"
    assert (chosen.aws_region, chosen.blobs_url) == ("us-east-1", "s3://my-bucket")


def test_the_variables_of_the_reference(place: Place) -> None:
    chosen = place.load(
        ANTHROPIC_API_KEY="k", JWT_SECRET="s", JWT_ALGORITHM="HS512", LOG_LEVEL="info", LOG_FORMAT="json",
        MAX_CONCURRENT_WORKFLOWS="3", WORKFLOW_TIMEOUT="1.5", ENABLE_STREAMING="false", ENABLE_CACHING="0",
    )  # fmt: skip
    assert (chosen.anthropic_api_key, chosen.jwt_secret, chosen.jwt_algorithm) == ("k", "s", "HS512")
    assert (chosen.log_level, chosen.log_format) == ("INFO", "json")
    assert (chosen.max_concurrent_workflows, chosen.workflow_timeout) == (3, 1.5)
    assert (chosen.enable_streaming, chosen.enable_caching) == (False, False)


def test_every_setting_has_a_variable(place: Place) -> None:
    chosen = place.load(DATAOPS_LEASE_SECONDS="5", DATAOPS_TURN_POLICY="refuse", DATAOPS_PLUGINS_ALLOW="a, b,")
    assert (chosen.lease_seconds, chosen.turn_policy, chosen.plugins_allow) == (5.0, "refuse", ("a", "b"))


@pytest.mark.parametrize(
    ("env", "records", "source"),
    [
        ({"REDIS_HOST": "r"}, "redis://r:6379", "env REDIS_HOST"),
        ({"REDIS_HOST": "r", "REDIS_PORT": "1"}, "redis://r:1", "env REDIS_HOST"),
        ({"REDIS_HOST": "::1"}, "redis://[::1]:6379", "env REDIS_HOST"),
        ({"REDIS_HOST": "r", "REDIS_PORT": "tcp://10.0.0.1:7"}, "redis://r:7", "env REDIS_HOST"),
        (
            {"AWS_DYNAMODB_TABLE": "dataops_sessions", "AWS_REGION": "eu", "REDIS_HOST": "r"},
            "dynamodb://eu/dataops_",
            "env AWS_DYNAMODB_TABLE",
        ),
        ({"AWS_DYNAMODB_TABLE": "sessions", "AWS_DEFAULT_REGION": "eu"}, "dynamodb://eu/", "env AWS_DYNAMODB_TABLE"),
        ({"REDIS_HOST": "r", "DATAOPS_RECORDS_URL": "x://y"}, "x://y", "env DATAOPS_RECORDS_URL"),
    ],
)
def test_which_record_store(env: dict[str, str], records: str, source: str, place: Place) -> None:
    chosen = place.load(**env)
    assert chosen.records_url == records
    assert row(chosen, "records_url")[1] == source


def test_which_blob_store(place: Place) -> None:
    assert place.load(ARTIFACT_BUCKET="b").blobs_url == "s3://b"
    assert row(place.load(ARTIFACT_BUCKET="b"), "blobs_url") == ("s3://b", "env ARTIFACT_BUCKET")
    assert place.load(ARTIFACT_BUCKET="b", DATAOPS_BLOBS_URL="file:///x").blobs_url == "file:///x"


def test_a_home_with_odd_characters_is_quoted(tmp_path: Path) -> None:
    chosen = load(env={"DATAOPS_HOME": str(tmp_path / "a b%#?ä")}, cwd=tmp_path)
    assert chosen.records_url == f"sqlite:///{tmp_path}/a%20b%25%23%3F%C3%A4/dataops.db"


def test_home_may_be_relative_and_comes_from_the_project_but_not_from_itself(place: Place, tmp_path: Path) -> None:
    other = tmp_path / "other"
    place.write(project=f"home: {other}")
    assert load(env={}, cwd=place.cwd).home == other
    assert load({"home": "here"}, env={}, cwd=place.cwd).home == Path.cwd() / "here"
    assert load({"home": "~/x"}, env={}, cwd=place.cwd).home == Path.home() / "x"
    place.write(user="home: /elsewhere")
    with pytest.raises(ConfigError, match="unknown key 'home'"):
        place.load()


def test_plugins(place: Place) -> None:
    place.write(
        project="plugins: {allow: [a], block: [b], require: [c], prefer: {'dataops.workflows:x': dist-x}}\n"
        "strict_plugins: yes\n"
    )
    chosen = place.load(DATAOPS_TRACE_HOOKS="1")
    assert (chosen.plugins_allow, chosen.plugins_block, chosen.plugins_require) == (("a",), ("b",), ("c",))
    assert dict(chosen.plugins_prefer) == {"dataops.workflows:x": "dist-x"}
    assert (chosen.strict_plugins, chosen.trace_hooks) == (True, True)
    by_variable = place.load(DATAOPS_PLUGINS_PREFER="dataops.records:redis=a, dataops.records:s=b")
    assert dict(by_variable.plugins_prefer) == {"dataops.records:redis": "a", "dataops.records:s": "b"}


@pytest.mark.parametrize(
    ("value", "disabled"),
    [("1", ("*",)), ("true", ("*",)), ("*", ("*",)), ("0", ()), ("a,g:b , dist", ("a", "g:b", "dist"))],
)
def test_disabled_plugins(value: str, disabled: tuple[str, ...], place: Place) -> None:
    assert place.load(DATAOPS_DISABLE_PLUGINS=value).plugins_disabled == disabled


def test_allowed_paths(place: Place) -> None:
    assert place.load(DATAOPS_ALLOWED_PATHS=f"/a{os.pathsep}~/b{os.pathsep}").allowed_paths == (
        Path("/a"),
        Path.home() / "b",
    )
    place.write(project="allowed_paths: []")
    assert place.load().allowed_paths == ()


@pytest.mark.parametrize(
    ("env", "words"),
    [
        (
            {"WORKFLOW_TIMEOUT": "soon"},
            "workflow_timeout is a number of seconds above 0, not '****'",
        ),
        ({"WORKFLOW_TIMEOUT": "0"}, "not '0'"),
        ({"WORKFLOW_TIMEOUT": "nan"}, "not 'nan'"),
        ({"WORKFLOW_TIMEOUT": "inf"}, "not 'inf'"),
        ({"MAX_CONCURRENT_WORKFLOWS": "2.5"}, "max_concurrent_workflows is a whole number from 1, not '2.5'"),
        ({"MAX_CONCURRENT_WORKFLOWS": "0"}, "a whole number from 1"),
        ({"ENABLE_CACHING": "maybe"}, "enable_caching is true or false, not '****'"),
        ({"LOG_LEVEL": "loud"}, "log_level is one of DEBUG, INFO, WARNING, ERROR, CRITICAL, not '****'"),
        ({"REDIS_HOST": "a/b"}, "redis.host is a host name"),
        ({"REDIS_HOST": "user:pw@h"}, "redis.host is a host name"),
        ({"REDIS_PORT": "70000"}, "redis.port is a port"),
        ({"DATAOPS_RECORDS_URL": "nowhere"}, "records_url is a URL"),
        (
            {"AWS_DYNAMODB_TABLE": "dataops", "AWS_REGION": "eu"},
            "that ends with 'sessions'",
        ),
        ({"AWS_DYNAMODB_TABLE": "x/sessions", "AWS_REGION": "eu"}, "the sessions table"),
        ({"AWS_DYNAMODB_TABLE": "sessions"}, "no region is set"),
    ],
)
def test_a_wrong_value_names_source_and_rule(env: dict[str, str], words: str, place: Place) -> None:
    with pytest.raises(ConfigError) as raised:
        place.load(**env)
    assert words in raised.value.message
    assert next(iter(env)) in raised.value.message


@pytest.mark.parametrize(
    ("text", "words", "hint"),
    [
        ("log_levl: INFO", "unknown key 'log_levl'", "did you mean 'log_level'?"),
        ("aws: {regoin: x}", "unknown key 'aws.regoin'", "did you mean 'aws.region'?"),
        ("aws: 3", "aws holds keys and values, not int", ""),
        ("1: 2", "unknown key '1'", "config show"),
        ("- a", "expected keys and values, found list", ""),
        ("a: [", "line 2, column 1: not valid YAML", ""),
        ("log_level: INFO\nlog_level: DEBUG", "line 2: the key 'log_level' is there twice", ""),
        ("aws: {region: a}\naws.region: b", "the key 'aws.region' is there twice", "keep one"),
        ("a: b: c", "line 1, column 5: not valid YAML", ""),
        ("a: &x 1\nb: *x", "line 2: aliases are not allowed", ""),
        ("a: " + "[" * 5000, "line 1: nested deeper than 32", ""),
        ("a: !!python/object/apply:os.system [ls]", "not valid YAML", ""),
        ("a: !!timestamp 2026-99-99", "a value cannot be read", ""),
        ("a: " + "9" * 5000, "value has 5000 digits", ""),
        ("a: \x00", "not valid YAML", ""),
        ("workflow_timeout: [1]", "workflow_timeout is a number of seconds above 0, not '****'", ""),
        ("workflow_timeout: true", "not 'True'", ""),
        ("allowed_paths: {a: b}", "allowed_paths is a list of texts", ""),
        ("plugins: {prefer: [a]}", "plugins.prefer is", ""),
        ("jwt: {secret: 12345678}", "jwt.secret is a text, not '****'", ""),
    ],
)
@pytest.mark.parametrize("file", ["project", "user"])
def test_a_wrong_file_is_named(file: str, text: str, words: str, hint: str, place: Place) -> None:
    place.write(**{file: text})
    with pytest.raises(ConfigError) as raised:
        place.load()
    assert words in raised.value.message
    assert ("dataops.yaml" if file == "project" else "config.yaml") in raised.value.message
    assert hint in raised.value.hint
    assert "12345678" not in str(raised.value.as_dict())


SECRET = "s3cr3tPassW0rd"


@pytest.mark.parametrize(
    "variable",
    [
        "DATAOPS_LEASE_SECONDS",
        "DATAOPS_RECORDS_URL",
        "DATAOPS_TURN_POLICY",
        "DATAOPS_PLUGINS_PREFER",
        "AWS_DYNAMODB_TABLE",
        "REDIS_PORT",
        "LOG_LEVEL",
        "MAX_CONCURRENT_WORKFLOWS",
    ],
)
@pytest.mark.parametrize("value", [SECRET, f"redis://u:{SECRET}@h/0 ", f"redis//u:{SECRET}@h/0 "])
def test_no_wrong_value_of_a_variable_is_shown(variable: str, value: str, place: Place) -> None:
    with pytest.raises(ConfigError) as raised:
        place.load(**{variable: value})
    assert variable in raised.value.message
    assert SECRET not in str(raised.value.as_dict())
    place.write(env=f"{variable}='{value}'")
    with pytest.raises(ConfigError) as raised:
        place.load()
    assert SECRET not in str(raised.value.as_dict())


@pytest.mark.parametrize("variable", ["DATAOPS_HOME", "DATAOPS_ALLOWED_PATHS"])
def test_a_url_is_no_folder(variable: str, place: Place) -> None:
    with pytest.raises(ConfigError, match="folder") as raised:
        place.load(**{variable: f"redis://u:{SECRET}@h/0"})
    assert SECRET not in str(raised.value.as_dict())


@pytest.mark.parametrize(
    "text",
    [
        f"records_url: redis://u:{SECRET}@h:x: [",
        f"records_url: 'redis://u:{SECRET}@h",
        f"records_url: !{SECRET} x",
        f"records_url: [&{SECRET} x, &{SECRET} y]",
        f"records_url: *{SECRET}",
        f"records_url: [redis://u:{SECRET}@h]",
        f"redis//u:{SECRET}@h: x",
        f"redis://u:{SECRET}@h: x\nredis://u:{SECRET}@h: y",
        f"- redis://u:{SECRET}@h",
        f"redis://u:{SECRET}@h",
        f"jwt: {SECRET}",
        f"jwt: {{secret: {SECRET}, secret: {SECRET}}}",
        f"lease_seconds: {SECRET}",
        f"aws: {{region: {{password: {SECRET}}}}}",
        f"plugins: {{prefer: {{a: [{SECRET}]}}}}",
    ],
)
def test_no_value_of_a_file_is_shown(text: str, place: Place) -> None:
    place.write(project=text)
    with pytest.raises(ConfigError, match=r"dataops\.yaml") as raised:
        place.load()
    assert SECRET not in str(raised.value.as_dict())


def test_files_that_cannot_be_read(place: Place) -> None:
    (place.cwd / "dataops.yaml").write_bytes(b"user: \xff")
    with pytest.raises(ConfigError, match="not UTF-8"):
        place.load()
    (place.cwd / "dataops.yaml").write_bytes(b"#" * 300_000)
    with pytest.raises(ConfigError, match="larger than 256 KiB"):
        place.load()
    (place.cwd / "dataops.yaml").write_bytes(b"\xef\xbb\xbfuser: me")
    assert place.load().user == "me"
    (place.cwd / "dataops.yaml").write_bytes(b"")
    assert place.load().user == "local"


def test_what_cannot_be_looked_at_is_named(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    (place.home / "config.yaml").symlink_to("config.yaml")
    with pytest.raises(ConfigError, match=r"config\.yaml: cannot be read: Too many levels"):
        place.load()
    (place.home / "config.yaml").unlink()
    gone = place.cwd / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(ConfigError, match="the working directory cannot be read: No such file"):
        load(env={"DATAOPS_HOME": str(place.home)})
    with pytest.raises(ConfigError, match="home is a folder"):
        load({"home": "here"}, env={}, cwd=place.cwd)


def test_a_folder_is_no_file_of_settings(place: Place) -> None:
    (place.cwd / ".env").mkdir()  # a virtual environment
    assert place.load().user == "local"
    (place.cwd / "dataops.yaml").mkdir()
    with pytest.raises(ConfigError, match=r"dataops\.yaml is a folder"):
        place.load()


def test_a_home_is_a_folder(place: Place) -> None:
    place.write(user="")
    with pytest.raises(ConfigError, match=r"flag --home: home is '.*config\.yaml', a file and not a folder"):
        place.load({"home": str(place.home / "config.yaml")})
    with pytest.raises(ConfigError, match="home is a folder, not"):
        place.load({"home": "a\0b"})


def test_variables_that_are_nearly_ours_are_named(place: Place) -> None:
    place.write(env="DATAOPS_LOG_LEVEL=INFO\nDATAOPS_USER=me")
    chosen = place.load(
        DATAOPS_WORKFLOW_TIMEOUT="abc", DATAOPS_HOMME="x", DATAOPS_REAL_DATA="/x", DATAOPS_LOG_FORMAT=""
    )
    assert chosen.user == "me"
    assert chosen.unknown == (
        "env DATAOPS_WORKFLOW_TIMEOUT is no setting and is ignored; did you mean WORKFLOW_TIMEOUT?",
        "env DATAOPS_HOMME is no setting and is ignored; did you mean DATAOPS_HOME?",
        ".env DATAOPS_LOG_LEVEL is no setting and is ignored; did you mean LOG_LEVEL?",
    )


def test_an_explicit_file_takes_the_place_of_the_project_file(place: Place, tmp_path: Path) -> None:
    place.write(project="user: project")
    file = tmp_path / "mine.yaml"
    file.write_text("user: mine")
    assert load(env={}, cwd=place.cwd, config=file).user == "mine"
    with pytest.raises(ConfigError, match=re.escape(str(tmp_path / "no.yaml"))):
        load(env={}, cwd=place.cwd, config=tmp_path / "no.yaml")


def test_an_unknown_flag_is_an_error(place: Place) -> None:
    with pytest.raises(ConfigError, match="unknown key 'log_levl'"):
        place.load({"log_levl": "INFO"})


class TestEnvFile:
    @pytest.mark.parametrize(
        ("line", "value"),
        [
            ("A=b", "b"),
            ("  export A = b  ", "b"),
            ("A=", ""),
            ("A=b c # comment", "b c"),
            ("A=b#c", "b#c"),
            ("A= # comment", ""),
            ("A='b # c' # d", "b # c"),
            ("A='$HOME `ls` \\n'", "$HOME `ls` \\n"),
            ('A="b \\"c\\" \\n d\\\\"', 'b "c" \n d\\'),
            ("A=$(rm -rf /)", "$(rm -rf /)"),
            ("A=${HOME}", "${HOME}"),
            ("A=O'Brien", "O'Brien"),
            ("A=a=b", "a=b"),
            ("# A=c\n\nA=b", "b"),
            ("A=b\r", "b"),
        ],
    )
    def test_reads(self, line: str, value: str, tmp_path: Path) -> None:
        (tmp_path / ".env").write_bytes(line.encode())
        assert read_env_file(tmp_path / ".env") == {"A": value}

    @pytest.mark.parametrize("line", ["A", "1A=b", "A='b", 'A="b" c', "A b=c", "- A=b"])
    def test_refuses_without_showing_the_value(self, line: str, place: Place) -> None:
        place.write(env=f"X=1\n{line}hunter2")
        with pytest.raises(ConfigError, match=r"\.env: line 2 is not KEY=VALUE") as raised:
            place.load()
        assert "hunter2" not in str(raised.value.as_dict())

    @given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"], exclude_characters="\x85"), max_size=30))
    def test_gives_back_what_was_quoted(self, value: str) -> None:
        quoted = value.replace("\\", "\\\\").replace('"', '\\"')
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, ".env")
            path.write_text(f'A="{quoted}"', encoding="utf-8")
            assert read_env_file(path) == {"A": value}

    def test_variables_of_others_are_theirs(self, place: Place) -> None:
        place.write(env="SOMETHING_ELSE=1\nDATAOPS_USER=me")
        assert place.load().user == "me"
        assert "SOMETHING_ELSE" not in os.environ

    def test_the_example_file_changes_nothing(self, place: Place) -> None:
        before = [(r.key, r.value) for r in place.load().rows()]
        place.write(env=(CHECKOUT / ".env.example").read_text())
        assert [(r.key, r.value) for r in place.load().rows()] == before

    def test_the_example_file_names_settings_that_exist(self) -> None:
        named = re.findall(r"^#([A-Z_]+)=", (CHECKOUT / ".env.example").read_text(), re.MULTILINE)
        known = {v for f in options() for v in f.metadata["variables"] or (f"DATAOPS_{f.name.upper()}",)}
        assert len(named) > 15
        assert set(named) <= known


SECRETS = {
    "ANTHROPIC_API_KEY": "sk-hunter2",
    "JWT_SECRET": "hunter2",
    "DATAOPS_RECORDS_URL": "redis://me:hunter2@host:6379/0?password=hunter2",
    "DATAOPS_BLOBS_URL": "s3://hunter2@bucket/x?aws_secret_access_key=hunter2&a=b",
}


def test_secrets_are_never_shown(place: Place) -> None:
    chosen = place.load(**SECRETS)
    assert chosen.jwt_secret == "hunter2"
    for text in (repr(chosen), str(chosen), json.dumps(chosen.rows()), f"{chosen}"):
        assert "hunter2" not in text
        assert "****" in text
    assert row(chosen, "jwt.secret") == ("****", "env JWT_SECRET")
    with pytest.raises(ConfigError) as raised:
        place.load(DATAOPS_RECORDS_URL="Redis://me:hunter2@host")
    assert "hunter2" not in str(raised.value.as_dict())


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://u:p@ss/w@host:1", "redis://****@host:1"),
        ("redis://host", "redis://host"),
        ("user:p@ss@host", "****@host"),
        ("x://h/?token=a&b=c", "x://h/?token=****&b=c"),
        ("sqlite:////home/me/dataops.db", "sqlite:////home/me/dataops.db"),
    ],
)
def test_shown_url(url: str, shown: str) -> None:
    assert shown_url(url) == shown


def test_rows_are_json_and_complete(place: Place) -> None:
    place.write(project="plugins: {prefer: {'a:b': c}}\nallowed_paths: [/x]")
    rows = place.load().rows()
    json.dumps(rows)
    assert [r.key for r in rows] == [key_of(f.name) for f in options()]
    assert row(place.load(), "plugins.prefer")[0] == {"a:b": "c"}
    assert row(place.load(), "allowed_paths")[0] == ["/x"]


def test_settings_of_the_process(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATAOPS_HOME", str(place.home))
    monkeypatch.chdir(place.cwd)
    settings.use(None)
    try:
        assert settings.current() is settings.current()
        mine = place.load({"user": "mine"})
        settings.use(mine)
        assert settings.current() is mine
    finally:
        settings.use(None)


def test_yaml_is_imported_only_for_yaml_files(place: Place) -> None:
    program = "import sys; from dataops_core import settings; settings.current(); print('yaml' in sys.modules)"
    environment = {**os.environ, "DATAOPS_HOME": str(place.home), "PYTHONPATH": str(CHECKOUT)}

    def told() -> str:
        return subprocess.run(
            [sys.executable, "-c", program], env=environment, cwd=place.cwd, check=True, capture_output=True, text=True
        ).stdout

    assert told() == "False\n"
    place.write(project="user: me")
    assert told() == "True\n"


@pytest.mark.parametrize("given", ["::hunter2::", "redis ://:hunter2@host", "hunter2"])
def test_what_is_no_url_is_not_shown(monkeypatch, given):
    monkeypatch.setenv("DATAOPS_RECORDS_URL", given)
    with pytest.raises(ConfigError) as wrong:
        settings.load()
    assert "hunter2" not in str(wrong.value)
    assert "records_url is a URL such as" in str(wrong.value)
