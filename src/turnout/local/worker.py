"""The process that serves one local model; run as a script by `turnout.local.running_server`, never imported.

It reads one line of JSON from stdin (`WorkerConfig` in running_server.py), writes one line to stdout once the model
answers (``{"url": "http://127.0.0.1:40123"}``), and ends as soon as stdin does: the parent holds the other end, and
the system closes it however the parent dies. Only the standard library and xllamacpp are imported.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import signal
import sys
import threading
import time
from typing import Any

_PARENT_POLL_S = 1.0
_PR_SET_PDEATHSIG = 1  # prctl(2)
_LOG_WARNINGS = 2  # llama.cpp's levels: 1 errors, 2 warnings, 3 everything of interest


def main() -> None:
    """Serve until the parent is gone."""
    config = json.loads(sys.stdin.readline())
    report = os.dup(1)  # left open where starting fails: its end then tells the parent that the log is complete
    os.dup2(2, 1)  # whatever llama.cpp prints goes to the log, never into the report
    threading.Thread(target=_exit_with_stdin, daemon=True).start()
    _set_death_signal(signal.SIGKILL)
    try:
        server = _start_server(config)
    except BaseException:
        _complete_log()
        raise
    _set_death_signal(0)
    # llama.cpp's own handlers would stop the server and leave the process; Ctrl-C is the parent's affair
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.write(report, json.dumps({"url": server.listening_address}).encode() + b"\n")
    os.close(report)
    _discard_output()
    # a forked child of the parent may hold stdin's other end open: watch the parent itself too
    while os.getppid() == config["parent_pid"] or sys.platform == "win32":
        time.sleep(_PARENT_POLL_S)
    os._exit(0)


def _start_server(config: dict[str, Any]) -> Any:
    """Load the model and listen on a free port of the loopback interface; returns once it answers.

    Parameters are those of llama.cpp's server (https://github.com/ggml-org/llama.cpp/tree/master/tools/server).
    """
    xllamacpp: Any = importlib.import_module("xllamacpp")  # an optional package without types
    params: Any = xllamacpp.CommonParams()
    params.model.path = config["path"]
    params.model_alias = {config["name"]}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [config["api_key"]]
    params.n_parallel = config["slots"]
    # each slot has its own share: one long answer then ends with `length`, where a common pool fails all of them
    params.n_ctx = config["slots"] * config["context_tokens"]
    params.kv_unified = False
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = config["threads"]
    params.use_jinja = True
    params.cache_ram_mib = config["cache_mib"]
    params.ui = False
    params.endpoint_slots = False
    params.verbosity = _LOG_WARNINGS
    return xllamacpp.Server(params)


def _complete_log() -> None:
    """Have llama.cpp write what it said: it logs in a thread of its own, which the end of the process may cut short.

    The names are those of common/log.h with their types, as all compilers but Microsoft's write them.
    """
    with contextlib.suppress(KeyError, OSError, AttributeError):
        library = ctypes.CDLL(sys.modules["xllamacpp.xllamacpp"].__file__)
        find_log = library["_Z15common_log_mainv"]
        find_log.restype = ctypes.c_void_p
        library["_Z16common_log_pauseP10common_log"](ctypes.c_void_p(find_log()))


def _exit_with_stdin() -> None:
    with contextlib.suppress(OSError):
        os.read(0, 1)  # nothing follows the first line
    os._exit(0)


def _set_death_signal(number: int) -> None:
    """Have Linux send signal `number` when the starting thread dies; 0 for none.

    Loading holds the interpreter's lock, so that `_exit_with_stdin` is deaf meanwhile. The thread waits for the report:
    it dies before that only with its process. Later it may well end, which must not end the server.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)


def _discard_output() -> None:
    """Stop writing to the parent's log file: the parent has read all it needs."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    os.close(null)


if __name__ == "__main__":
    main()
