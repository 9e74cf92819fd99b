"""Fields that only this wire format has, such as ``cache_control``."""

from turnout.protocols.own_fields import OwnFields

OWN = OwnFields("anthropic_messages")
