"""The same answers by aiohttp. Run as a program with the port."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from aiohttp import web
from served_asgi import plan


async def answer(request: web.Request) -> web.StreamResponse:
    """Answer one request."""
    peer: Any = request.transport.get_extra_info("peername") if request.transport else ("", 0)
    (status, headers), pieces, pause_s, has_length = plan(request.path, await request.read(), str(peer[1]))
    response = web.StreamResponse(status=status)
    for name, value in headers:
        response.headers.add(name, value)
    if has_length:
        response.content_length = sum(map(len, pieces))
    await response.prepare(request)
    for piece in pieces:
        await response.write(piece)
        if pause_s:
            await asyncio.sleep(pause_s)
    await response.write_eof()
    return response


def main() -> None:
    """Serve until the process is ended."""
    application = web.Application(client_max_size=2**30)
    application.router.add_route("*", "/{rest:.*}", answer)
    web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None, keepalive_timeout=1)


if __name__ == "__main__":
    main()
