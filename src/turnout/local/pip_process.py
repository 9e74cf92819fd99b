"""Runs pip in a process that ends when its stdin does: with its parent, however that dies.

Run as a script by `turnout.local.wheel`, never imported: ``pip_process.py FOLDER ARGUMENTS…``, where FOLDER (or an
empty string) is put before everything that Python looks for modules in. Only the standard library and pip are imported.
"""

from __future__ import annotations

import os
import runpy
import sys
import threading


def main() -> None:
    """Run pip with the arguments of the command line."""
    threading.Thread(target=_exit_with_stdin, daemon=True).start()
    folder, *arguments = sys.argv[1:]
    if folder:
        sys.path.insert(0, folder)
    sys.argv = ["pip", *arguments]
    runpy.run_module("pip", run_name="__main__", alter_sys=True)


def _exit_with_stdin() -> None:
    os.read(0, 1)  # nothing is ever sent; a buffered read would disturb the end of the interpreter
    os._exit(1)


if __name__ == "__main__":
    main()
