"""Docstrings as a model needs them: what the thing does, and what each parameter or field is."""

from __future__ import annotations

from inspect import cleandoc

from msgspec import Struct


class Documentation(Struct, frozen=True):
    """What a docstring says: the prose, and the description of each parameter or attribute by name."""

    text: str = ""
    parameters: dict[str, str] = {}


def read_docstring(docstring: str | None) -> Documentation:
    """Read a docstring in the style of Google, NumPy, Sphinx or Epydoc; the style is found out.

    Sections such as returns, raises and examples are left out: they are for who reads the code. A docstring of one
    paragraph is taken as it is, without loading the parser.
    """
    if not docstring or not docstring.strip():
        return Documentation()
    clean = cleandoc(docstring)
    if "\n\n" not in clean and not _has_fields(clean):
        return Documentation(_one_line(clean))
    from docstring_parser import ParseError, parse

    try:
        parsed = parse(clean)
    except (ParseError, ValueError, IndexError):  # prose that looks like a section and is none
        return Documentation(clean)
    parameters = {param.arg_name.lstrip("*"): _one_line(param.description or "") for param in parsed.params}
    prose = [_one_line(parsed.short_description or ""), (parsed.long_description or "").strip()]
    return Documentation("\n\n".join(filter(None, prose)), {name: text for name, text in parameters.items() if text})


def _has_fields(clean: str) -> bool:
    """Return whether a field or section may follow the summary without an empty line between."""
    return any(line.lstrip().startswith((":", "@")) or line.rstrip().endswith(":") for line in clean.split("\n")[1:])


def _one_line(text: str) -> str:
    return " ".join(text.split())
