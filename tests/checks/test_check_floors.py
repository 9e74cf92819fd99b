"""scripts/check_floors.py finds imports that go down the house, and I/O on pure floors."""

from __future__ import annotations

import pytest

CLEAN = {
    "src/turnout/__init__.py": "from turnout.agent import Agent\nfrom turnout import catalog\n",
    "src/turnout/__main__.py": "import turnout\n",
    "src/turnout/errors.py": "if X:\n    from turnout.responses import A\n",
    "src/turnout/responses.py": "from urllib.parse import urlsplit\n",
    "src/turnout/paths.py": "import os\nfrom pathlib import Path\nopen('x')\n",
    "src/turnout/catalog/__init__.py": "import os\nfrom . import types\n",
    "src/turnout/catalog/types.py": "from ..usage import Cost\n",
    "src/turnout/usage.py": "from decimal import Decimal\n",
    "src/turnout/protocols/openai_chat.py": "from os import urandom\nfrom turnout import catalog, chunks\n",
    "src/turnout/chunks.py": "",
    "src/turnout/transport/http.py": "import asyncio\nfrom turnout.transport.sse import read\n",
    "src/turnout/transport/sse.py": "async def read(): ...\n",
    "src/turnout/local/server.py": "from turnout.transport import http\n",
    "src/turnout/call.py": "from turnout.local import server\nfrom turnout.transport import http\n",
    "src/turnout/agent/__init__.py": "from turnout.call import send\nfrom turnout.tools import Tool\n",
    "src/turnout/tools/__init__.py": "",
    "src/turnout/cli/chat.py": "def run():\n    from turnout.gateway import serve\n",
}


def test_a_clean_house_passes(plant, run_check):
    code, lines = run_check("check_floors.py", "--root", plant(CLEAN))
    assert (code, lines) == (0, ["check_floors: clean; 17 files on 9 floors"])


@pytest.mark.parametrize(
    ("module", "text", "finding"),
    [
        (
            "protocols/a.py",
            "from turnout.transport.sse import read\n",
            "protocols (translation) imports turnout.transport.sse (motion: transport), a floor below it",
        ),
        (
            "errors.py",
            "if TYPE_CHECKING:\n    from turnout.call import send\n",
            "errors (vocabulary) imports turnout.call (motion: call), a floor below it",
        ),
        (
            "routing/a.py",
            "def f():\n    import turnout.agent.loop\n",
            "routing (decision) imports turnout.agent.loop (behaviour), a floor below it",
        ),
        (
            "transport/a.py",
            "from ..local import server\n",
            "transport (motion: transport) imports turnout.local (motion: local), a floor below it",
        ),
        (
            "catalog/a.py",
            "x = importlib.import_module('turnout.cli')\n",
            "catalog (knowledge) imports turnout.cli (service), a floor below it",
        ),
        ("agent/a.py", "import turnout\n", "imports the façade `turnout`: import the module that defines the name"),
        (
            "agent/a.py",
            "from turnout import Agent\n",
            "imports the façade `turnout`: import the module that defines the name",
        ),
        (
            "agent/a.py",
            "from .. import generate\n",
            "imports the façade `turnout`: import the module that defines the name",
        ),
        ("agent/a.py", "from turnout.misc import x\n", "imports turnout.misc, which stands on no floor"),
        ("misc.py", "", "misc stands on no floor: give it one in scripts/check_floors.py"),
        ("messages.py", "import os.path\n", "imports os.path: vocabulary does no I/O"),
        ("protocols/a.py", "from asyncio import sleep\n", "imports asyncio.sleep: translation does no I/O"),
        ("routing/a.py", "import http.client\n", "imports http.client: decision does no I/O"),
        ("protocols/a.py", "data = open('x').read()\n", "opens a file: translation does no I/O"),
        ("protocols/a.py", "async def encode(): ...\n", "is async: translation is plain functions and data"),
    ],
)
def test_what_a_floor_may_not_do_is_found(plant, run_check, module, text, finding):
    code, lines = run_check("check_floors.py", "--root", plant({f"src/turnout/{module}": text}))
    assert code == 1
    assert [line.split(": ", 1)[1] for line in lines[:-1]] == [finding]
