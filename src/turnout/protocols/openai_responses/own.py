"""What this wire format puts beside a part: ids and phases."""

from turnout.protocols.own_fields import OwnFields

OWN = OwnFields("openai_responses")
