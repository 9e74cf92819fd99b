"""Build the packaged catalog: `python scripts/build_catalog.py --source https://models.dev/api.json`.

Reads a models.dev `api.json` (a file or URL, gzipped or not) and `src/turnout/catalog/data/overrides.toml`; writes
`catalog.bin` beside it and `src/turnout/model_ids.pyi`, the ids for editors. The same input gives the same bytes.
"""

from __future__ import annotations

import argparse
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from turnout.catalog.archive import Archive  # noqa: E402
from turnout.catalog.build import build_rows, rules_checksum  # noqa: E402
from turnout.catalog.download import read_source  # noqa: E402

DATA = ROOT / "src" / "turnout" / "catalog" / "data"
STUB_HEAD = '''"""The ids of all models of the packaged catalog, written by `scripts/build_catalog.py`."""

from typing import Literal, TypeAlias

KnownModelId: TypeAlias = Literal[
'''
STUB_TAIL = """]
ModelId: TypeAlias = KnownModelId | str
"""


def main() -> int:
    """Build, write and say what was made; 1 when a row of the source could not be read."""
    options = read_options()
    overrides = (DATA / "overrides.toml").read_bytes()
    label = f"{options.label} {options.date}"
    rows = build_rows(read_source(options.source), overrides, label=label)
    for line in rows.skipped:
        print(f"not read: {line}", file=sys.stderr)
    for package in rows.unknown_packages:
        print(f"no protocol known for {package}: add it to overrides.toml", file=sys.stderr)
    if rows.skipped or rows.unknown_packages:
        return 1
    data = rows.pack(date=options.date, origin=label, rules=rules_checksum(overrides))
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "catalog.bin").write_bytes(data)
    archive = Archive(data)
    ids = sorted(model_id for provider_id in archive.provider_ids for model_id in archive.models(provider_id))
    options.stub.write_text(stub(ids), encoding="utf-8", newline="\n")
    print(f"{len(archive.provider_ids)} providers, {len(ids)} models, {len(data):,} bytes")
    return 0


def read_options() -> argparse.Namespace:
    """Read the command line; the date defaults to the one in the source's name, else to today."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", default="https://models.dev/api.json", help="file or URL of an api.json")
    parser.add_argument("--label", default="models.dev", help="what the rows call their source")
    parser.add_argument("--date", help="the day of the data, YYYY-MM-DD")
    parser.add_argument("--out", type=Path, default=DATA, help="folder of catalog.bin")
    parser.add_argument("--stub", type=Path, default=ROOT / "src" / "turnout" / "model_ids.pyi", help="the ids' stub")
    options = parser.parse_args()
    named = re.search(r"\d{4}-\d{2}-\d{2}", options.source)
    options.date = options.date or (named[0] if named else datetime.now(UTC).date().isoformat())
    return options


def stub(ids: list[str]) -> str:
    """Return the stub module for `ids`."""
    return STUB_HEAD + "".join(f'    "{model_id}",\n' for model_id in ids) + STUB_TAIL


if __name__ == "__main__":
    sys.exit(main())
