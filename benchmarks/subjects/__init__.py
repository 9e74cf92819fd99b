"""What is measured: one module a subject, each with the same names.

`IMPORT` is the line that a program of the subject begins with, and `DISTRIBUTION` its name in the registry (`None` for
the floor). Five functions do the work; what they hand around is the subject's own:

- ``open_client(url, messages, is_sync)`` returns a client of the server at `url` that asks with `messages`, which are
  pairs of a role and a text, in the subject's own form.
- ``await call(client)`` and ``call_sync(client)`` return the text of a whole answer.
- ``await stream(client, seen)`` reads a streamed answer chunk by chunk, as the subject's own chunks, calls `seen` when
  the first text is there, and returns the text.
- ``await close(client)`` closes the client.
"""
