"""The version of turnout, and how it names itself to servers."""

__version__ = "0.1.0"

USER_AGENT = f"turnout/{__version__}"
