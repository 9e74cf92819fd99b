"""Tests of the wire formats; being here puts this folder on the path, for `traffic`."""
