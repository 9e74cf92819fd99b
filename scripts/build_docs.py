"""Write the generated parts of `docs/`: a page for each provider, their index, the error tree, the help of commands.

The pages in `docs/providers/` are made from the packaged catalog alone (no refreshed copy, no `turnout.toml`), so the
same catalog gives the same bytes. Other pages are written by hand, but for what stands between `<!-- begin: … -->` and
`<!-- end -->`. `--check` writes nothing and exits with 1 when a page is stale.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import json
import os
import re
import subprocess
import sys
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

import msgspec  # noqa: E402

from turnout import errors  # noqa: E402
from turnout.catalog.auth import EXCHANGED_KEYS  # noqa: E402
from turnout.catalog.columns import COLUMNS, format_retirement, row  # noqa: E402
from turnout.catalog.quirks import Quirks  # noqa: E402
from turnout.catalog.store import read_packaged  # noqa: E402
from turnout.cli import COMMANDS  # noqa: E402
from turnout.protocols import PROTOCOLS, TASK_PROTOCOLS  # noqa: E402
from turnout.routing.access import list_grant_names, say_needs  # noqa: E402
from turnout.routing.hosts import ENDPOINTS, TASK_FORMATS  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from turnout.catalog.archive import Archive
    from turnout.catalog.types import Model, Provider

DOCS = ROOT / "docs"
HELP_COLUMNS = 100
MECHANISMS = {
    "aws": "a signature (SigV4)",
    "google_oauth": "a token of a service account or of Application Default Credentials",
    "oauth_client_credentials": "a token for a client's id and secret",
    "iam_api_key": "as IBM Cloud does",
    "direct_access": "a direct-access token",
    "token_exchange": "a session token",
}

USE = Template("""```bash
$variables
```

```python
from turnout import Agent

agent = Agent(
    id="my-agent",
    name="My Agent",
    instructions="You are a helpful assistant",
    model=$model,
)

# Generate a response
response = await agent.generate("Hello!")
print(response.text)

# Stream a response
stream = await agent.stream("Tell me a story")
async for chunk in stream:
    print(chunk)
```
""")

HEADERS = Template("""### Custom headers

```python
import os

from turnout import Agent

agent = Agent(
    id="custom-agent",
    name="custom-agent",
    model={
$fields
    },
)
```
""")

DYNAMIC = Template("""### Dynamic model selection

```python
from turnout import Agent

agent = Agent(
    id="dynamic-agent",
    name="Dynamic Agent",
    model=lambda request_context: (
        $complex
        if request_context.task == "complex"
        else $model
    ),
)
response = await agent.generate("Hello!", request_context={"task": "complex"})
```
""")


class Listing(NamedTuple):
    """One provider with all that its page shows."""

    provider: Provider
    models: list[Model]

    @property
    def live(self) -> list[Model]:
        """Its models that are not retired."""
        return [model for model in self.models if not model.is_retired]

    @property
    def usable(self) -> list[Model]:
        """Those that an agent can call: live, in a wire format that turnout speaks, and made to answer in text."""
        return [
            model
            for model in self.live
            if model.kind == "chat" and self.is_spoken(model) and "text" in model.output_modalities
        ]

    def has_call(self, model: Model) -> bool:
        """Whether a model that is no chat model can be called: at a wire format for its task, or as a chat model is."""
        formats = TASK_FORMATS.get(model.kind)
        if formats is None:
            return model.kind == "moderation"
        return self.protocol_of(model) in formats or any(name in formats for name in self.provider.base_urls)

    def is_spoken(self, model: Model) -> bool:
        """Whether turnout speaks the wire format of `model`."""
        return self.protocol_of(model) in PROTOCOLS

    def protocol_of(self, model: Model) -> str:
        """Return the name of the wire format of `model`."""
        return model.protocol or self.provider.protocol


def main() -> int:
    """Write the pages, or compare them; 1 when `--check` finds a difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when a page is stale")
    parser.add_argument("--out", type=Path, default=DOCS, help="folder of the documentation")
    options = parser.parse_args()
    pages = {**build_provider_pages(read_packaged()), **fill_pages(options.out)}
    stale = sorted(find_stale(options.out, pages))
    if options.check:
        for name in stale:
            print(f"{(options.out / name).as_posix()} is not in step with what it is made from: run `make docs`")
        print(f"build_docs: {len(pages)} pages, {len(stale)} stale")
        return 1 if stale else 0
    write_pages(options.out, pages, stale)
    print(f"build_docs: {len(pages)} pages, {len(stale)} written anew or removed")
    return 0


def build_provider_pages(archive: Archive) -> dict[str, str]:
    """Return the text of every page about providers, by its path below `docs/`."""
    listings = list(read_listings(archive))
    pages = {f"providers/{listing.provider.id}.md": render_provider(listing) for listing in listings}
    tables = {"guide/wire-formats.md": render_formats(listings)}
    return {"providers/index.md": render_index(listings, archive), **tables, **pages}


def fill_pages(folder: Path) -> dict[str, str]:
    """Return the hand-written pages of `folder` with their generated parts filled in anew."""
    parts = {"guide/errors.md": error_tree, "guide/command-line.md": command_help}
    return {name: fill(folder / name, make()) for name, make in parts.items() if (folder / name).is_file()}


def fill(path: Path, text: str) -> str:
    """Return the page at `path` with `text` between its two marks."""
    page, count = re.subn(
        r"(<!-- begin: [^\n]*-->\n).*?(<!-- end -->)",
        lambda match: f"{match[1]}\n{text}\n\n{match[2]}",
        path.read_text(encoding="utf-8"),
        flags=re.DOTALL,
    )
    if count != 1:
        sys.exit(f"build_docs: {path} needs one pair of the marks `<!-- begin: … -->` and `<!-- end -->`")
    return page


def error_tree() -> str:
    """Return the tree that the docstring of `turnout.errors` draws."""
    indented = (inspect.getdoc(errors) or "").partition("::\n\n")[2].partition("\n\n")[0]
    return f"```text\n{inspect.cleandoc(indented)}\n```"


def command_help() -> str:
    """Return what `--help` says of every command."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "COLUMNS": str(HELP_COLUMNS), "NO_COLOR": "1"}
    sections: list[str] = []
    for name in COMMANDS:
        command = [sys.executable, "-m", "turnout", name, "--help"]
        told = subprocess.run(command, env=environment, capture_output=True, check=False, encoding="utf-8")
        if told.returncode:
            sys.exit(f"build_docs: turnout {name} --help failed: {told.stderr.strip()}")
        lines = "\n".join(line.rstrip() for line in told.stdout.strip("\n").splitlines())
        sections.append(f"### turnout {name}\n\n```text\n{lines}\n```")
    return "\n\n".join(sections)


def read_listings(archive: Archive) -> Iterator[Listing]:
    """Yield every provider of `archive` with its models, by id."""
    for provider_id in sorted(archive.provider_ids):
        provider = archive.provider(provider_id)
        if provider is not None:
            yield Listing(provider, sorted(archive.models(provider_id).values(), key=lambda model: model.id))


def find_stale(folder: Path, pages: dict[str, str]) -> Iterator[str]:
    """Yield the paths of pages that are missing, different, or of no provider any more."""
    for name, text in pages.items():
        path = folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            yield name
    yield from {f"providers/{path.name}" for path in (folder / "providers").glob("*.md")} - pages.keys()


def write_pages(folder: Path, pages: dict[str, str], stale: Sequence[str]) -> None:
    """Write or remove the pages named in `stale`."""
    (folder / "providers").mkdir(parents=True, exist_ok=True)
    for name in stale:
        if name in pages:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(pages[name], encoding="utf-8", newline="\n")
        else:
            (folder / name).unlink()


def render_provider(listing: Listing) -> str:
    """Return the page of one provider."""
    parts = [f"# {listing.provider.name or listing.provider.id}", render_opening(listing)]
    if listing.usable:
        parts += [render_use(listing), render_note(listing)]
    parts += ["## Models", render_table(listing)]
    if listing.usable:
        parts += render_advanced(listing)
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def render_opening(listing: Listing) -> str:
    """Return what the provider is, how it is authenticated, and what turnout cannot do with it."""
    provider, live = listing.provider, listing.live
    name = provider.name or provider.id
    spoken = [model for model in live if listing.is_spoken(model)]
    formats = " and ".join(sorted({f"`{listing.protocol_of(model)}`" for model in live if model not in spoken}))
    if provider.id == "local":
        text = "A small model that runs on this machine. No key is needed, and no network once it has been fetched."
    elif listing.usable:
        models = f"{len(live)} {name} model{'' if len(live) == 1 else 's'}"
        few = "" if len(spoken) == len(live) else f"{len(spoken)} of the "
        text = f"Access {few}{models} through turnout. {render_authentication(provider)}"
    else:
        text = (
            f"turnout lists the {len(live)} models of {name} and cannot call them yet: they speak {formats}, which this"
            " version does not."
        )
    if provider.doc:
        text += f"\n\nLearn more in the [{name} documentation]({provider.doc})."
    if listing.usable and formats:
        text += f"\n\nThe others speak {formats}, which this version does not; the table marks them."
    return text


def render_authentication(provider: Provider) -> str:
    """Return how a call of `provider` gets its key."""
    if not provider.api_key_env:
        if provider.allows_anonymous:
            return "No key is needed."
        if provider.auth != "api_key":
            return f"Calls are authenticated by {MECHANISMS[provider.auth]}: set {say_needs(provider)}."
        return "No variable holds a key for it: pass `api_key=`, or the header that it wants in `headers=`."
    first, *others = provider.api_key_env
    text = f"Authentication is handled automatically using the `{first}` environment variable."
    if others:
        text += f" {' and '.join(f'`{name}`' for name in others)} {'is' if len(others) == 1 else 'are'} read as well."
    if provider.auth in EXCHANGED_KEYS:
        text += f" It is exchanged for a token before the call ({MECHANISMS[provider.auth]})."
    elif provider.auth != "api_key":
        text += f" Without it, calls are authenticated by {MECHANISMS[provider.auth]}: set {say_needs(provider)}."
    if provider.allows_anonymous:
        text += " A call without a key is sent too, with a warning on the result."
    return text


def render_use(listing: Listing) -> str:
    """Return the variables to set, and how to generate and to stream."""
    provider, model = listing.provider, listing.usable[0]
    if provider.id == "local":
        text = USE.substitute(variables='pip install "turnout[local]"', model=quote(model.id))
        return f"{text}\n[Local models](../guide/local-models.md) tells how it is fetched and run."
    url = model.base_url or provider.base_url or ""
    names = [*(provider.api_key_env[:1] or list_grant_names(provider)[-1:]), *asked_variables(provider, url)]
    lines = [f"{name}={'your-api-key' if name in provider.api_key_env else 'your-value'}" for name in names]
    text = USE.substitute(variables="\n".join(lines), model=quote(model.id))
    return f"In `.env` of the working directory, or in the environment:\n\n{text}" if lines else text


def render_note(listing: Listing) -> str:
    """Return the note on the wire format and what it may lack."""
    provider = listing.provider
    spoken = sorted({listing.protocol_of(model) for model in listing.usable})
    formats = " and ".join(f"`{name}`" for name in spoken)
    text = (
        f"> [!NOTE]\n> turnout speaks {formats} to it ([wire formats](../guide/wire-formats.md))."
        " Some provider-specific features may not be available."
    )
    if provider.doc:
        text += f" Check the [{provider.name or provider.id} documentation]({provider.doc}) for details."
    return text


def render_table(listing: Listing) -> str:
    """Return the table of models, retired and unspoken ones marked."""
    lines = [f"| {' | '.join(COLUMNS)} |", f"|{' --- |' * 7} ---: | ---: |"]
    for model in listing.models:
        name, *cells = row(model)
        marks = [format_retirement(model)] if model.is_retired else []
        if model.kind != "chat":
            marks.append(model.kind if listing.has_call(model) else f"{model.kind}: not yet")
        elif not listing.is_spoken(model):
            marks.append(f"`{listing.protocol_of(model)}`: not yet")
        marked = f"`{name}`" + (f" ({'; '.join(marks)})" if marks else "")
        lines.append(f"| {' | '.join([marked, *cells])} |")
    retired = len(listing.models) - len(listing.live)
    note = "Prices are USD per 1M tokens; `?` is unknown, `-` is no."
    if retired:
        note += f" Retired: {retired}. Such an id is still sent, and a warning names the successor."
    if any(model.kind in TASK_FORMATS and listing.has_call(model) for model in listing.models):
        note += (
            " A kind in brackets has a call of its own: [embeddings](../guide/embeddings.md),"
            " [images, speech and more](../guide/images-speech-and-more.md)."
        )
    return "\n".join(lines) + f"\n\n{note}"


def render_advanced(listing: Listing) -> list[str]:
    """Return the section on headers and on choosing a model by the request."""
    provider, model = listing.provider, listing.usable[0]
    parts: list[str] = []
    if provider.id != "local":
        parts.append(HEADERS.substitute(fields=render_fields(provider, model)))
    others = [other for other in listing.usable if other is not model and other.supports_tools]
    if others:
        dearest = max(others, key=lambda other: ((other.input_price or 0) + (other.output_price or 0), other.id))
        parts.append(DYNAMIC.substitute(model=quote(model.id), complex=quote(dearest.id)))
    return ["## Advanced configuration", *parts] if parts else []


def render_fields(provider: Provider, model: Model) -> str:
    """Return the fields of a model config; the URL is left out where it depends on variables."""
    url = model.base_url or provider.base_url
    fields = [f'"url": {quote(url)}'] if url and not template_variables(url) else []
    fields.append(f'"id": {quote(model.id)}')
    if provider.api_key_env:
        fields.append(f'"apiKey": os.environ.get({quote(provider.api_key_env[0])})')
    else:
        fields.append('"apiKey": os.environ.get("MY_TOKEN")')
    fields.append('"headers": {"X-Custom-Header": "value"}')
    return "\n".join(f"        {field}," for field in fields)


def render_index(listings: Sequence[Listing], archive: Archive) -> str:
    """Return the table of all providers."""
    callable_count = sum(bool(listing.usable) for listing in listings)
    counts = f"{len(listings)} providers and {archive.model_count:,} models"
    lines = [
        "# Providers",
        "",
        f"{counts}, retired ones included, as the packaged catalog lists them ({archive.origin}).",
        f"{callable_count} of the providers can be called; the others wait for their wire format.",
        "",
        "[Wire formats](../guide/wire-formats.md) tells how many models each of them serves.",
        "",
        "| Provider | Id | Models | Key | Can be called |",
        "| --- | --- | ---: | --- | --- |",
    ]
    for listing in listings:
        provider = listing.provider
        key = f"`{provider.api_key_env[0]}`" if provider.api_key_env else "-"
        verdict = "yes" if listing.usable else f"not yet (`{provider.protocol}`)"
        cells = [f"[{provider.name or provider.id}]({provider.id}.md)", f"`{provider.id}`", str(len(listing.live))]
        lines.append(f"| {' | '.join([*cells, key, verdict])} |")
    return "\n".join(lines) + "\n"


def render_formats(listings: Sequence[Listing]) -> str:
    """Return the page about wire formats: how many models each serves, and the quirks."""
    counts: dict[str, list[str]] = {}
    for listing in listings:
        for model in listing.models:
            counts.setdefault(listing.protocol_of(model), []).append(model.provider)
    total = sum(map(len, counts.values()))
    lines = [
        "# Wire formats",
        "",
        "A wire format (protocol) is how requests and answers are written. Which one a model gets is a fact of its",
        "provider or of itself. Where a server speaks several, `protocol` in a model config takes another one:",
        '`{"id": "openai/gpt-5.4", "protocol": "openai_chat"}`.',
        "",
        *[f"- `{name}`: {describe_format(name)}" for name in (*PROTOCOLS, *TASK_PROTOCOLS)],
        "",
        "## Models of each",
        "",
        f"The {total:,} models of the packaged catalog, those for embeddings, images and speech included, by the",
        "format of their provider's chats.",
        "",
        "| Wire format | Models | Share | Providers |",
        "| --- | ---: | ---: | ---: |",
    ]
    for name, providers in sorted(counts.items(), key=lambda item: -len(item[1])):
        mark = "" if name in PROTOCOLS else " (not yet)"
        share = f"{100 * len(providers) / total:.2f} %"
        lines.append(f"| `{name}`{mark} | {len(providers):,} | {share} | {len(set(providers))} |")
    lines += [
        "",
        "## Other calls than chats",
        "",
        "Models of other [kinds](images-speech-and-more.md) have wire formats of their own, at the base URL of their",
        "provider's chats unless a row says otherwise.",
        "",
        "| Wire format | Kind | Endpoint | Models |",
        "| --- | --- | --- | ---: |",
    ]
    for task, formats in TASK_FORMATS.items():
        name = next(reversed(formats))
        count = sum(model.kind == task and each.has_call(model) for each in listings for model in each.models)
        lines.append(f"| `{name}` | {task} | `{ENDPOINTS[name]}` | {count} |")
    lines += ["", "## Quirks", "", "How a provider, or one model of it, departs from its wire format: the fields of"]
    lines += [
        "`Quirks`, which a row of [your own](catalog.md) can set too. What a provider has in `quirks_by_protocol`"
    ]
    lines += [
        "is laid over its `quirks` in that wire format alone; a field left at its default there takes nothing back."
    ]
    lines += ["", "| Field | Default | Meaning |"]
    lines += ["| --- | --- | --- |"]
    usual = Quirks()
    for name, meaning in field_docs(Quirks).items():
        default = msgspec.json.encode(getattr(usual, name)).decode()
        lines.append(f"| `{name}` | `{default}` | {meaning} |")
    return "\n".join(lines) + "\n"


def describe_format(name: str) -> str:
    """Return what the module of a wire format says of it, in one line."""
    first = (import_module(f"turnout.protocols.{name}").__doc__ or "").partition("\n")[0]
    return first.removeprefix("The wire format of ").replace("``", "`")


def field_docs(struct: type) -> dict[str, str]:
    """Return the docstring below each field of a class, on one line."""
    body = next(node for node in ast.parse(inspect.getsource(struct)).body if isinstance(node, ast.ClassDef)).body
    found: dict[str, str] = {}
    for field, text in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, ast.Expr):
            lines = inspect.cleandoc(ast.literal_eval(text.value))
            found[field.target.id] = " ".join(lines.split()).replace("``", "`").replace("|", "\\|")
    return found


def asked_variables(provider: Provider, url: str) -> list[str]:
    """Return the variables that the user must set for `url` and for fields of every body, in order."""
    found: list[str] = []
    for name in template_variables(url + " ".join(provider.body_fields.values())):
        spec = provider.variables.get(name)
        if spec is None or (spec.default is None and spec.json_env is None):
            found.append(name)
        elif spec.default is not None:
            found += asked_variables(provider, spec.default)
    return list(dict.fromkeys(found))


def template_variables(url: str) -> list[str]:
    """Return the names of the variables that a URL template asks for."""
    return re.findall(r"\$\{(\w+)\}", url)


def quote(text: str) -> str:
    """Return `text` as a string of Python."""
    return json.dumps(text)


if __name__ == "__main__":
    sys.exit(main())
