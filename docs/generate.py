"""Writes the pages of docs/ that repeat what the code says: `make docs`. A test keeps them up to date."""

import ast
import json
import re
import sys
from pathlib import Path
from typing import Any, cast

sys.path.insert(0, str(Path(__file__).parent.parent))

from contract import log_events
from contract.errors import REGISTRY
from contract.events import SOCKET_NAMESPACE, SOCKET_PATH, Event
from contract.job_failures import JOB_FAILURES
from contract.version import VERSION
from contract.words import TRANSITIONS, EventName, JobState
from gateway.http.app import Operations, public_app

DOCS = Path(__file__).parent
METHODS = ("get", "post", "put", "patch", "delete")
MARK = "<!-- Written by docs/generate.py; change the code, then run: make docs -->\n\n"
NOBODY = cast("Any", None)


def job_states() -> str:
    """The picture of a job's life, from `contract.words.TRANSITIONS`."""
    lines = ["# The life of a job\n", MARK + "```mermaid", "stateDiagram-v2"]
    lines += [f"    [*] --> {state}" for state in (JobState.SCHEDULED, JobState.QUEUED)]
    for before, afters in TRANSITIONS.items():
        lines += [f"    {before} --> {after}" for after in JobState if after in afters]
        lines += [f"    {before} --> [*]"] if before.final else []
    return "\n".join([*lines, "```", ""])


def openapi() -> dict[str, Any]:
    """The gateway's OpenAPI page."""
    parts = dict.fromkeys(Operations.__dataclass_fields__, NOBODY)
    return public_app(Operations(**parts), VERSION).openapi()


def protocol() -> str:
    """Routes, events and errors."""
    page = openapi()
    out = [
        "# The wire\n",
        MARK + f"Version {VERSION}. The machine-readable form is `GET /openapi.json` of a running gateway.",
        "\n## Routes\n",
        "| | path | what it does | body | answer |",
        "|---|---|---|---|---|",
    ]
    for path, methods in sorted(page["paths"].items()):
        for method in METHODS:
            if method in methods:
                out.append(_route(method, path, methods[method]))
    out += ["\n## Models\n"]
    out += [_model(name, schema) for name, schema in sorted(page["components"]["schemas"].items()) if "properties" in schema]
    out += [
        "\n## Events\n",
        f"Socket.IO, path `{SOCKET_PATH}`, namespace `{SOCKET_NAMESPACE}`, websocket only, CONNECT auth `{{token, dpop}}`",
        f"(a proof for `GET` of `<origin>{SOCKET_PATH}/`);",
        "or `GET /api/v1/events?after=<cursor>`. Each event carries:\n",
        *(f"- `{name}` ({_plain(field.annotation)}) {SAID['Event'].get(name, '')}".rstrip() for name, field in Event.model_fields.items()),
        "\nNames: " + ", ".join(f"`{name}`" for name in EventName) + ".",
        "\n## Errors\n",
        "Every failure is `application/problem+json` (RFC 9457) with one of these codes.\n",
        "| code | status | title | what to do |",
        "|---|---|---|---|",
        *(f"| `{code}` | {kind.status} | {kind.title} | {kind.advice} |" for code, kind in sorted(REGISTRY.items())),
        "\n## Why jobs fail\n",
        "`error.code` of a job or an attempt; kinds of third parties bring others. *Retryable*: tried again while attempts are left.",
        "What whoever asked could have avoided breaks no promise of the gateway's (service levels).\n",
        "| code | class | it means | by the asker |",
        "|---|---|---|---|",
        *(f"| `{code}` | {it.kind} | {it.says} | {'yes' if it.asker else ''} |" for code, it in sorted(JOB_FAILURES.items())),
        "",
    ]
    return "\n".join(out)


def _route(method: str, path: str, route: dict[str, Any]) -> str:
    body = route.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    answers = [
        f"{status} {_name(answer.get('content', {}).get('application/json', {}).get('schema', {}))}".strip()
        for status, answer in route["responses"].items()
        if status.isdecimal()
    ]
    summary = route.get("description", "").split("\n", maxsplit=1)[0]
    return f"| {method.upper()} | `{path}` | {summary} | {_name(body)} | {', '.join(answers)} |"


def _model(name: str, schema: dict[str, Any]) -> str:
    required = set(schema.get("required", ()))
    lines = [f"### {name}\n", schema.get("description", "").split("\n", maxsplit=1)[0], "", "| field | type | |", "|---|---|---|"]
    for field, kind in schema["properties"].items():
        said = SAID.get(name, {}).get(field, "")
        default = "required" if field in required else f"default `{json.dumps(kind.get('default'))}`"
        lines.append(f"| `{field}` | {_type(kind)} | {'; '.join(part for part in (default, said) if part)} |")
    return "\n".join([*lines, ""])


def _type(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_type(choice) for choice in schema["anyOf"])
    if "$ref" in schema:
        return _name(schema)
    if "enum" in schema:
        return ", ".join(f"`{word}`" for word in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    limits = [f"{sign} {schema[key]}" for key, sign in (("minimum", ">="), ("exclusiveMinimum", ">"), ("maximum", "<=")) if key in schema]
    limits += [f"at most {schema['maxLength']} characters"] if "maxLength" in schema else []
    return " ".join([schema.get("type", "any"), *limits])


def _name(schema: dict[str, Any]) -> str:
    return f"[{name}](#{name.lower()})" if (name := schema.get("$ref", "").rsplit("/", 1)[-1]) else ""


def _plain(annotation: Any) -> str:
    return getattr(annotation, "__name__", str(annotation))


def _said_of_fields() -> dict[str, dict[str, str]]:
    """Model -> field -> the words under it in contract/. (pydantic could collect them too, but at every start.)"""
    found: dict[str, dict[str, str]] = {}
    for source in (DOCS.parent / "contract").glob("*.py"):
        for node in ast.parse(source.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                for field, below in zip(node.body, node.body[1:], strict=False):
                    match field, below:
                        case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(said))):
                            found.setdefault(node.name, {})[name] = " ".join(said.split())
    return found


GROUPS = {
    "A": "Signatures and sign-in",
    "B": "Pairing",
    "C": "Access tokens",
    "D": "Proofs of possession",
    "E": "Refresh tokens",
    "F": "Engines",
    "G": "Tenancy",
    "H": "Edge: origin, host, proxy",
    "I": "Sockets",
    "J": "Admin, keys, audit, host",
    "K": "SSRF and tools",
    "L": "Rate and abuse",
    "M": "Updates",
}
DOES_NOT_APPLY = {
    "F06": "engine tokens have no scopes of their own: a token is for one installation of one engine",
    "G06": "there is no look-up by trace or request id",
    "J12": "no tunnel client is started yet",
    "J13": "no backup is read yet",
}
ATTACK = re.compile(r"test_([A-M][0-9]{2})_(\w+)")


def security_tests() -> str:
    """Attack -> the tests that carry it out, by their names."""
    found: dict[str, list[str]] = {}
    for source in sorted((DOCS.parent / "tests" / "security").rglob("test_*.py")):
        for node in ast.parse(source.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (named := ATTACK.fullmatch(node.name)):
                words = named[2].replace("_", " ")
                link = f"../{source.relative_to(DOCS.parent)}"
                found.setdefault(named[1], []).append(f"[{words}]({link})")
    out = [
        "# Attacks, and the tests that carry them out\n",
        MARK + "Each test asserts status, problem code, and that nothing else happened.",
    ]
    for group, title in GROUPS.items():
        out += [f"\n## {group}. {title}\n", "| id | what happens |", "|---|---|"]
        out += [f"| {attack} | {'<br>'.join(tests)} |" for attack, tests in sorted(found.items()) if attack[0] == group]
    out += ["\n## What does not apply, and why\n", "| id | why |", "|---|---|"]
    out += [f"| {attack} | {why} |" for attack, why in DOES_NOT_APPLY.items()]
    return "\n".join([*out, ""])


def logs() -> str:
    """Every kind of log line, from `contract.log_events`."""

    def table(fields: dict[str, log_events.LogField]) -> list[str]:
        rows = [f"| `{name}` | {field.type.replace('strings', 'list of string')} | {field.says} |" for name, field in fields.items()]
        return ["| field | type | |", "|---|---|---|", *rows]

    out = [
        "# Log lines\n",
        MARK + "One JSON object a line; [log-line.schema.json](log-line.schema.json) is its JSON Schema (2020-12). What has the form",
        "of a secret is `***`; a field has at most 8 KiB, a line 64 KiB; null stands for what is not known. Where lines go, and how to",
        "read them, is in [operating.md](operating.md#logs).",
        "\n## On every line\n",
        *table(log_events.CORE),
        "\n## On every line of a request or a job, where they apply\n",
        *table(log_events.CONTEXT),
        "\n## Where there is something to say\n",
        *table(log_events.EXTRA),
        "\n## Events\n",
        "| event | level | means | its own fields |",
        "|---|---|---|---|",
        *(
            f"| `{name}` | {', '.join(event.levels)} | {event.says} | {', '.join(f'`{field}`' for field in event.fields)} |"
            for name, event in log_events.EVENTS.items()
        ),
        "\n## Fields of events\n",
        *table(log_events.FIELDS),
        "",
    ]
    return "\n".join(out)


def log_line_schema() -> str:
    """What a line may look like, for programs."""
    return json.dumps(log_events.schema(), indent=1) + "\n"


SAID = _said_of_fields()
PAGES = {
    "job-states.md": job_states,
    "log-line.schema.json": log_line_schema,
    "logs.md": logs,
    "protocol.md": protocol,
    "security-tests.md": security_tests,
}


def main(check: bool) -> int:
    """Write the pages; with `check`, only say which are not what the code says."""
    stale = [name for name, write in PAGES.items() if not (DOCS / name).exists() or (DOCS / name).read_text(encoding="utf-8") != write()]
    for name in stale:
        if check:
            print(f"docs/{name} is out of date: make docs")
        else:
            (DOCS / name).write_text(PAGES[name](), encoding="utf-8")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv))
