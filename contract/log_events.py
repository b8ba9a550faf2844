"""Every kind of log line: its name, its levels, its fields. `docs/logs.md` and `docs/log-line.schema.json` are drawn from here.

A test holds the calls in the source against this list, and every line that the test suite produces against the schema.
"""

from dataclasses import dataclass
from typing import Any, Final

DEBUG, INFO, WARNING, ERROR, CRITICAL = LEVELS = ("debug", "info", "warning", "error", "critical")


@dataclass(frozen=True, slots=True)
class LogField:
    """One field, which means the same wherever it stands."""

    type: str
    """JSON Schema's word, or `strings` for a list of them. Null is always allowed: the value is not known."""
    says: str


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One kind of line."""

    levels: tuple[str, ...]
    fields: tuple[str, ...]
    says: str


CORE: Final = {
    "at": LogField("string", "When, RFC 3339 in UTC with milliseconds."),
    "level": LogField("string", "How much it matters."),
    "source": LogField("string", "Which part of the program said it; of `library.said`, the library's logger."),
    "event": LogField("string", "What kind of line it is."),
}
"""On every line."""
CONTEXT: Final = {
    "trace_id": LogField("string", "The W3C trace of the request or job."),
    "request_id": LogField("string", "The answer's `X-Request-Id`."),
    "ip": LogField("string", "The address that asked, as its listener knows it."),
    "user_id": LogField("string", "Who asked, once that was proven."),
    "engine_id": LogField("string", "The engine that asked, or that it is about."),
    "job_id": LogField("string", "The job that is acted on."),
}
"""On every line of a request or a job to which they apply."""
EXTRA: Final = {
    "exception": LogField("string", "The traceback of what went wrong."),
    "stack": LogField("string", "Where a library was when it said so."),
    "cut": LogField("strings", "Fields that were left out because the line was too long."),
}
"""On any line, when there is something to say."""
FIELDS: Final = {
    "about": LogField("string", "Which alarm."),
    "address": LogField("string", "Where it listens."),
    "advice": LogField("string", "What to do."),
    "after": LogField("integer", "The number of slots from now on."),
    "ahead_s": LogField("number", "How far this machine's clock is ahead of the gateway's (seconds)."),
    "audit_event": LogField("string", "What could not be written down."),
    "before": LogField("integer", "The number of slots until now."),
    "bytes": LogField("integer", "How large it is."),
    "code": LogField("string", "The problem's code, or SQLite's name of the error."),
    "detail": LogField("string", "The problem in words."),
    "dropped": LogField("integer", "Spans that were given up since the start."),
    "error": LogField("string", "The class of the error."),
    "expired": LogField("integer", "Jobs that nobody claimed in time."),
    "file": LogField("string", "Name of the file."),
    "gateway_id": LogField("string", "The key by which the gateway is known."),
    "given_back": LogField("integer", "Jobs given back unfinished."),
    "ingress": LogField("string", "The listener: loopback, lan, tunnel or admin."),
    "installation": LogField("string", "Name of the machine's installation."),
    "instance": LogField("string", "The process that serves an engine."),
    "instances": LogField("integer", "How many instances were told to stop."),
    "jobs": LogField("strings", "Ids of jobs."),
    "keys": LogField("strings", "Ids of keys: 16 hex digits of their SHA-256."),
    "kid": LogField("string", "Id of the signing key."),
    "kind": LogField("string", "Kind of the job."),
    "kinds": LogField("strings", "Kinds of jobs that are served."),
    "lan_address": LogField("string", "Where the local network is served, if it is."),
    "latency_ms": LogField("number", "From the request's head to the answer's end (milliseconds)."),
    "lines": LogField("integer", "How many lines."),
    "lost": LogField("integer", "Leases that were not renewed."),
    "message": LogField("string", "What a library, or a server of tools, said in its own words."),
    "method": LogField("string", "Of the HTTP request."),
    "model": LogField("string", "A model, as `provider/model`."),
    "models": LogField("integer", "Number of models and aliases."),
    "name": LogField("string", "Name of the engine, of a server of tools, or of a kind."),
    "offer": LogField("string", "Id of the pairing offer."),
    "outcome": LogField("string", "How the attempt ended."),
    "paths": LogField("strings", "Files and folders."),
    "pid": LogField("integer", "Id of a process."),
    "provider": LogField("string", "A provider, by its name in the settings."),
    "reason": LogField("string", "Why."),
    "records": LogField("integer", "Audit records."),
    "route": LogField("string", "The route's template, not its path: no ids, no user's words."),
    "seconds": LogField("number", "For so long."),
    "slept_s": LogField("number", "How long the machine slept (seconds)."),
    "slo": LogField("string", "Which promise."),
    "slots": LogField("integer", "Jobs that run at once."),
    "spans": LogField("integer", "How many spans."),
    "spooled": LogField("integer", "Reports that the gateway has not acknowledged."),
    "state": LogField("string", "How it is."),
    "status": LogField("integer", "Of the HTTP answer; null when none was sent."),
    "target": LogField("number", "What was promised."),
    "thread": LogField("string", "Name of the thread."),
    "tools": LogField("integer", "Number of tools."),
    "unsent": LogField("integer", "Events that wait for a slow socket."),
    "users": LogField("integer", "How many users."),
    "value": LogField("number", "What was measured."),
    "version": LogField("string", "Of the program."),
    "wait_s": LogField("number", "Until the next try (seconds)."),
    "what": LogField("string", "What is wrong, and what to do."),
    "where": LogField("string", "In what it happened."),
    "why": LogField("string", "Why a job was stopped: cancel, give_back or let_go."),
}
"""Fields of single events."""


def _on(levels: str, fields: str, says: str) -> LogEvent:
    return LogEvent(tuple(levels.split()), tuple(fields.split()), says)


EVENTS: Final = {
    "audit.alarm": _on(ERROR, "about reason", "The owner should look at the audit log; shown in `flowork status` until it is over."),
    "audit.alarm_over": _on(INFO, "about", "That is over."),
    "audit.pruned": _on(INFO, "records", "Audit records older than 90 days were forgotten."),
    "audit.stop_unwritten": _on(ERROR, "", "The stop could not be written into the audit log."),
    "audit.write_failed": _on(ERROR, "reason audit_event", "An act was refused because it could not be written down."),
    "desk.act_failed": _on(ERROR, "", "What a window asked for failed in a way that nobody foresaw."),
    "desk.started": _on(INFO, "version", "The tray application runs."),
    "desk.stuck": _on(CRITICAL, "seconds", "The program did not end in time; the stacks of all threads were written beside the log."),
    "desk.work_failed": _on(ERROR, "what", "Something that the desktop does all the time ended because of a fault."),
    "endpoint.broke": _on(ERROR, "", "The public endpoint ended because of a fault; this machine is served as before."),
    "endpoint.down": _on(WARNING, "reason wait_s", "The tunnel client ended or lost its connections; it is started again."),
    "endpoint.failed": _on(ERROR, "reason", "The public endpoint needs somebody: trying again does not help."),
    "endpoint.is": _on(INFO, "state reason", "The public endpoint is now so."),
    "endpoint.orphan_ended": _on(WARNING, "pid", "A tunnel client that an earlier run had left behind was ended."),
    "endpoint.started": _on(INFO, "kind pid", "A tunnel client was started."),
    "engine.claim_failed": _on(WARNING, "code detail wait_s", "The gateway gave no answer, or a refusal, to a claim."),
    "engine.clock_off": _on(WARNING, "ahead_s advice", "This machine's clock differs from the gateway's."),
    "engine.connected": _on(INFO, "instance", "The gateway knows this instance."),
    "engine.deaf": _on(WARNING, "instance", "An instance's heart beats, but it asks for no work: restart it."),
    "engine.drained": _on(INFO, "given_back spooled", "An engine has finished or given back what it held."),
    "engine.enrolled": _on(INFO, "name installation", "This machine serves an engine from now on."),
    "engine.heartbeat_failed": _on(WARNING, "code", "A heartbeat did not arrive."),
    "engine.job_stopped": _on(INFO, "why", "A running job is stopped."),
    "engine.jobs_not_returned": _on(WARNING, "", "Jobs of a revoked token stay with it until their lease ends."),
    "engine.let_go": _on(WARNING, "jobs", "Jobs are stopped here because their leases were not renewed in time."),
    "engine.offer_refused": _on(WARNING, "code detail", "The gateway did not take what the engine offers; it is told again when it asks."),
    "engine.offered": _on(INFO, "version models tools", "The gateway was told which models and tools the engine has."),
    "engine.output_refused": _on(WARNING, "code", "What a job said was not taken."),
    "engine.report_refused": _on(WARNING, "outcome code", "How an attempt ended was not taken: it had lost its lease."),
    "engine.rotation_overdue": _on(WARNING, "installation", "A machine was told to rotate its token and does not."),
    "engine.scaled": _on(INFO, "before after reason", "The number of slots changed."),
    "engine.started": _on(INFO, "instance slots kinds", "An engine begins to ask for work."),
    "engine.stopping": _on(INFO, "", "An engine was told to stop: it finishes what runs."),
    "engine.token_not_read": _on(WARNING, "reason", "The file or keyring of the token cannot be read; the known one goes on working."),
    "engine.token_not_rotated": _on(WARNING, "code detail", "The token could not be replaced; it is tried again."),
    "engine.token_rotated": _on(INFO, "", "A new token was stored, and the gateway has seen it."),
    "engine.token_rotates_elsewhere": _on(INFO, "", "Another process of this machine replaces the token."),
    "engine.token_trouble": _on(ERROR, "what", "A new token cannot be kept, or the token was refused."),
    "engine.whitelist": _on(INFO, "users", "The users for whom the engine may work."),
    "engine.whitelist_not_fetched": _on(INFO, "code", "They are asked for again at the next job."),
    "engine_tokens.not_tidied": _on(WARNING, "code", "Old engine tokens are forgotten later."),
    "gateway.ready": _on(INFO, "address lan_address gateway_id version", "The gateway serves."),
    "gateway.stopping": _on(INFO, "", "The gateway stops serving."),
    "host.failed": _on(ERROR, "", "Gateway or engine ended because of a fault; the tray says so and stays."),
    "host.closed_to_others": _on(WARNING, "paths", "Others could read these files; not any more."),
    "host.serves_again": _on(ERROR, "", "The program that wanted to take over failed; this one serves again."),
    "host.stopped": _on(INFO, "reason given_back spooled", "`flowork serve` has stopped."),
    "http.request": _on(
        "debug info warning",
        "method route status latency_ms ingress",
        "A request was answered. Warning: 5xx. Info: a known user, or the owner, changed something or was refused to. Debug: all else.",
    ),
    "http.unexpected": _on(ERROR, "route", "A request met a fault of the gateway."),
    "job.exception": _on(ERROR, "kind", "A job's handler raised what it should not."),
    "job.user_not_allowed": _on(WARNING, "", "A job was refused because the engine may not work for its user."),
    "kinds.not_loaded": _on(ERROR, "name reason", "A kind of an installed package is not served; the others are."),
    "keys.locked": _on(WARNING, "", "The keyring is locked: `flowork secrets unlock`."),
    "keys.private_half_left": _on(WARNING, "kid", "The private half of an old signing key could not be deleted."),
    "keys.waits": _on(WARNING, "code", "The signing keys could not be looked after; it is tried again."),
    "levels.not_kept": _on(WARNING, "code", "A minute of the charts could not be kept."),
    "levels.was_down": _on(WARNING, "seconds", "The gateway had ended without a word; the time since counts as down."),
    "library.said": _on("debug info warning error critical", "message", "A warning of a library, or of the asyncio loop."),
    "log.failed": _on("debug info warning error critical", "error", "A line could not be rendered; this stands in its place."),
    "logs.lines_lost": _on(WARNING, "lines", "So many lines before this one were dropped: the disk was too slow, full or away."),
    "logs.not_written": _on(WARNING, "reason", "The log file cannot be written; it is tried again every 5 s."),
    "machine.woke": _on(INFO, "slept_s", "The machine slept."),
    "metrics.put_aside": _on(WARNING, "reason", "metrics.db could not be used; a new one was begun."),
    "notices.not_shown": _on(WARNING, "reason", "The desktop shows no notices; said once, until one is shown again."),
    "notices.not_withdrawn": _on(DEBUG, "reason", "A notice had been closed already, or could not be taken away."),
    "pairing.second_claim": _on(WARNING, "offer", "Two devices came with one pairing code: somebody else has seen it."),
    "program.failed": _on(CRITICAL, "", "The program ends because of a fault."),
    "program.unraisable": _on(ERROR, "where", "Something failed where nobody could be told."),
    "metrics.sent_again": _on(INFO, "", "The collector takes the metrics again."),
    "metrics.unsent": _on(WARNING, "status", "The collector did not take the metrics; said once, until it takes them again."),
    "provider.not_listed": _on(WARNING, "provider code", "A provider did not tell its models; it is asked again."),
    "provider.passed_over": _on(INFO, "model code", "A model failed, and the next one of its alias is asked, if there is one."),
    "provider.tried_again": _on(INFO, "model code wait_s", "A call to a provider failed and is made again."),
    "queue.reaped": _on(INFO, "lost expired", "Leases ran out, or jobs expired."),
    "rehearsal.failed": _on(ERROR, "", "The new version failed on a copy of the data; nothing was changed."),
    "rollout.not_rolled_back": _on(ERROR, "code", "A worse version could not be stopped; it is tried again."),
    "rollout.promoted": _on(INFO, "version", "A version is the engine's from now on."),
    "rollout.rolled_back": _on(WARNING, "version reason instances", "A version was stopped."),
    "shard.not_closed": _on(ERROR, "code", "A queue's file could not be closed; it stays open."),
    "shard.refused": _on(ERROR, "reason", "A queue's file cannot be used; it was left untouched."),
    "slo.burns": _on(WARNING, "slo value target", "A promise is missed."),
    "slo.well": _on(INFO, "slo value target", "It has been kept again for a minute."),
    "snapshot.left_out": _on(WARNING, "file reason", "A database could not be copied for the rehearsal."),
    "socket.packet_refused": _on(WARNING, "reason", "A live socket sent what it may not; at most one line a minute and address."),
    "socket.too_slow": _on(WARNING, "unsent", "A live socket did not read; it was closed and may come back with its cursor."),
    "spans.lost": _on(WARNING, "spans", "At the stop, spans had not reached the collector."),
    "spans.refused": _on(WARNING, "status spans", "The collector refused spans for good."),
    "spans.sent_again": _on(INFO, "dropped", "The collector takes spans again."),
    "spans.unsent": _on(WARNING, "reason", "The collector does not take spans; said once, until it takes them again."),
    "store.listener_failed": _on(ERROR, "", "A committed change could not be told on; it is kept."),
    "store.write_failed": _on(ERROR, "reason code", "SQLite refused a write."),
    "tools.server_failed": _on(WARNING, "name reason wait_s", "A server of tools cannot be reached, or has ended; it is tried again."),
    "tools.server_said": _on(INFO, "name message", "A line that a server of tools wrote to standard error; not all, when there are many."),
    "thread.failed": _on(ERROR, "thread", "A thread ended because of a fault."),
    "update.broke": _on(ERROR, "", "The daily look for a newer version ended because of a fault; everything else goes on."),
    "update.check_failed": _on(WARNING, "reason", "A look for a newer version found nothing to believe; nothing of it was used."),
    "update.fetched": _on(INFO, "version bytes", "The file of a newer version is here, whole and verified."),
    "update.keys_changed": _on(WARNING, "keys", "A manifest that a trusted key has signed names the keys that are trusted from now on."),
    "update.keys_unusable": _on(ERROR, "reason", "The release keys of this build cannot be read: it is damaged."),
    "update.known": _on(INFO, "version", "There is a newer version; said once for each."),
    "update.not_fetched": _on(WARNING, "version reason", "The file of a newer version could not be fetched, or was refused."),
    "update.not_written": _on(WARNING, "reason", "Something about updates could not be written into the data folder."),
    "update.started": _on(INFO, "version", "The setup of a newer version was started; it replaces this program."),
    "update.state_unreadable": _on(WARNING, "reason", "What was known of updates cannot be read; it is begun anew."),
}


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of one line. Fields that an event does not name are not allowed on it."""
    known = {**CORE, **CONTEXT, **EXTRA, **FIELDS}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A log line of Flowork",
        "type": "object",
        "required": list(CORE),
        "properties": {name: _property(name, field) for name, field in sorted(known.items())},
        "additionalProperties": False,
        "allOf": [_rule(name, event) for name, event in sorted(EVENTS.items())],
    }


def _property(name: str, field: LogField) -> dict[str, Any]:
    match name:
        case "at":
            return {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$", "description": field.says}
        case "level":
            return {"enum": list(LEVELS), "description": field.says}
        case "event":
            return {"enum": sorted(EVENTS), "description": field.says}
        case "source":
            return {"type": "string", "description": field.says}
        case _ if field.type == "strings":
            return {
                "type": ["array", "string", "null"],
                "items": {"type": "string"},
                "description": f"{field.says} A very long list is one text.",
            }
        case _:
            return {"type": [field.type, "null"], "description": field.says}


def _rule(name: str, event: LogEvent) -> dict[str, Any]:
    allowed = [*CORE, *CONTEXT, *EXTRA, *event.fields]
    return {
        "if": {"properties": {"event": {"const": name}}},
        "then": {"properties": {"level": {"enum": list(event.levels)}}, "propertyNames": {"enum": allowed}},
    }
