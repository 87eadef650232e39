"""A gigabyte goes through 32 MB of memory, up and down."""

from __future__ import annotations

import subprocess
import sys

import pytest

GIGABYTE = """
import io, re, sys
from dataops_aws.s3 import dataops_blob_store

class Source(io.RawIOBase):
    left = 1024
    def readable(self):
        return True
    def read(self, size=-1):
        self.left -= 1
        return bytes([self.left % 251]) * (1 << 20) if self.left >= 0 else b""

def most():
    return int(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1]) // 1024

blobs = dataops_blob_store(url=sys.argv[1])
blobs.prepare()
blobs.put("warm", io.BytesIO(b"x" * (9 << 20)))
blobs.open("warm").read(1)
before = most()
info = blobs.put("a", Source())
up = most()
with blobs.open("a") as stream:
    size = sum(len(piece) for piece in iter(lambda: stream.read(1 << 20), b""))
assert size == info.size == 1 << 30
print(up - before, most() - before)
"""


@pytest.mark.timeout(900)
def test_a_gigabyte_goes_through_little_memory(blobs_url: str) -> None:
    said = subprocess.run(
        [sys.executable, "-c", GIGABYTE, blobs_url], capture_output=True, text=True, timeout=800, check=True
    )
    up, down = map(int, said.stdout.split())
    print(f"a gigabyte: {up} MB more on the way up, {down} MB on both ways")
    assert max(up, down) <= 32
