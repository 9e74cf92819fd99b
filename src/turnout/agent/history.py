"""The history of one thread while a run goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from turnout.memory import Memory
    from turnout.messages import Message
    from turnout.responses import Warning


class ThreadHistory:
    """Reads and writes the thread of one run: the agent's memory, its id, and the name of the thread."""

    def __init__(self, memory: Memory, agent_id: str, thread: str) -> None:
        self._memory = memory
        self._agent_id = agent_id
        self.thread = thread

    async def recall(self) -> tuple[list[Message], list[Warning]]:
        """Return the messages that go before those of this run."""
        recalled = await self._memory.recall(self._agent_id, self.thread)
        return recalled.messages, recalled.warnings

    async def remember(self, messages: list[Message], provider: str) -> None:
        """Keep `messages`, all or none of them; `provider` made those of the assistant."""
        await self._memory.remember(self._agent_id, self.thread, messages, provider=provider)
