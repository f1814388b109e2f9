"""How a server is told the form of replies: the strictest way that it takes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

FORMS = ("json_schema", "json_object", "text")
"""From the strictest: JSON of a schema, which a server with constrained decoding always gives; JSON
of any kind, the schema being said in words; the question alone.
"""


def told(request: Mapping[str, Any], schema: Mapping[str, Any], form: str) -> dict[str, Any]:
    """A request that asks for a reply in a form.

    Args:
        request: model, messages and settings.
        schema: of the JSON object that is wanted.
        form: one of FORMS.
    """
    if form == "json_schema":
        described = {"name": "verdict", "schema": schema, "strict": True}
        return {**request, "response_format": {"type": form, "json_schema": described}}
    if form == "json_object":
        *before, last = request["messages"]
        wanted = f"Reply with a JSON object of this schema: {json.dumps(schema)}"
        said = {**last, "content": f"{last['content']}\n\n{wanted}"}
        return {**request, "messages": [*before, said], "response_format": {"type": form}}
    return dict(request)
