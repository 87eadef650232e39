"""The blob store against a model: random puts, copies, deletes, ranges and listings, compared after every step."""

from __future__ import annotations

import hashlib
import io
from uuid import uuid4

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from dataops_core.contracts.blobs import BlobStore
from dataops_core.errors import Conflict, NotFound
from dataops_core.testing.blob_case import listed, load

_keys = st.sampled_from(("a", "A", "a/b", "a/b/c", "a.b", "a0", "é/\U0001f600", "a.blob", "a.blob/x"))
_data = st.binary(max_size=200)


class BlobMachine(RuleBasedStateMachine):
    """Blobs below one prefix, which is new for every run, so that one store serves all runs."""

    store: BlobStore

    @initialize()
    def begin(self) -> None:
        """Starts below an empty prefix."""
        self.prefix = uuid4().hex + "/"
        self.model: dict[str, tuple[bytes, str | None]] = {}

    @rule(key=_keys, data=_data, if_absent=st.booleans(), content_type=st.sampled_from((None, "text/csv", "é")))
    def put(self, key: str, data: bytes, if_absent: bool, content_type: str | None) -> None:
        """Stores a blob."""
        key = self.prefix + key
        try:
            info = self.store.put(key, io.BytesIO(data), if_absent=if_absent, content_type=content_type)
        except Conflict:
            assert if_absent and key in self.model
            return
        assert not (if_absent and key in self.model), "if_absent replaced a blob"
        assert (info.size, info.sha256) == (len(data), hashlib.sha256(data).hexdigest())
        self.model[key] = (data, content_type)

    @rule(src=_keys, dst=_keys)
    def copy(self, src: str, dst: str) -> None:
        """Copies a blob."""
        src, dst = self.prefix + src, self.prefix + dst
        try:
            self.store.copy(src, dst)
        except NotFound:
            assert src not in self.model
            return
        self.model[dst] = self.model[src]

    @rule(key=_keys)
    def delete(self, key: str) -> None:
        """Deletes a blob."""
        self.store.delete(self.prefix + key)
        self.model.pop(self.prefix + key, None)

    @rule(key=_keys, start=st.integers(0, 250), stop=st.none() | st.integers(0, 250))
    def read(self, key: str, start: int, stop: int | None) -> None:
        """Reads a range."""
        key = self.prefix + key
        try:
            data = load(self.store, key, start=start, stop=stop)
        except NotFound:
            assert key not in self.model
            return
        assert data == self.model[key][0][start:stop]

    @rule(prefix=st.sampled_from(("", "a", "a/", "a/b", "a.", "é", "é/", "b")), limit=st.integers(1, 4))
    def list_some(self, prefix: str, limit: int) -> None:
        """Lists what begins with a prefix."""
        prefix = self.prefix + prefix
        assert listed(self.store, prefix, limit=limit) == sorted(k for k in self.model if k.startswith(prefix))

    @invariant()
    def every_blob_is_what_the_model_says(self) -> None:
        """Reads every blob."""
        for key, (data, content_type) in self.model.items():
            info = self.store.head(key)
            assert info is not None
            assert (info.key, info.size, info.content_type) == (key, len(data), content_type)
            assert load(self.store, key) == data
        assert listed(self.store, self.prefix) == sorted(self.model)
