"""Which job is asked for: the one of the parameter, or one that the query names."""

from __future__ import annotations

import re
from difflib import get_close_matches

from dataops_core.errors import NotFound
from jil_parser.network import Network
from jil_parser.vocabulary import quoted, shown

#: So many words of a query are looked up.
_WORDS = 2000
_SPLIT = re.compile(r"""[\s"'`“”„‘’«»()\[\]{},;]+""")
_LIKE_A_NAME = re.compile(r"[A-Z0-9][A-Z0-9_.#$@-]*_[A-Z0-9_.#$@-]*[A-Z0-9]")


def known(network: Network, job: str) -> bool:
    """Says whether a job is defined, or named by one that is."""
    return job in network.jobs or job in network.missing or job in network.graph


def required(network: Network, job: str) -> str:
    """Returns the job that a parameter names; letters in another case do where only one job is meant.

    Raises:
        NotFound: there is no such job; the hint names the nearest.
    """
    job = job.strip()
    if known(network, job):
        return job
    if same := _folded(network).get(job.casefold()):
        return same
    near = _near(network, job)
    raise NotFound(
        f"there is no job {quoted(job)} in {quoted(network.definitions['file'])}",
        hint=f"did you mean {near}?" if near else f"check the name; jobs that the file defines: {len(network.jobs)}",
        details={"parameter": "job"},
    )


def named(network: Network, query: str) -> tuple[str, str]:
    """Looks for a job that a query names.

    Returns:
        The job or "", and what is to be said about it or "".
    """
    words = [word.rstrip(".?!:") for word in _SPLIT.split(query)[:_WORDS]]
    words = [word for word in dict.fromkeys(words) if word]
    found = [word for word in words if known(network, word)]
    # A job may be called like a common word; what looks like a name is meant before it.
    names = [word for word in found if not word.islower() or "_" in word]
    like = [word for word in words if _LIKE_A_NAME.fullmatch(word.upper())]
    if like and not names:
        folded = _folded(network)
        names = [folded[word.casefold()] for word in like if folded.get(word.casefold())]
    found = names or found
    strangers = [word for word in like if word.isupper()]
    if strangers and (not found or (found[0].islower() and "_" not in found[0])):
        near = _near(network, strangers[0])
        return "", f"There is no job {quoted(strangers[0])} in the file." + (f" Did you mean {near}?" if near else "")
    if not found:
        return "", ""
    others = ", ".join(shown(word) for word in found[1:4])
    return found[0], f"The query also names {others}; ask for it with job=…" if others else ""


def _folded(network: Network) -> dict[str, str]:
    """Returns the jobs by their names without case; "" where two differ in nothing else."""
    found: dict[str, str] = {}
    for name in network.jobs:
        folded = name.casefold()
        found[folded] = "" if folded in found else name
    return found


def _near(network: Network, job: str) -> str:
    # Comparing is slow: only names of about the same length, and not endlessly many.
    alike = [name for name in network.jobs if abs(len(name) - len(job)) < 4][:20_000]
    upper = {name.upper(): name for name in alike}
    return " or ".join(shown(upper[name]) for name in get_close_matches(job.upper()[:80], upper, n=3, cutoff=0.75))
