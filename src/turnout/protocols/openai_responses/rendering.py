"""An answer as the object `response` that a client of this wire format gets."""

from __future__ import annotations

from base64 import b64encode
from os import urandom
from typing import TYPE_CHECKING, Any

import msgspec

from turnout.messages import Image, Reasoning, Refusal, ServerTool, Text, ToolCall
from turnout.protocols.openai_chat.rendering import error_type
from turnout.protocols.openai_responses.own import OWN
from turnout.protocols.sealing import seal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from turnout.errors import TurnoutError
    from turnout.messages import Message, Part
    from turnout.responses import FinishReason, ModelResponse, TokenLogprob
    from turnout.usage import Usage

_MARK = "_turnout_"
_INCOMPLETE: dict[FinishReason, str] = {"length": "max_output_tokens", "content_filter": "content_filter"}
_Dict = dict[str, Any]


def render_response(response: ModelResponse, *, model: str | None = None, created: int = 0) -> bytes:
    """Return `response` as the JSON of a whole answer: ``render_response(answer, model="gpt-5", created=1782404525)``.

    `model` is the name that the client is told, `created` the time in seconds since 1970. Each part is an item of the
    output. What a provider wants back of its reasoning is in `encrypted_content`, and `parse_request` finds it there.
    """
    names = ItemNames(urandom(12).hex())
    items = render_items(response.message, names, response.logprobs)
    return msgspec.json.encode(frame_response(response, items, names, model=model, created=created))


def render_error(error: TurnoutError, status: int | None = None) -> bytes:
    """Return `error` as the body of an answer with `status`, by default its own or 500."""
    told = {"message": error.message, "type": error_type(status or error.status or 500)}
    return msgspec.json.encode(
        {"error": {**told, "param": getattr(error, "param", None), "code": getattr(error, "code", None)}}
    )


class ItemNames:
    """Gives out the ids of the items of one answer, counted by kind, so that they come out the same twice."""

    __slots__ = ("_counts", "stem")

    def __init__(self, stem: str) -> None:
        self.stem = stem
        self._counts: dict[str, int] = {}

    def next(self, kind: str) -> str:
        """Return the next id for an item of this kind, such as ``"msg"``."""
        count = self._counts[kind] = self._counts.get(kind, 0) + 1
        return f"{kind}{_MARK}{self.stem}_{count}"

    def again(self) -> ItemNames:
        """Return names that begin anew."""
        return ItemNames(self.stem)


def is_made_here(item: _Dict) -> bool:
    """Tell whether the id of `item` is one that was given out here: no provider knows it."""
    identity = item.get("id")
    return isinstance(identity, str) and _MARK in identity


def frame_response(
    response: ModelResponse, items: list[_Dict], names: ItemNames, *, model: str | None, created: int
) -> _Dict:
    """Return the object `response` around its items."""
    reason = _INCOMPLETE.get(response.finish_reason)
    return {
        **frame_start(response.id, names, model or response.model or "", created),
        "status": "incomplete" if reason else "completed",
        "incomplete_details": {"reason": reason} if reason else None,
        "output": items,
        "usage": render_usage(response.usage),
    }


def frame_start(identity: str | None, names: ItemNames, model: str, created: int) -> _Dict:
    """Return the object `response` before anything is known of the answer."""
    return {
        "id": identity if identity and identity.startswith("resp_") else f"resp{_MARK}{names.stem}",
        "object": "response",
        "created_at": created,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": model,
        "output": [],
        "parallel_tool_calls": True,
        "store": False,
        "temperature": None,
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "usage": None,
    }


def render_usage(usage: Usage) -> _Dict | None:
    """Return the tokens as the wire has them; `None` where nothing is known. The wire has no unknown count but 0."""
    if usage.input_tokens is None and usage.output_tokens is None:
        return None
    given, answered = usage.input_tokens or 0, usage.output_tokens or 0
    details = {"cached_tokens": usage.cached_input_tokens or 0}
    if usage.cache_write_tokens is not None:
        details["cache_write_tokens"] = usage.cache_write_tokens
    return {
        "input_tokens": given,
        "input_tokens_details": details,
        "output_tokens": answered,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens or 0},
        "total_tokens": given + answered if usage.total_tokens is None else usage.total_tokens,
    }


def render_items(message: Message, names: ItemNames, logprobs: list[TokenLogprob] | None = None) -> list[_Dict]:
    """Return an item for each part of `message` that this wire can show."""
    has_record = any(isinstance(part, ServerTool) and part.name == "image_generation_call" for part in message.content)
    texts = [part for part in message.content if isinstance(part, Text)]
    items: list[_Dict] = []
    for part in message.content:
        if isinstance(part, Image) and has_record:
            continue
        item = _render_part(part, names)
        if item is not None:
            items.append(item)
        if logprobs and item is not None and texts and part is texts[0]:
            item["content"][0]["logprobs"] = [_render_logprob(token) for token in logprobs]
    return items


def _render_part(part: Part, names: ItemNames) -> _Dict | None:
    if isinstance(part, Text):
        own = _read_state(part)
        phase = {"phase": own["phase"]} if "phase" in own else {}
        return render_message(names.next("msg"), render_text(part.text, part.citations)) | phase if part.text else None
    if isinstance(part, Refusal):
        return render_message(names.next("msg"), {"type": "refusal", "refusal": part.text})
    if isinstance(part, Reasoning):
        return render_reasoning(names.next("rs" if part.text else "rse"), part.text, seal(part))
    if isinstance(part, ToolCall):
        return render_call(names.next("fc"), part)
    if isinstance(part, ServerTool):
        return part.data if is_item(part) else None
    return _render_image(part, names) if isinstance(part, Image) and part.data is not None else None


def is_item(part: ServerTool) -> bool:
    """Tell whether the record of a tool is an item of this wire."""
    return part.data.get("type") == part.name and isinstance(part.data.get("id"), str)


def render_message(identity: str, content: _Dict | None, status: str = "completed") -> _Dict:
    """Return the item of a message with one part, or with none yet."""
    parts = [] if content is None else [content]
    return {"id": identity, "type": "message", "status": status, "role": "assistant", "content": parts}


def find_citations(citations: Iterable[_Dict]) -> list[_Dict]:
    """Return those of `citations` that this wire has a form for."""
    return [citation for citation in citations if str(citation.get("type")).endswith("_citation")]


def render_text(text: str, citations: list[_Dict]) -> _Dict:
    """Return the content part for a text; a citation of another wire format has no place in it."""
    kept = find_citations(citations)
    return {"type": "output_text", "text": text, "annotations": kept, "logprobs": []}


def render_reasoning(identity: str, text: str, sealed: str | None) -> _Dict:
    """Return the item of what the model thought."""
    summary = [{"type": "summary_text", "text": text}] if text else []
    item: _Dict = {"id": identity, "type": "reasoning", "summary": summary}
    return item if sealed is None else item | {"encrypted_content": sealed}


def render_call(identity: str, call: ToolCall, status: str = "completed") -> _Dict:
    """Return the item of a tool call."""
    own = _read_state(call)
    frame = {"id": identity, "call_id": call.id, "name": call.name}
    if own.get("type") == "custom_tool_call":
        return {"type": "custom_tool_call", **frame, "input": call.arguments.get("input", "")}
    frame |= {"namespace": own["namespace"]} if "namespace" in own else {}
    return {"type": "function_call", **frame, "arguments": write_arguments(call), "status": status}


def write_arguments(call: ToolCall) -> str:
    """Return the arguments as JSON text, or what the model wrote in place of it."""
    return msgspec.json.encode(call.arguments).decode() if call.invalid_arguments is None else call.invalid_arguments


def _read_state(part: Text | ToolCall) -> _Dict:
    """Return what this wire put beside a part, whoever spoke it."""
    held: _Dict = {}
    return next((own for key, own in part.provider_options.items() if key.partition("@")[0] == OWN.wire), held)


def _render_image(part: Image, names: ItemNames) -> _Dict:
    encoded = b64encode(part.data or b"").decode()
    return {"id": names.next("ig"), "type": "image_generation_call", "status": "completed", "result": encoded}


def _render_logprob(token: TokenLogprob) -> _Dict:
    top = [
        {"token": other.token, "logprob": other.logprob, "bytes": list(other.data or other.token.encode())}
        for other in token.top
    ]
    data = list(token.data or token.token.encode())
    return {"token": token.token, "logprob": token.logprob, "bytes": data, "top_logprobs": top}
