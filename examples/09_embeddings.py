"""Embeddings: the texts that are nearest to a question in meaning."""

from __future__ import annotations

import math
import os
import sys
from operator import mul

import turnout

MODEL = os.environ.get("TURNOUT_MODEL", "ovhcloud/bge-m3")
TEXTS = [
    "The night train to Vienna leaves at 21:40.",
    "Bread is baked at 220 degrees for half an hour.",
    "Tickets are refunded when a train is an hour late.",
    "The museum is closed on Mondays.",
]

question = " ".join(sys.argv[1:]) or "Do I get my money back after a delay?"
result = turnout.embed_sync(MODEL, [question, *TEXTS])
asked, *vectors = (list(map(float, vector)) for vector in result.vectors)


def similarity(one: list[float], other: list[float]) -> float:
    """Return the cosine of the angle between two vectors: 1 is the same direction."""
    return sum(map(mul, one, other)) / (math.hypot(*one) * math.hypot(*other))


print(question)
scores = [similarity(asked, vector) for vector in vectors]
for score, text in sorted(zip(scores, TEXTS, strict=True), reverse=True):
    print(f"{score:.2f} {text}")
print(f"[{result.dimensions} dimensions, {result.usage.input_tokens} tokens, {result.cost}]")
