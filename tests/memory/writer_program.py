"""A process that writes to a file of threads, for tests that kill it, starve it or start several of it."""

from __future__ import annotations

import asyncio
import os
import resource
import sys

from turnout.errors import ThreadStoreError
from turnout.memory import SQLiteStore
from turnout.messages import Message


async def write(path: str, name: str, batches: int, size: int) -> None:
    """Append batches of three and say so after each: what was printed is acknowledged."""
    store = SQLiteStore(path)
    for number in range(batches):
        batch = [Message.user(f"{name}.{number}.{part}" + "x" * size) for part in range(3)]
        await store.append("agent", "thread", batch)
        print(f"{name}.{number}", flush=True)
    await store.close()


async def fail(path: str) -> None:
    """Append until it fails, say how, then take away what was in the way and append once more."""
    store = SQLiteStore(path)
    done = 0
    try:
        while True:
            await store.append("agent", "thread", [Message.user("x" * 20_000), Message.user("end")])
            done += 1
    except ThreadStoreError as error:
        print(f"{done} {error}")
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    print(await store.append("agent", "thread", [Message.user("after")]))
    await store.close()


async def drop_privileges(path: str) -> None:
    """Try to use the file as a user who may not."""
    store = SQLiteStore(path)
    os.setegid(65534)
    os.seteuid(65534)
    for action in (store.append("agent", "thread", [Message.user("x")]), store.load("agent", "thread")):
        try:
            await action
            print("no error")
        except ThreadStoreError as error:
            print(error)
    os.seteuid(0)  # whoever measures the coverage writes at the end


if __name__ == "__main__":
    what, path, *rest = sys.argv[1:]
    if what == "write":
        asyncio.run(write(path, rest[0], int(rest[1]), int(rest[2])))
    elif what == "fail":
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(rest[0]), resource.RLIM_INFINITY))
        asyncio.run(fail(path))
    else:
        asyncio.run(drop_privileges(path))
