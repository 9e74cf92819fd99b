"""What this wire format puts beside a call or a text: signatures of Google, ids of audio."""

from turnout.protocols.own_fields import OwnFields

OWN = OwnFields("openai_chat")

EXTRA = "extra_content"
"""The field of a call that holds Google's thought signature: https://ai.google.dev/gemini-api/docs/thought-signatures."""
