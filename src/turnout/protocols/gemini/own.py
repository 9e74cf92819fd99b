"""What this wire format puts beside a part: thought signatures."""

from turnout.protocols.own_fields import OwnFields

OWN = OwnFields("gemini")
