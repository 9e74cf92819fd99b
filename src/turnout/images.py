"""Images made by a model: `generate_image` and `generate_image_sync`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack, cast

from msgspec import field, structs

from turnout.errors import InvalidInputError
from turnout.messages import Image, Message, Text
from turnout.requests import ImageRequest, read_provider_options
from turnout.responses import Warning
from turnout.tasks.options import TaskOptions, check_names, read_text, read_word
from turnout.tasks.result import TaskResult
from turnout.tasks.sync import make_sync
from turnout.usage import Cost

if TYPE_CHECKING:
    from collections.abc import Sequence

    from turnout.call import Answer
    from turnout.messages import Source
    from turnout.responses import ImageResponse
    from turnout.routing.model import ModelSpec

__all__ = ["GeneratedImages", "generate_image", "generate_image_sync"]


class GeneratedImages(TaskResult, kw_only=True):
    """Images, and how they were made: ``(await generate_image("openai/gpt-image-2", "A red kite")).images[0].data``.

    `images` has the bytes of each in `data`, or, where the provider keeps them, a `url` that may be gone within the
    hour. `revised_prompts` has for each the prompt that the provider made of the given one, `None` where it tells none.
    """

    images: list[Image]
    revised_prompts: list[str | None] = field(default_factory=list[str | None])

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Image:
        return self.images[index]

    def __repr__(self) -> str:
        return f"GeneratedImages({len(self.images)}, {self.provider}/{self.model}, {self.usage})"


async def generate_image(
    model: ModelSpec | list[ModelSpec],
    prompt: str,
    *,
    images: Image | Source | Sequence[Image | Source] | None = None,
    mask: Image | Source | None = None,
    count: int = 1,
    size: str | None = None,
    quality: str | None = None,
    output_format: str | None = None,
    background: str | None = None,
    **options: Unpack[TaskOptions],
) -> GeneratedImages:
    """Return images that a model makes: ``await generate_image("openai/gpt-image-2", "A red kite", count=2)``.

    With `images` (bytes, paths, URLs or `Image`s) it changes these; `mask` shows by transparency what of the first may
    change. `count` is how many to make. `size`, `quality`, `output_format` and `background` are the provider's words.
    The options are those of `TaskOptions`; of a list of models the first that answers counts.

    Raises `InvalidInputError` for arguments and files that cannot be read, `UnsupportedFeatureError` for a model that
    the catalog lists for another task, and what a call of a model raises.
    """
    check_names("generate_image", options)
    given = _read_images(images, mask)
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:  # pyright: ignore[reportUnnecessaryIsInstance] - from anybody
        raise InvalidInputError(f"count={count!r}: give a whole number of 1 or more")
    request = ImageRequest(
        messages=[Message.user(read_text("prompt", prompt))],
        count=count,
        size=read_word("size", size),
        quality=read_word("quality", quality),
        output_format=read_word("output_format", output_format),
        background=read_word("background", background),
        provider_options=read_provider_options(options.get("provider_options")),
    )
    from turnout.tasks.planning import prepare_call  # here, as below: the import loads no wire
    from turnout.tasks.sending import send_prepared

    prepared = prepare_call(model, request, options)
    if given:
        from turnout.tasks.loading import load_parts

        loaded = await load_parts(given, prepared.runtime.transport, options.get("media"))
        changed = loaded if mask is None else loaded[:-1]
        content = [Text(prompt), *changed]
        request = structs.replace(
            request, messages=[Message("user", [*content])], mask=None if mask is None else loaded[-1]
        )
    return _finish(await send_prepared(prepared, request), count)


generate_image_sync = make_sync(generate_image)
"""Do as `generate_image`, from sync code."""


def _read_images(images: object, mask: object) -> dict[str, Image]:
    """Return the images to be changed, and last the mask, by the names of their arguments."""
    from turnout.tasks.loading import read_part

    listed: list[Any] = list(cast("list[Any]", images)) if isinstance(images, (list, tuple)) else [images]
    listed = [] if images is None else listed
    several = isinstance(images, (list, tuple))
    found = {name: read_part(item, Image, name) for name, item in _name_items(listed, several=several)}
    if mask is not None:
        if not found:
            raise InvalidInputError("mask= is given without images=: give the image that it covers")
        found["mask"] = read_part(mask, Image, "mask")
    return found


def _name_items(items: list[Any], *, several: bool) -> list[tuple[str, Any]]:
    return [(f"images[{at}]" if several else "images", item) for at, item in enumerate(items)]


def _finish(answer: Answer, count: int) -> GeneratedImages:
    from turnout.tasks.sending import describe

    response = cast("ImageResponse", answer.response)
    if len(response.images) < count:
        what = f"{count} images were asked for, and the provider sent {len(response.images)}: call again for the rest"
        answer.warnings.append(Warning("fewer_results", what))
    told = describe(answer)
    if response.image_input_tokens:  # the catalog has the price of text that goes in, and none of images
        told["cost"] = Cost(output=answer.cost.output)
    return GeneratedImages(images=response.images, revised_prompts=response.revised_prompts, **told)
