"""Stand-ins for the APIs of single vendors: what they answer follows from what a request asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from provider import Exchange, Reply, reply

VARIABLES = {
    "anthropic": {"ANTHROPIC_API_KEY": "sk-planted-secret-key"},
    "openai": {"OPENAI_API_KEY": "sk-planted-secret-key"},
    "google": {"GEMINI_API_KEY": "sk-planted-secret-key"},
    "cohere": {"COHERE_API_KEY": "sk-planted-secret-key"},
    "amazon-bedrock": {"AWS_BEARER_TOKEN_BEDROCK": "sk-planted-secret-key", "AWS_REGION": "eu-west-1"},
}
"""The vendors, with what they need in the environment beside their base URLs."""

PAGE = "http://127.0.0.1/rain"
"""What every search finds."""

_PROMPT, _CACHED, _ANSWER = 50, 2000, 20
"""Tokens: of a prompt beside what is cached, of what is cached, of an answer."""


def find_reply(path: str) -> Callable[[dict[str, Any], bool], Reply] | None:
    """Return what answers at `path`, given the body and whether its prompt was cached by a request before."""
    return next((make for ending, make in _ENDINGS.items() if path.endswith(ending)), None)


async def answer_as_vendor(exchange: Exchange) -> bool:
    """Answer where the path is that of a vendor's own API; return whether it was."""
    make = find_reply(exchange.request.path)
    if make is None:
        return False
    earlier = exchange.provider.requests[:-1]
    is_known = any(request.path == exchange.request.path and _is_cacheable(request.body) for request in earlier)
    await make(exchange.request.json, is_known and _is_cacheable(exchange.request.body))(exchange)
    return True


def _is_cacheable(body: bytes) -> bool:
    return any(mark in body for mark in (b'"cache_control"', b'"cachePoint"', b'"cachedContent"'))


def _holds(value: Any, name: str) -> bool:
    """Whether an object with the field `name` is anywhere in `value`."""
    if isinstance(value, dict):
        return name in value or any(_holds(inner, name) for inner in value.values())
    return isinstance(value, list) and any(_holds(inner, name) for inner in value)


def _tool_types(body: dict[str, Any]) -> list[str]:
    return [str(tool.get("type")) for tool in body.get("tools", [])]


def _messages(body: dict[str, Any], is_known: bool) -> Reply:
    """Anthropic's Messages API."""
    content: list[dict[str, Any]] = []
    if body.get("thinking", {}).get("type") in ("enabled", "adaptive"):
        content.append({"type": "thinking", "thinking": "It rained in May.", "signature": "EqQBCkYIBxgC"})
    text: dict[str, Any] = {"type": "text", "text": "It rained."}
    if any(kind.startswith("web_search") for kind in _tool_types(body)):
        found = {"type": "web_search_result", "url": PAGE, "title": "Rain", "encrypted_content": "EpMB"}
        content += [
            {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "rain"}},
            {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [found]},
        ]
        text["citations"] = [{"type": "web_search_result_location", "url": PAGE, "cited_text": "Rain all day."}]
    elif _holds(body["messages"], "citations"):
        place = {"start_page_number": 2, "end_page_number": 3, "document_index": 0}
        text["citations"] = [{"type": "page_location", "cited_text": "Rain all day.", **place}]
    cached = {"cache_read_input_tokens": 0, "cache_creation_input_tokens": 0}
    if _holds(body, "cache_control"):
        cached["cache_read_input_tokens" if is_known else "cache_creation_input_tokens"] = _CACHED
    usage = {"input_tokens": _PROMPT, "output_tokens": _ANSWER, **cached}
    told = {"id": "msg_1", "type": "message", "role": "assistant", "model": body.get("model", "claude")}
    return reply({**told, "content": [*content, text], "stop_reason": "end_turn", "usage": usage})


def _responses(body: dict[str, Any], is_known: bool) -> Reply:
    """OpenAI's Responses API."""
    del is_known
    thought: dict[str, Any] = {"type": "reasoning", "id": "rs_1", "summary": []}
    if body.get("reasoning", {}).get("summary"):
        thought["summary"] = [{"type": "summary_text", "text": "It rained in May."}]
    if "reasoning.encrypted_content" in body.get("include", []):
        thought["encrypted_content"] = "gAAAAABo"
    output = [thought]
    cited: list[dict[str, Any]] = []
    if "web_search" in _tool_types(body):
        search = {"type": "search", "query": "rain"}
        output.append({"type": "web_search_call", "id": "ws_1", "status": "completed", "action": search})
        cited = [{"type": "url_citation", "url": PAGE, "title": "Rain", "start_index": 0, "end_index": 10}]
    text = {"type": "output_text", "text": "It rained.", "annotations": cited}
    output.append({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [text]})
    is_stored = body.get("store") is not False
    if is_stored and not body.get("previous_response_id"):
        assert "include" not in body
    cached = 1024 if body.get("prompt_cache_key") else 0
    usage = {
        "input_tokens": _PROMPT + cached,
        "input_tokens_details": {"cached_tokens": cached},
        "output_tokens": _ANSWER,
        "output_tokens_details": {"reasoning_tokens": 12},
        "total_tokens": _PROMPT + cached + _ANSWER,
    }
    told = {"id": "resp_1", "object": "response", "status": "completed", "model": body["model"], "store": is_stored}
    return reply({**told, "output": output, "usage": usage})


def _gemini(body: dict[str, Any], is_known: bool) -> Reply:
    """Google's generateContent."""
    del is_known
    parts: list[dict[str, Any]] = []
    if body.get("generationConfig", {}).get("thinkingConfig", {}).get("includeThoughts"):
        parts.append({"text": "It rained in May.", "thought": True})
    if any("codeExecution" in tool for tool in body.get("tools", [])):
        parts.append({"executableCode": {"language": "PYTHON", "code": "print(21 * 2)"}})
        parts.append({"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "42"}})
    parts.append({"text": "It rained.", "thoughtSignature": "EpQBCpEB"})
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}
    if any("googleSearch" in tool for tool in body.get("tools", [])):
        candidate["groundingMetadata"] = {
            "webSearchQueries": ["rain"],
            "groundingChunks": [{"web": {"uri": PAGE, "title": "Rain"}}],
            "groundingSupports": [{"segment": {"endIndex": 10, "text": "It rained."}, "groundingChunkIndices": [0]}],
        }
    cached = {"cachedContentTokenCount": _CACHED} if "cachedContent" in body else {}
    given = _PROMPT + sum(cached.values())
    usage = {"promptTokenCount": given, "candidatesTokenCount": _ANSWER, "totalTokenCount": given + _ANSWER, **cached}
    return reply({"responseId": "r", "modelVersion": "gemini", "candidates": [candidate], "usageMetadata": usage})


def _converse(body: dict[str, Any], is_known: bool) -> Reply:
    """Bedrock's Converse."""
    content: list[dict[str, Any]] = [{"text": "It rained."}]
    if _holds(body["messages"], "citations"):
        place = {"documentPage": {"documentIndex": 0, "start": 2, "end": 2}}
        content = [{"citationsContent": {"content": content, "citations": [{"title": "report", "location": place}]}}]
    usage = {"inputTokens": _PROMPT, "outputTokens": _ANSWER, "totalTokens": _PROMPT + _ANSWER}
    if _holds(body, "cachePoint"):
        usage["cacheReadInputTokens" if is_known else "cacheWriteInputTokens"] = _CACHED
        usage["totalTokens"] += _CACHED
    message = {"role": "assistant", "content": content}
    return reply({"output": {"message": message}, "stopReason": "end_turn", "usage": usage})


def _cohere(body: dict[str, Any], is_known: bool) -> Reply:
    """Cohere's chat, v2."""
    del is_known
    message: dict[str, Any] = {"role": "assistant", "content": [{"type": "text", "text": "It rained."}]}
    for document in body.get("documents", [])[:1]:
        source = {"type": "document", "id": document["id"], "document": document["data"]}
        message["citations"] = [{"start": 3, "end": 9, "text": "rained", "sources": [source]}]
    tokens = {"input_tokens": _PROMPT, "output_tokens": _ANSWER}
    return reply({"id": "c", "finish_reason": "COMPLETE", "message": message, "usage": {"tokens": tokens}})


_ENDINGS = {
    "/messages": _messages,
    "/responses": _responses,
    ":generateContent": _gemini,
    "/converse": _converse,
    "/v1/chat": _cohere,
}
