"""What an MCP server answers, as text for a model."""

from __future__ import annotations

from typing import Any

from turnout.tools.results import note_media, render_result


def read_result(result: Any) -> str:
    """Return the text of a ``CallToolResult``: its blocks, or its structured content where it has no text.

    Images, sound and binary resources, which a tool result cannot carry, are replaced by a note.
    """
    blocks = [read_block(block) for block in result.content]
    if result.structured_content is not None and not any(block.type == "text" for block in result.content):
        blocks.append(render_result(result.structured_content))
    return "\n".join(blocks)


def read_block(block: Any) -> str:
    """Return one block of content as text."""
    if block.type == "text":
        return str(block.text)
    if block.type in ("image", "audio"):
        return note_media(block.type, block.mime_type, len(block.data) * 3 // 4)
    if block.type == "resource":
        inner = block.resource
        if hasattr(inner, "text"):
            return str(inner.text)
        return note_media(f"resource {inner.uri}", inner.mime_type, len(inner.blob) * 3 // 4)
    if block.type == "resource_link":
        return f"[{block.name}: {block.uri}]"
    return f"[{block.type}: left out]"
