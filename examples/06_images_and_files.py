"""Pictures, sound, films and documents as input: give paths or URLs; without any, a red square is shown.

    python examples/06_images_and_files.py cat.png https://example.com/report.pdf

What the model is known not to take is refused before anything is sent, with models that do take it.
"""

from __future__ import annotations

import base64
import os
import sys

from turnout import Agent, Audio, File, Image, Video
from turnout.errors import UnsupportedFeatureError

MODEL = os.environ.get("TURNOUT_MODEL", "ovhcloud/qwen3.5-9b")
RED = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAIAAACQkWg2AAAAFklEQVR42mP4z8BAEmIY1TCqYfhqAACQ+f8B8u7oVwAAAABJRU5ErkJggg=="
)
KINDS: dict[str, type[Image | Audio | Video | File]] = {
    "png": Image,
    "jpg": Image,
    "jpeg": Image,
    "webp": Image,
    "wav": Audio,
    "mp3": Audio,
    "mp4": Video,
}

parts = [KINDS.get(name.rpartition(".")[2].lower(), File)(name) for name in sys.argv[1:]]
agent = Agent(model=MODEL)
try:
    result = agent.generate_sync(["What is this? One sentence.", *(parts or [Image(RED)])])
except UnsupportedFeatureError as error:
    sys.exit(str(error))
print(result.text)
