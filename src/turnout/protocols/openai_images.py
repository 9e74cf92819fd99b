"""The wire format of OpenAI's images, as many others speak it.

Source: OpenAI's OpenAPI description, `POST /images/generations` (JSON) and `POST /images/edits` (a form, for requests
that hold images). An image comes as base64 or as a URL, whichever the provider sends.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from turnout.errors import InvalidInputError
from turnout.media import sniff_media_type
from turnout.messages import Image, Message
from turnout.protocols.answer_bodies import refuse
from turnout.protocols.errors import decode_error
from turnout.protocols.json_reading import as_count, as_text, is_array, is_object, objects, try_read_json
from turnout.protocols.media_bytes import read_media
from turnout.protocols.multipart import FormFile
from turnout.protocols.task_answers import raise_foreign, read_base64, read_token_usage
from turnout.protocols.task_fields import TaskFields
from turnout.requests import ImageRequest
from turnout.responses import ImageResponse

if TYPE_CHECKING:
    from turnout.protocols import EncodedRequest
    from turnout.requests import ModelRequest
    from turnout.routing.route import Route

__all__ = ["decode", "decode_error", "encode"]

_LINK = re.compile(r"https?://", re.IGNORECASE)
_MAKING, _CHANGING = "/images/generations", "/images/edits"


def encode(request: ModelRequest, route: Route, dropped: frozenset[str] = frozenset()) -> EncodedRequest:
    """Return an `ImageRequest` as the bytes to send: JSON, or a form where it holds images to be changed.

    Raises `InvalidInputError` for any other request, an image that is not at hand, and what JSON cannot hold.
    """
    if not isinstance(request, ImageRequest):
        raise InvalidInputError(f"`{route.asked}` is at an endpoint for images: call `generate_image` with it")
    fields = TaskFields(route, dropped)
    fields.put("prompt", "".join([message.text for message in request.messages]))
    fields.put_setting("count", request.count if request.count != 1 else None, "n")
    for name in ("size", "quality", "output_format", "background"):
        fields.put_setting(name, getattr(request, name))
    given = [part for message in request.messages for part in message.content if isinstance(part, Image)]
    if not given:
        return fields.encode_json(request)
    name = "image" if len(given) == 1 else "image[]"
    files = [(name, _make_file(image, f"image {index}", f"image-{index}")) for index, image in enumerate(given, 1)]
    if request.mask is not None:
        files.append(("mask", _make_file(request.mask, "mask", "mask")))
    path, mark, query = route.url.partition("?")
    return fields.encode_form(request, files, path.removesuffix(_MAKING) + _CHANGING + mark + query)


def _make_file(image: Image, where: str, name: str) -> FormFile:
    media_type, data = read_media(image, where)
    return FormFile(f"{name}.{media_type.partition('/')[2]}", data, media_type)


def decode(body: bytes, route: Route) -> ImageResponse:
    """Return the images in the `body` of a 200.

    Raises `ResponseError` for a body that is no answer, and for an error inside it the `APIStatusError` that its code
    stands for.
    """
    value = try_read_json(body)
    if not is_object(value) or not is_array(value.get("data")) or value.get("error"):
        raise_foreign(body, route, "images", "images")
    items = objects(value["data"])
    images = [_read_image(item, value, body, route) for item in items]
    if not images:
        raise refuse("no image", body, route)
    usage = value.get("usage")
    details: Any = usage.get("input_tokens_details") if is_object(usage) else None
    return ImageResponse(
        message=Message("assistant", [*images]),
        finish_reason="stop",
        raw=body,
        usage=read_token_usage(usage),
        id=as_text(value.get("id")),
        model=as_text(value.get("model")),
        images=images,
        revised_prompts=[as_text(item.get("revised_prompt")) for item in items],
        image_input_tokens=as_count(details.get("image_tokens")) if is_object(details) else None,
    )


def _read_image(item: dict[str, Any], answer: dict[str, Any], body: bytes, route: Route) -> Image:
    written, url = item.get("b64_json"), item.get("url")
    if not written and isinstance(url, str) and url:
        if _LINK.match(url):
            return Image(url=url)
        if url[:5].lower() != "data:":
            raise refuse("an image at a URL that is neither http nor https", body, route)
        written = url
    data = read_base64(written, "an image", body, route) if isinstance(written, str) else b""
    if not data:
        raise refuse("an image that has neither bytes nor a URL", body, route)
    form = as_text(item.get("output_format")) or as_text(answer.get("output_format"))
    told = None if form is None else "image/svg+xml" if form == "svg" else f"image/{form}"
    return Image(data=data, media_type=sniff_media_type(data) or told)
