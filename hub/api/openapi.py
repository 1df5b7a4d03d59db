"""The OpenAPI 3.1 document, built from the routes and what `@endpoint` declared; and a page that shows it."""

import base64
import hashlib
import html
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import models_json_schema
from starlette.routing import BaseRoute, Mount, Route

from hub import __version__
from hub.api.body import BodyTimeout
from hub.api.endpoint import Access, Operation, operation_of
from hub.api.resource import Methods
from hub.auth.cookies import ACCESS_COOKIE, cookie_name
from hub.errors import (
    BadRequest,
    Forbidden,
    HubError,
    Invalid,
    NotFound,
    TokenExpired,
    TooLarge,
    TooMany,
    Unauthenticated,
    Unavailable,
    UnsupportedMedia,
    VersionConflict,
)

Json = dict[str, Any]
_REFERENCE = "#/components/schemas/{model}"
_FILE: Json = {"schema": {}}  # of which the media type says enough
_META = {
    "type": "object",
    "required": ["request_id", "next"],
    "properties": {
        "request_id": {"type": "string"},
        "next": {"type": ["string", "null"], "description": "Cursor of the following page of a list."},
    },
}
_ERROR = {
    "type": "object",
    "required": ["status", "data", "error", "meta"],
    "properties": {
        "status": {"const": "error"},
        "data": {"description": "null; of a version conflict the stored object, with what was sent as `sent`"},
        "error": {
            "type": "object",
            "required": ["code", "message", "fields", "error_id"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "fields": {"type": ["object", "null"], "additionalProperties": {"type": "string"}},
                "error_id": {"type": ["string", "null"]},
            },
        },
        "meta": _META,
    },
}


def build_document(routes: Sequence[BaseRoute]) -> Json:
    """Every operation under `routes` that was made by `@endpoint`."""
    found = list(_operations(routes))
    models = [(model, "validation") for _, _, op in found for model in (op.body, op.query) if model is not None]
    models += [
        (model, "serialization") for _, _, op in found for data in op.returns.values() for model in _models(data)
    ]
    _, definitions = models_json_schema(list(dict.fromkeys(models)), ref_template=_REFERENCE)  # type: ignore[arg-type]
    paths: dict[str, Json] = {}
    for path, method, operation in found:
        paths.setdefault(path, {})[method.lower()] = _describe(path, operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Status Hub",
            "version": __version__,
            "description": "Every answer has the same four keys: status, data, error, meta.",
        },
        "paths": paths,
        "components": {
            "schemas": {**definitions.get("$defs", {}), "Error": _ERROR},
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An access token, or a machine's key (`hub_…`) where its scopes allow.",
                },
                "cookie": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": ACCESS_COOKIE,
                    "description": f"Under https its name is `{cookie_name(ACCESS_COOKIE, 'https:')}`.",
                },
            },
        },
    }


def _operations(routes: Sequence[BaseRoute], prefix: str = "") -> Iterator[tuple[str, str, Operation]]:
    for route in routes:
        if isinstance(route, Mount):
            yield from _operations(route.routes, prefix + route.path)
        elif isinstance(route, Route) and isinstance(route.endpoint, Methods):
            for method, view in route.endpoint.views.items():
                operation = operation_of(view)
                if operation is not None:
                    yield prefix + route.path_format, method, operation


def _models(data: Any) -> list[type[BaseModel]]:
    """The models named by `Model`, `list[Model]` or None."""
    found = [data, *getattr(data, "__args__", ())]
    return [item for item in found if isinstance(item, type) and issubclass(item, BaseModel)]


def _describe(path: str, operation: Operation) -> Json:
    summary, _, rest = operation.description.partition("\n\n")
    described: Json = {
        "operationId": operation.name,
        "summary": summary.replace("\n", " ").rstrip("."),
        "description": rest,
        "tags": [_tag(path)],
        "parameters": [*_path_parameters(path), *_query_parameters(operation), *_header_parameters(operation)],
        "responses": _responses(path, operation),
    }
    if operation.access in {Access.ACCOUNT, Access.SIGNED_IN}:
        described["security"] = [{"bearer": []}, {"cookie": []}]
    elif operation.access is Access.ANYONE:
        described["security"] = [{}, {"bearer": []}, {"cookie": []}]
    if operation.body is not None:
        schema = {"$ref": _REFERENCE.format(model=operation.body.__name__)}
        described["requestBody"] = {
            "required": not operation.body_may_be_empty,
            "content": {"application/json": {"schema": schema}},
        }
    elif operation.takes:
        described["requestBody"] = {"required": True, "content": dict.fromkeys(operation.takes, _FILE)}
    return described


def _tag(path: str) -> str:
    """`incidents` of `/api/v1/pages/{slug}/incidents/{incident_id}`, `me` of `/api/v1/me/sessions`."""
    _, _, _, first, *rest = path.split("/")
    return rest[1] if first == "pages" and len(rest) > 1 else first


def _path_parameters(path: str) -> list[Json]:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def _query_parameters(operation: Operation) -> list[Json]:
    if operation.query is None:
        return []
    schema = operation.query.model_json_schema(ref_template=_REFERENCE)
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": item}
        for name, item in schema["properties"].items()
    ]


def _header_parameters(operation: Operation) -> list[Json]:
    if VersionConflict not in operation.errors:
        return []
    return [
        {
            "name": "If-Match",
            "in": "header",
            "required": False,
            "description": "The ETag that the object had when it was read; of an update that of what it belongs to.",
            "schema": {"type": "string", "examples": ['"3"']},
        }
    ]


def _responses(path: str, operation: Operation) -> Json:
    described: Json = {}
    for status, data in operation.returns.items():
        content = {operation.gives: _FILE} if operation.gives else _json_content(_success(data))
        described[str(status)] = {"description": "Success", "content": content}
    errors: set[type[HubError]] = {TooMany, Unavailable, *operation.errors}
    if operation.access in {Access.ACCOUNT, Access.SIGNED_IN}:
        errors |= {Unauthenticated, TokenExpired}
    if operation.access is Access.ACCOUNT:
        errors.add(Forbidden)
    if VersionConflict in operation.errors:
        errors.add(BadRequest)  # an If-Match that no ETag is
    if operation.takes:
        errors |= {BadRequest, BodyTimeout, TooLarge, Invalid}
    if operation.body is not None:
        errors |= {BadRequest, BodyTimeout, TooLarge, UnsupportedMedia, Invalid}
    if operation.query is not None:
        errors.add(Invalid)
    if "{" in path:
        errors.add(NotFound)
    by_status: dict[int, list[str]] = {}
    for error in errors:
        by_status.setdefault(error.http_status, []).append(error.code)
    for status, codes in sorted(by_status.items()):
        content = _json_content({"$ref": _REFERENCE.format(model="Error")})
        described[str(status)] = {"description": "Error: " + ", ".join(sorted(codes)), "content": content}
    return described


def _success(data: Any) -> Json:
    return {
        "type": "object",
        "required": ["status", "data", "error", "meta"],
        "properties": {
            "status": {"const": "success"},
            "data": _data_schema(data),
            "error": {"type": "null"},
            "meta": _META,
        },
    }


def _data_schema(data: Any) -> Json:
    if data is None:
        return {"type": "null"}
    models = _models(data)
    if models and models[0] is data:
        return {"$ref": _REFERENCE.format(model=models[0].__name__)}
    if models:
        return {"type": "array", "items": {"$ref": _REFERENCE.format(model=models[0].__name__)}}
    return TypeAdapter(data).json_schema()


def _json_content(schema: Mapping[str, Any]) -> Json:
    return {"application/json": {"schema": schema}}


def render_docs(document: Json) -> str:
    """The document as one HTML page without scripts."""
    sections = [
        f'<section><h2><code class="{method}">{method.upper()}</code> {html.escape(path)}</h2>'
        f"<p>{html.escape(operation['summary'])}.</p>{_paragraph(operation['description'])}"
        f"{_details('Body', _body_schema(operation, document))}{_answers(operation)}</section>"
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]
    schemas = "".join(
        f'<section id="{html.escape(name)}"><h3>{html.escape(name)}</h3>{_pre(schema)}</section>'
        for name, schema in sorted(document["components"]["schemas"].items())
    )
    info = document["info"]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{html.escape(info['title'])} API</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{html.escape(info['title'])} API</h1>"
        f'<p>{html.escape(info["description"])} <a href="/api/openapi.json">openapi.json</a></p>'
        f"{''.join(sections)}<h2>Schemas</h2>{schemas}</main></body></html>"
    )


def _body_schema(operation: Json, document: Json) -> Json | None:
    body = operation.get("requestBody")
    if body is None:
        return None
    if "application/json" not in body["content"] or "$ref" not in body["content"]["application/json"]["schema"]:
        content: Json = body["content"]  # a file
        return content
    name = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    schema: Json = document["components"]["schemas"][name]
    return schema


def _answers(operation: Json) -> str:
    rows = "".join(
        f"<li><b>{status}</b> {html.escape(answer['description'])}</li>"
        for status, answer in operation["responses"].items()
    )
    return f"<ul>{rows}</ul>"


def _paragraph(text: str) -> str:
    return f"<p>{html.escape(text)}</p>" if text else ""


def _details(title: str, schema: Json | None) -> str:
    return f"<details><summary>{title}</summary>{_pre(schema)}</details>" if schema is not None else ""


def _pre(schema: Json | None) -> str:
    return f"<pre>{html.escape(msgspec.json.format(msgspec.json.encode(schema)).decode())}</pre>"


_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}
h2{font-size:1.05rem;border-top:1px solid #8886;padding-top:1rem}pre{overflow-x:auto;font-size:.85rem}
code{padding:.1rem .4rem;border-radius:.3rem;background:#8883}
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
DOCS_POLICY = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; frame-ancestors 'none'"
