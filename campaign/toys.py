"""The campaign's workflows: one graph of three nodes under several manifests, installed as pip would install them.

What the second node does is the first word of the parameter `word`: hold, poison, gil, rude, ask, fill, many or slow.
"""

from __future__ import annotations

from pathlib import Path

CODE = """
import ctypes, os, signal, sys, time
from pathlib import Path
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt
from dataops_core import ArtifactStore, BaseWorkflow, WorkflowState, with_artifacts

class State(WorkflowState):
    word: str
    log: str
    one: dict
    big: str
    colour: str

def note(*words):
    fd = os.open(Path(os.environ["DATAOPS_HOME"], "nodes.log"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(fd, (" ".join(map(str, words)) + "\\n").encode())
    os.close(fd)

def hold(*_):
    while Path(os.environ["DATAOPS_HOME"], "hold").exists():
        time.sleep(0.01)

def poison(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def gil(seconds):
    ctypes.PyDLL(None).usleep(int(float(seconds) * 1e6))

def rude(how):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    pipe = int(sys.argv[1])
    if how == "rubbish":
        for line in (b"\\xff\\x00", b"7", b"null", b'"lost"', b"[]", b'{"type": 1}', b'{"lost": [1]}', b"x" * 3_000):
            os.write(pipe, line + b"\\n")
        os.write(pipe, b"y" * 3_000_000)
    if how == "nested":
        os.write(pipe, b"[" * 200_000 + b"\\n")
    if how == "fork" and os.fork() == 0:
        note("grandchild", os.getpid())
        time.sleep(30)
        os._exit(0)
    if how == "deaf":
        note("deaf", os.getpid())
        time.sleep(60)

def slow(seconds_and_name):
    time.sleep(float(seconds_and_name.split()[0]))

def fill(mib):
    ArtifactStore().store_artifact(os.urandom(int(mib) << 20), session(), "steps", name="filling.bin")

def many(count):
    for number in range(int(count)):
        ArtifactStore().store_artifact(f"part {number}", session(), "brief", name=f"part-{number}.txt")

def session():
    from dataops_core.contracts.middleware import current_call
    return current_call.get().session_id

ACTS = {"hold": hold, "poison": poison, "gil": gil, "rude": rude, "slow": slow, "fill": fill, "many": many}

class Toy(BaseWorkflow):
    def build_graph(self):
        graph = StateGraph(State)
        for name in ("first", "second", "third"):
            graph.add_node(name, getattr(self, name))
        graph.add_edge(START, "first")
        graph.add_edge("first", "second")
        graph.add_edge("second", "third")
        graph.add_edge("third", END)
        return graph

    @with_artifacts(key="one", name="one.json")
    def first(self, state):
        note(state["word"], "first")
        return {"one": {"word": state["word"]}, "log": "1", "big": state["word"] * 40_000}

    def second(self, state):
        act, _, value = state["word"].partition(" ")
        note(state["word"], "second", "begins", time.monotonic())
        if act == "ask":
            return {"colour": interrupt({"prompt": f"Which colour for {value}?"}), "log": state["log"] + "2"}
        ArtifactStore().store_artifact("two of " + state["word"], state["session_id"], "steps", name="two.txt")
        if act in ACTS:
            ACTS[act](value)
        if act == "bang":
            raise RuntimeError("bang happened")
        note(state["word"], "second", "ends", time.monotonic())
        return {"log": state["log"] + "2"}

    def third(self, state):
        note(state["word"], "third")
        told = f" {state['colour']}" if state.get("colour") else ""
        return {"log": state["log"] + "3", "answer": f"{state['word']} {state['log']}3{told}", "success": True}
"""
HOOK = """
from dataops_core import hookimpl

@hookimpl
def dataops_register_workflows(registry):
    from {name}.workflow import Toy
    registry.register(Toy)
"""
MANIFEST = """name: {name}
version: 1.0.0
description: The {name} toy of the campaign.
example_queries: [take three {name} with a word]
parameters:
  - {{name: word, type: string, required: true, prompt: Which word?}}
"""
#: Workflow → further lines of its manifest.
WORKFLOWS = {
    "steps": "",
    "brief": "durability: exit\n",
    "apart": "isolation: process\n",
    "hasty": "isolation: process\nresources: {timeout: 2}\n",
}


def install(site: Path) -> None:
    """Writes every workflow, and the backend that numbers calls, as distributions in a folder for `sys.path`."""
    for name, more in WORKFLOWS.items():
        package = site / name
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(HOOK.format(name=name))
        (package / "workflow.py").write_text(CODE)
        (package / "config.yaml").write_text(MANIFEST.format(name=name) + more)
        _distribution(site, f"dataops-{name}", f"[dataops.workflows]\n{name} = {name}\n")
    _distribution(
        site,
        "dataops-campaign-numbered",
        "[dataops.records]\nnumbered = campaign.numbered\n[dataops.blobs]\nnumbered = campaign.numbered\n",
    )


def _distribution(site: Path, name: str, entry_points: str) -> None:
    info = site / f"{name.replace('-', '_')}-1.0.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0.0\n")
    (info / "entry_points.txt").write_text(entry_points)
