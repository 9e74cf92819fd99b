"""The agent: generate and stream, the steps of a run, results, and the sync twins."""
