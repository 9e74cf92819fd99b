"""Recorded exchanges with real providers, where the folder `shared` lies beside the project."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "traffic"


def load_records(protocol: str) -> list[dict[str, Any]]:
    """Return the records of `protocol`; an empty list where there are none."""
    path = FOLDER / f"{protocol}.jsonl.gz"
    if not path.exists():
        return []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def parametrize(records: list[dict[str, Any]]) -> pytest.MarkDecorator:
    """Return the mark that runs a test with each record, or skips it with the reason where there is none."""
    absent = pytest.mark.skip(reason=f"no recorded traffic: {FOLDER} is absent")
    cases = [pytest.param(record, id=f"{record['host']}-{n}") for n, record in enumerate(records)]
    return pytest.mark.parametrize("record", cases or [pytest.param({}, marks=absent, id="absent")])
