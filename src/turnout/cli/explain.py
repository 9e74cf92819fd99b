"""`turnout explain`: every step from a model's id to the call that would be made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

import typer
from msgspec import structs

from turnout.errors import ConfigurationError, TurnoutError

if TYPE_CHECKING:
    from turnout.catalog.types import Model
    from turnout.errors import MissingKeyError
    from turnout.requests import Task
    from turnout.routing.route import Route

ModelId = Annotated[str | None, typer.Argument(metavar="MODEL", hidden=True)]
Select = Annotated[
    str | None,
    typer.Option(
        "--select",
        metavar="FACTS",
        help='Rank the models that fit, as select() would: "provider=ovhcloud tools=true sort=price".',
    ),
]
URL = Annotated[
    str | None, typer.Option("--url", metavar="URL", help="Base URL of a server of your own, as with `turnout chat`.")
]
AsJSON = Annotated[bool, typer.Option("--json", help="Print the same as one JSON object.")]


def explain(*, model: ModelId = None, select: Select = None, url: URL = None, as_json: AsJSON = False) -> int:
    """Show where a call of a model would go, step by step.

    MODEL is written provider/model, such as ovhcloud/gpt-oss-120b. The steps are its provider, the URL and where that
    comes from, the wire format, the key (which variable holds it, never the key itself), what the catalog knows of the
    model, how its provider departs from the wire format, and what is missing. Nothing is sent.

    With --select in the place of MODEL, the models that a selection by facts would try, in order, and why not others.

    The exit code is 0 where the way is known, even if the key is missing; 1 where MODEL cannot be routed, or where
    nothing fits the selection.
    """
    if (model is None) is (select is None):
        raise typer.BadParameter("give a MODEL, such as ovhcloud/gpt-oss-120b, or --select, and not both")
    if model is None:
        return _explain_selection(select or "", as_json=as_json)
    from turnout.cli.terminal import print_json
    from turnout.routing.model import Candidate, ModelConfig
    from turnout.routing.resolution import trace_candidate

    candidate = Candidate(model=ModelConfig(id=model, url=url) if url else model.strip())
    try:
        route, missing = trace_candidate(candidate, task=_find_task(candidate.label))
    except ConfigurationError as error:
        if not as_json:
            raise
        from turnout.cli.report import error_object

        print_json({"model": model, "is_ready": False, **error_object(error)})
        return 1
    obstacle = _check_protocol(route)
    problem = obstacle or missing
    if as_json:
        print_json(_route_object(route, problem))
    else:
        _print_route(route, problem)
    return 0 if obstacle is None else 1


def _find_task(model: str) -> Task:
    """Return the task that the catalog lists `model` for: each has an endpoint of its own."""
    from turnout import catalog
    from turnout.requests import Task

    facts = catalog.find(model)
    return next((task for task in get_args(Task) if facts and facts.kind == task), "chat")


def _find_url(route: Route) -> str:
    """Return the endpoint of a call; on some wire formats it names the model."""
    from turnout.messages import Message
    from turnout.protocols import find_protocol
    from turnout.requests import ModelRequest

    if _is_task(route):
        return route.url
    try:
        return find_protocol(route.protocol).encode(ModelRequest(messages=[Message.user("Hi")]), route).url or route.url
    except TurnoutError:  # the wire format is not spoken, or the id cannot be part of a URL
        return route.url


def _is_task(route: Route) -> bool:
    return route.facts is not None and route.facts.kind not in ("chat", "moderation")


def _explain_selection(text: str, *, as_json: bool) -> int:
    from turnout.cli.ranking import print_ranking, ranking_object, read_selection
    from turnout.cli.terminal import print_json

    selection = read_selection(text)
    ranking = selection.rank()
    if as_json:
        print_json(ranking_object(selection, ranking))
    else:
        print_ranking(selection, ranking)
    return 0 if ranking.matches else 1


def _check_protocol(route: Route) -> ConfigurationError | None:
    from turnout.protocols import find_protocol
    from turnout.routing.capabilities import CALLS

    if route.facts is not None and route.facts.kind not in CALLS:
        return ConfigurationError(f"`{route.facts.id}` is for {route.facts.kind}, and turnout has no call for that yet")
    try:
        find_protocol(route.protocol)
    except ConfigurationError as error:
        return error
    return None


def _print_route(route: Route, problem: ConfigurationError | MissingKeyError | None) -> None:
    from turnout.cli.terminal import clean, print_fact

    lines = [step.partition(": ")[::2] for step in route.steps]
    if not route.is_launched:
        lines.append(("request to", _find_url(route)))
    if route.headers:
        lines.append(("headers", ", ".join(sorted(route.headers))))
    lines += (
        _describe_facts(route.facts) if route.facts else [("catalog", "does not list this model: no facts, no prices")]
    )
    lines += _describe_call(route) if _is_task(route) else _describe_handling(route)
    lines += [("warning", warning.message) for warning in route.warnings]
    print(clean(route.asked))
    for label, text in lines:
        print_fact(f"  {label:<18}", text)
    print_fact("", "ready: a call would be sent" if problem is None else f"not ready: {problem.message}")


def _describe_facts(model: Model) -> list[tuple[str, str]]:
    """Return what the catalog knows of `model`, as labels and texts."""
    from turnout.catalog.columns import UNKNOWN, format_context, format_price, format_retirement

    flags = {
        "tools": model.supports_tools,
        "reasoning": model.supports_reasoning,
        "structured output": model.supports_structured_output,
    }
    words = {True: "yes", False: "no", None: UNKNOWN}
    lines = [
        ("kind", f"{model.kind}: {', '.join(model.input_modalities)} in, {', '.join(model.output_modalities)} out"),
        ("context", f"{format_context(model.context)} tokens, answer up to {format_context(model.max_output)}"),
        ("supports", ", ".join(f"{name}: {words[flag]}" for name, flag in flags.items())),
        ("price", f"{format_price(model.input_price)} in, {format_price(model.output_price)} out (per 1M tokens)"),
        ("source", model.source),
    ]
    if model.retired:
        lines.insert(0, ("retired", format_retirement(model).removeprefix("retired ")))
    return lines


def _describe_handling(route: Route) -> list[tuple[str, str]]:
    """Return how tools and structured output would be asked for, and the quirks that apply."""
    from turnout.adaptation.plan import lacks_tools, output_mode

    tools = "emulated, for the model takes none" if lacks_tools(route) else "the wire format's own"
    return [("tools by", tools), ("output by", output_mode(route)), *_describe_quirks(route)]


def _describe_call(route: Route) -> list[tuple[str, str]]:
    """Return which call is for a model that is no chat model, and the quirks that apply."""
    from turnout.routing.capabilities import CALLS

    kind = route.facts.kind if route.facts else ""
    return [("call", CALLS.get(kind, "none yet").removeprefix("call ")), *_describe_quirks(route)]


def _describe_quirks(route: Route) -> list[tuple[str, str]]:
    quirks = [f"{name}: {_spell(value)}" for name, value in list_quirks(route).items()]
    return [("quirks", "; ".join(quirks))] if quirks else []


def list_quirks(route: Route) -> dict[str, Any]:
    """Return the quirks of `route` that are not their defaults, by name."""
    usual = type(route.quirks)()
    fields = structs.asdict(route.quirks)
    return {name: value for name, value in fields.items() if value != getattr(usual, name)}


def _spell(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, cast("tuple[object, ...]", value)))
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def _route_object(route: Route, problem: ConfigurationError | None) -> dict[str, Any]:
    facts = route.facts
    return {
        "model": route.asked,
        "is_ready": problem is None,
        "problem": problem and {"type": type(problem).__name__, "message": problem.message},
        "provider": route.provider,
        "wire_model": route.model,
        "url": _find_url(route),
        "is_launched": route.is_launched,
        "protocol": route.protocol,
        "headers": sorted(route.headers),
        "steps": route.steps,
        "facts": facts and {
            "kind": facts.kind,
            "context": facts.context,
            "max_output": facts.max_output,
            "supports_tools": facts.supports_tools,
            "supports_reasoning": facts.supports_reasoning,
            "supports_structured_output": facts.supports_structured_output,
            "input_modalities": facts.input_modalities,
            "output_modalities": facts.output_modalities,
            "input_price": facts.input_price,
            "output_price": facts.output_price,
            "retired": facts.retired,
            "successor": facts.successor,
        },
        "quirks": list_quirks(route),
        "warnings": [{"code": warning.code, "message": warning.message} for warning in route.warnings],
    }  # fmt: skip
