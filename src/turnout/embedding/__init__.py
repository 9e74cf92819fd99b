"""Embeddings: texts as vectors, in batches, in order, with what they cost."""

from turnout.embedding.embed import EmbedOptions, embed, embed_sync
from turnout.embedding.result import Embeddings, FailedTexts

__all__ = ["EmbedOptions", "Embeddings", "FailedTexts", "embed", "embed_sync"]
