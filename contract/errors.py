"""Every failure that crosses a border, once.

`FloworkError` and its leaves are raised inside; `gateway/http/problems.py` renders them as RFC 9457 problem+json;
`from_problem` turns a received problem back into the same class. `code` is stable, `title` and `detail` are for people.
"""

from collections.abc import Mapping
from math import ceil
from typing import Any, ClassVar, Final

REGISTRY: Final[dict[str, type["FloworkError"]]] = {}
NOT_EXTRA: Final = frozenset({"type", "title", "status", "code", "detail", "request_id", "retry_after", "retry_after_s", "self"})


class FloworkError(Exception):
    """A failure with a stable code and a word on what to do.

    Args:
        detail: what happened and what to do, for a person; None takes the class's `advice`.
        retry_after_s: seconds after which trying again makes sense; None where it does not apply.
        extra: further members of the problem document, JSON scalars.
    """

    code: ClassVar[str] = "internal.error"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Something went wrong inside Flowork"
    advice: ClassVar[str] = "Try again; if it stays, look for the request id in the log."
    default_retry_after_s: ClassVar[float | None] = None

    def __init__(self, detail: str | None = None, *, retry_after_s: float | None = None, **extra: str | float | bool) -> None:
        self.detail = detail or self.advice
        wait = retry_after_s if retry_after_s is not None else self.default_retry_after_s
        self.retry_after_s = None if wait is None else max(1, ceil(wait))
        self.extra = extra
        super().__init__(f"{self.code}: {self.detail}")

    def __init_subclass__(cls) -> None:
        if "code" in cls.__dict__:
            REGISTRY[cls.code] = cls

    def problem(self, request_id: str | None = None) -> dict[str, Any]:
        """The problem document, `Problem` in `contract/jobs.py`."""
        document: dict[str, Any] = {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            **self.extra,
        }
        if request_id is not None:
            document["request_id"] = request_id
        if self.retry_after_s is not None:
            document["retry_after"] = self.retry_after_s
        return document


def from_problem(document: Mapping[str, Any], status: int) -> FloworkError:
    """Rebuild the error that a problem document describes; an unknown code gives a `FloworkError` with that code."""
    code = document.get("code")
    code = code if isinstance(code, str) else f"http.{status}"
    kind = REGISTRY.get(code)
    if kind is None:
        kind = type("UnknownProblem", (FloworkError,), {"status": status, "title": str(document.get("title", ""))})
        kind.code = code
    retry_after = document.get("retry_after")
    extra = {key: value for key, value in document.items() if key not in NOT_EXTRA and isinstance(value, str | int | float)}
    return kind(str(document.get("detail") or "") or None, retry_after_s=retry_after if isinstance(retry_after, int) else None, **extra)


class RequestInvalid(FloworkError):
    code, status, title = "request.invalid", 400, "The request is not valid"
    advice = "Correct the fields named and send it again."


class CursorInvalid(RequestInvalid):
    code, title = "request.cursor_invalid", "The cursor is not one of ours"
    advice = "Pass a cursor as it was received, or none to begin anew."


class RouteUnknown(FloworkError):
    code, status, title = "request.route_unknown", 404, "Nothing answers at this address"
    advice = "Check the path; /openapi.json lists them."


class MethodNotAllowed(FloworkError):
    code, status, title = "request.method_not_allowed", 405, "This address does not take that method"
    advice = "The Allow header lists the methods it takes."


class BodyTooLarge(FloworkError):
    code, status, title = "request.body_too_large", 413, "The body is too large"
    advice = "Send less; limits are in docs/protocol.md."


class MediaTypeUnsupported(FloworkError):
    code, status, title = "request.media_type_unsupported", 415, "Only plain JSON bodies are taken"
    advice = "Send Content-Type: application/json without Content-Encoding."


class RequestMalformed(FloworkError):
    code, status, title = "request.malformed", 400, "This is not HTTP/1.1 as it is taken here"
    advice = "Send header lines that end with CRLF and are not folded, one Host, and one way of telling the body's length."


class BadHeader(FloworkError):
    code, status, title = "request.bad_header", 400, "A header is missing, doubled or not plain ASCII"
    advice = "Send each of the headers that name a caller once, in plain ASCII."


class BadPath(FloworkError):
    code, status, title = "request.bad_path", 400, "The path is not acceptable"
    advice = "Send an absolute path without '..', encoded slashes or control characters."


class PathTooLong(FloworkError):
    code, status, title = "request.path_too_long", 414, "The path is too long"
    advice = "Paths have at most 2 KiB."


class HeadersTooLarge(FloworkError):
    code, status, title = "request.headers_too_large", 431, "The headers are too large"
    advice = "Send at most 100 header lines and 16 KiB in all."


class RequestTooSlow(FloworkError):
    code, status, title = "request.too_slow", 408, "The request did not arrive in time"
    advice = "Send it again on a new connection, without pauses between its parts."


class HostNotAllowed(FloworkError):
    code, status, title = "request.host_not_allowed", 421, "This gateway does not go by that host name"
    advice = "Use an address the gateway prints at its start."


class ForwardedNotAllowed(FloworkError):
    code, status, title = "request.forwarded_not_allowed", 400, "Forwarding headers are not taken here"
    advice = "Call the gateway directly, without a proxy that adds X-Forwarded-* or Forwarded."


class OriginNotAllowed(FloworkError):
    code, status, title = "origin.not_allowed", 403, "Pages of this origin may not use the gateway"
    advice = "Add the origin to gui_origins in config.toml if it is yours."


class NavigationNotAllowed(FloworkError):
    code, status, title = "origin.navigation_not_allowed", 403, "The API is not a page to open or to embed"
    advice = "Call it with fetch() in cors mode, or from a program."


class AddressThrottled(FloworkError):
    code, status, title = "rate.ip", 429, "Too many requests from this address"
    advice = "Send it again after Retry-After, and fewer at a time."
    default_retry_after_s = 1


class UserThrottled(FloworkError):
    code, status, title = "rate.user", 429, "Too many requests by this user"
    advice = "Send it again, with the same key, after Retry-After; jobs:batch takes up to 500 jobs in one request."
    default_retry_after_s = 1


class SubmitsThrottled(FloworkError):
    code, status, title = "rate.submits", 429, "Jobs come in faster than the engines can serve them"
    advice = "Nothing was queued. Send the whole request again, with the same keys, after Retry-After."
    default_retry_after_s = 1


class EngineThrottled(FloworkError):
    code, status, title = "rate.engine", 429, "Too many requests by this engine"
    advice = "Wait for Retry-After; the allowance grows with the slots that its instances announce."
    default_retry_after_s = 1


class SignInThrottled(FloworkError):
    code, status, title = "rate.sign_in", 429, "Too many attempts to sign in or to pair"
    advice = "Wait for Retry-After, then try again."
    default_retry_after_s = 1


class TooManyConnections(FloworkError):
    code, status, title = "rate.connections", 429, "Too many connections from this address"
    advice = "Close some, or use them again: connections are kept alive."
    default_retry_after_s = 1


class TooManySockets(FloworkError):
    code, status, title = "rate.sockets", 429, "Too many live sockets"
    advice = "Close one first, for example another tab, or read GET /api/v1/events instead."
    default_retry_after_s = 10


class SocketTransportRefused(FloworkError):
    code, status, title = "socket.transport_refused", 400, "Only WebSocket with Engine.IO 4 is served here"
    advice = 'Connect with transports: ["websocket"] and a Socket.IO client of version 4.'


class IdempotencyKeyMissing(FloworkError):
    code, status, title = "idempotency.key_missing", 400, "A submit needs an Idempotency-Key"
    advice = "Make a random key before sending, keep it until an answer came, and send it as the Idempotency-Key header."


class IdempotencyKeyReused(FloworkError):
    code, status, title = "idempotency.key_reused", 422, "This Idempotency-Key belongs to another request"
    advice = "Use a new key for a new job; repeat a key only with the same body."


class AuthenticationMissing(FloworkError):
    code, status, title = "auth.missing", 401, "Sign in first"
    advice = "Send the access token as Authorization: DPoP, with a proof in the DPoP header."


class AuthenticationInvalid(FloworkError):
    code, status, title = "auth.token_invalid", 401, "The access token is not valid"
    advice = "Sign in again."


class AuthenticationExpired(AuthenticationInvalid):
    code, title = "auth.token_expired", "The access token has expired"
    advice = "Refresh it, or sign in again."


class AuthenticationRevoked(AuthenticationInvalid):
    code, title = "auth.token_revoked", "This session has ended"
    advice = "It was signed out, or its device was revoked. Sign in again, or pair the device again."


class ProofMissing(FloworkError):
    code, status, title = "auth.dpop_missing", 401, "A DPoP proof is needed"
    advice = "Send a fresh proof (RFC 9449) in the DPoP header; docs/clients.md shows how."


class ProofInvalid(FloworkError):
    code, status, title = "auth.dpop_invalid", 401, "The DPoP proof does not fit this request"
    advice = "Make a fresh proof for each request, with its method and address, signed by the key the session is bound to."


class ProofReplayed(ProofInvalid):
    code, title = "auth.dpop_replayed", "This DPoP proof was used before"


class ProofBodyHashMissing(ProofInvalid):
    code, title = "auth.dpop_body_hash_missing", "The DPoP proof does not cover the body"
    advice = "Add `bdh`, the base64url SHA-256 of the body's bytes, to the proof's claims."


class ServerOverloaded(FloworkError):
    code, status, title = "server.overloaded", 503, "The gateway has too much to do just now"
    advice = "Nothing was done. Try again after Retry-After."
    default_retry_after_s = 10


class SignatureInvalid(FloworkError):
    code, status, title = "auth.signature_invalid", 401, "The signature does not fit the message"
    advice = "Sign the message exactly as built from the challenge, with the key of the address in it."


class SignInMessageInvalid(FloworkError):
    code, status, title = "auth.message_invalid", 401, "The sign-in message is not the one asked for"
    advice = "Ask for a new challenge and build the EIP-4361 message from it unchanged."


class ChallengeInvalid(FloworkError):
    code, status, title = "auth.challenge_invalid", 401, "This challenge is used, expired or not ours"
    advice = "Ask for a new challenge and sign within 5 minutes."


class DeviceUnknown(FloworkError):
    code, status, title = "auth.device_unknown", 403, "This device is not paired with the gateway"
    advice = "Pair it: on the gateway's machine run flowork pair, then open the link here."


class RefreshInvalid(FloworkError):
    code, status, title = "auth.refresh_invalid", 401, "The refresh token is not valid"
    advice = "Sign in again."


class RefreshExpired(RefreshInvalid):
    code, title = "auth.refresh_expired", "The session was not used for too long"


class RefreshReused(RefreshInvalid):
    code, title = "auth.refresh_reused", "This refresh token was used before"
    advice = "Somebody may have copied it, so the session was ended. Sign in again."


class RefreshSuperseded(FloworkError):
    code, status, title = "auth.refresh_superseded", 409, "Another refresh was just answered"
    advice = "Use the tokens of that answer; another tab of this browser may have them."


class ScopeMissing(FloworkError):
    code, status, title = "auth.scope_missing", 403, "This token may not do that"
    advice = "Ask for a token with the scope that the request needs."


class OwnerOnly(FloworkError):
    code, status, title = "auth.owner_only", 403, "Only the owner may do that"
    advice = "Ask the owner, or do it at the gateway's machine."


class ApprovalNeeded(FloworkError):
    code, status, title = "auth.approval_needed", 401, "This needs a fresh signature"
    advice = "Ask POST /api/v1/auth/approval for a challenge, sign it, and send it as Flowork-Approval with the same request."


class SecretsLocked(FloworkError):
    code, status, title = "secrets.locked", 503, "The gateway's secrets are locked"
    advice = "Unlock the keyring at the gateway's machine. What is signed in goes on; signing in waits for it."
    default_retry_after_s = 10


class PairingCodeInvalid(FloworkError):
    code, status, title = "pair.code_invalid", 401, "There is no such pairing offer, or its code is wrong"
    advice = "Scan the QR code again, or make a new offer with flowork pair."


class PairingExpired(FloworkError):
    code, status, title = "pair.expired", 410, "This pairing offer is over"
    advice = "Make a new offer with flowork pair."


class PairingClaimed(FloworkError):
    code, status, title = "pair.already_claimed", 409, "Another device has taken this pairing offer"
    advice = "If that was not you, refuse it at the gateway. Make a new offer with flowork pair."


class PairingStateConflict(FloworkError):
    code, status, title = "pair.state_conflict", 409, "The pairing is not at that step"
    advice = "Look at its state with flowork pair, or make a new offer."


class PairingDigitsWrong(FloworkError):
    code, status, title = "pair.digits_wrong", 403, "The six digits are not those of the device"
    advice = "The pairing was ended: somebody may stand in between. Make a new offer and compare again."


class UserUnknown(FloworkError):
    code, status, title = "user.unknown", 404, "There is no such user"
    advice = "flowork users list names them."


class DeviceNotFound(FloworkError):
    code, status, title = "device.not_found", 404, "There is no such device"
    advice = "flowork devices list names them."


class AuditUnavailable(FloworkError):
    code, status, title = "audit.unavailable", 503, "The audit log cannot be written"
    advice = "Nothing was changed. Free space or mend audit.db at the gateway, then try again."
    default_retry_after_s = 30


class EngineTokenInvalid(FloworkError):
    code, status, title = "engine.token_invalid", 401, "The engine token is not valid"
    advice = "Enrol this machine again: flowork engines code NAME at the gateway, then flowork engine --gateway URL --enrol here."


class EngineTokenRevoked(EngineTokenInvalid):
    code, title = "engine.token_revoked", "The owner revoked this engine token"


class EngineTokenSuperseded(FloworkError):
    code, status, title = "engine.token_superseded", 409, "A newer token of this installation is in use"
    advice = (
        "Use the newer token. If none of this installation's processes has it, somebody else may: "
        "flowork engines revoke NAME --compromised at the gateway, then enrol again."
    )


class EnrolmentCodeInvalid(FloworkError):
    code, status, title = "engine.code_invalid", 401, "The enrolment code is wrong, used or expired"
    advice = "A code serves once, for 15 minutes. Ask the owner for another: flowork engines code NAME at the gateway."


class InstallationUnknown(FloworkError):
    code, status, title = "engine.installation_unknown", 404, "The engine has no installation of that name"
    advice = "flowork engines list shows the installations of each engine."


class EngineUserNotAllowed(FloworkError):
    code, status, title = "engine.user_not_allowed", 403, "The engine may not work for this user"
    advice = "Ask the owner to run: flowork engines share NAME USER --role runner."


class EngineRoleInsufficient(FloworkError):
    code, status, title = "engine.role_insufficient", 403, "Your role on this engine does not allow this"
    advice = "Ask the owner for the role of a runner: flowork engines share NAME USER --role runner."


class EngineIdMismatch(FloworkError):
    code, status, title = "engine.id_mismatch", 403, "The token belongs to another engine"
    advice = "Use the token of the engine named in X-Engine-Id."


class MetricsTokenInvalid(FloworkError):
    code, status, title = "metrics.token_invalid", 401, "The metrics are read with a token, and this is none"
    advice = "Send Authorization: Bearer with the token that flowork metrics token --file FILE wrote."


class MetricsTokenTaken(FloworkError):
    code, status, title = "metrics.token_taken", 409, "A metrics token of that name exists"
    advice = "Choose another name, or revoke it first: flowork metrics revoke NAME."


class MetricsTokenUnknown(FloworkError):
    code, status, title = "metrics.token_unknown", 404, "There is no such metrics token"
    advice = "flowork metrics list names them."


class EngineUnknown(FloworkError):
    code, status, title = "engine.unknown", 404, "There is no such engine, or it is not shared with you"
    advice = "flowork status lists the engines; names and ids both work."


class EngineNameTaken(FloworkError):
    code, status, title = "engine.name_taken", 409, "An engine of that name exists"
    advice = "Choose another name."


class InstanceUnknown(FloworkError):
    code, status, title = "engine.instance_unknown", 404, "There is no such instance"
    advice = "flowork status --json lists the instances; the beginning of an id is enough where only one begins so."


class RolloutConflict(FloworkError):
    code, status, title = "rollout.conflict", 409, "The rollout is not at that step"
    advice = "flowork rollout status shows where it stands."


class KindUnserved(FloworkError):
    code, status, title = "job.kind_unserved", 422, "No known instance of this engine serves this kind"
    advice = "Check the kind's spelling, or allow it on the engine."


class KindNotAllowed(FloworkError):
    code, status, title = "job.kind_not_allowed", 403, "You may not submit jobs of this kind here"
    advice = "The gateway's owner allows kinds: flowork engines allow ENGINE KIND."


class PayloadInvalid(FloworkError):
    code, status, title = "job.payload_invalid", 422, "The payload does not fit its kind"
    advice = "Correct the places named; GET /api/v1/kinds tells the schema."


class ModelUnknown(FloworkError):
    code, status, title = "model.unknown", 422, "This engine has no such model"
    advice = "GET /api/v1/kinds lists the models; the engine's owner ticks them."


class OfferInvalid(FloworkError):
    code, status, title = "engine.offer_invalid", 422, "What the engine offers cannot be published"
    advice = "Correct the schema of the kind or tool that is named, and start the engine again."


class BudgetExhausted(FloworkError):
    code, status, title = "budget.exhausted", 429, "Your budget of today is used up"
    advice = "Wait until midnight UTC, or ask the gateway's owner for more: flowork users budget."
    default_retry_after_s = 60


class ApiKeyInvalid(FloworkError):
    code, status, title = "auth.api_key_invalid", 401, "The API key is not valid"
    advice = "Send Authorization: Bearer with a key that was made here and not revoked: flowork api-keys make."


class ApiKeyKindNotAllowed(FloworkError):
    code, status, title = "auth.api_key_kind", 403, "This API key is not made for that"
    advice = "Make a key for this kind: flowork api-keys make NAME --engine ENGINE --kind KIND."


class ApiKeyTaken(FloworkError):
    code, status, title = "apikey.name_taken", 409, "You have an API key of that name"
    advice = "Choose another name, or revoke that one first."


class ApiKeyUnknown(FloworkError):
    code, status, title = "apikey.unknown", 404, "There is no such API key"
    advice = "flowork api-keys list shows them."


class NotSupported(FloworkError):
    code, status, title = "openai.unsupported", 400, "This is not supported here"
    advice = "Leave the parameter out."


class StreamUnavailable(FloworkError):
    code, status, title = "openai.stream_unavailable", 400, "Streams do not pass through this tunnel"
    advice = "A quick tunnel holds streams back until they end. Ask with stream: false, or come by another address of this gateway."


class JobEndedBadly(FloworkError):
    code, status, title = "job.ended_badly", 502, "The job did not succeed"
    advice = "Send it again; the gateway keeps the job with the reason."


class JobLost(FloworkError):
    code, status, title = "job.engine_lost", 503, "The engine was lost in the middle of its answer"
    advice = "Send it again; what was streamed is not whole."
    default_retry_after_s = 1


class JobNotFound(FloworkError):
    code, status, title = "job.not_found", 404, "There is no such job"
    advice = "It may have been deleted, or its retention time is over."


class NotOfThisProgram(FloworkError):
    code, status, title = "host.not_here", 409, "The program around this gateway has no such thing"
    advice = "Start it with flowork, or with flowork serve, then ask again."


class HandoverRefused(FloworkError):
    code, status, title = "host.handover_refused", 409, "This gateway cannot hand over"
    advice = "It does not run in flowork serve. Stop it, then start the new one."


class JobStateConflict(FloworkError):
    code, status, title = "job.state_conflict", 409, "The job is not in a state that allows this"
    advice = "Read the job again; redrive takes dead jobs, delete takes finished ones."


class QueueFull(FloworkError):
    code, status, title = "queue.full", 429, "The queue is full"
    advice = "Nothing was queued. Send it again, with the same key, after Retry-After."
    default_retry_after_s = 1


class QueueShareFull(FloworkError):
    code, status, title = "queue.share_full", 429, "Your share of the queue is full"
    advice = "Nothing was queued. Let some of your waiting jobs run, or cancel some, and send it again, with the same key."
    default_retry_after_s = 1


class QueueSlow(FloworkError):
    code, status, title = "queue.slow", 429, "The job would wait too long"
    advice = "Nothing was queued. Send it again, with the same key, after Retry-After, or give the engine more slots."
    default_retry_after_s = 1


class MemoryLow(FloworkError):
    code, status, title = "server.low_memory", 429, "The gateway's machine is short of memory"
    advice = "Nothing was queued. Send it again, with the same key, later; close programs there if it stays."
    default_retry_after_s = 5


class DiskLow(FloworkError):
    code, status, title = "server.low_disk", 429, "The gateway's disk is nearly full"
    advice = "Nothing was queued. Free space there, then send it again with the same key."
    default_retry_after_s = 5


class ServerDraining(FloworkError):
    code, status, title = "server.draining", 503, "The gateway takes no new jobs just now"
    advice = "Nothing was queued. Send it again, with the same key, after Retry-After."
    default_retry_after_s = 5


class QueueDraining(FloworkError):
    code, status, title = "queue.draining", 503, "This engine takes no new jobs just now"
    advice = "Nothing was queued. Send it again, with the same key, after Retry-After."
    default_retry_after_s = 5


class GatewayStopping(FloworkError):
    code, status, title = "gateway.stopping", 503, "The gateway is stopping"
    advice = "Try again once it is back."
    default_retry_after_s = 2


class ShardUnavailable(FloworkError):
    code, status, title = "shard.unavailable", 503, "This engine's queue cannot be opened"
    advice = "Its file was left untouched. The gateway's log names the file and the reason; other engines go on."
    default_retry_after_s = 30


class StorageFull(FloworkError):
    code, status, title = "storage.full", 507, "The disk is full"
    advice = "Nothing of this request was kept; nothing acknowledged was lost. Free space there, then send it again with the same key."
    default_retry_after_s = 30


class StorageFailed(FloworkError):
    code, status, title = "storage.failed", 503, "The queue's file could not be written"
    advice = "Nothing acknowledged was lost. Send it again with the same key; the gateway's log names the cause."
    default_retry_after_s = 5


class LeaseLost(FloworkError):
    code, status, title = "lease.lost", 409, "The lease is no longer held"
    advice = "Stop the job and drop its result; another attempt has it or it has ended."


class LeaseConflict(FloworkError):
    code, status, title = "lease.conflict", 409, "This attempt was already finished otherwise"
    advice = "The first report counts."


class DataFolderInUse(FloworkError):
    code, status, title = "host.data_folder_in_use", 503, "Another Flowork runs on this data folder"
    advice = "Stop it first, or start this one with another --data folder."


class GatewayUnreachable(FloworkError):
    code, status, title = "link.gateway_unreachable", 503, "The gateway does not answer"
    advice = "Check that it runs and that the address is right."


class GatewayImpostor(FloworkError):
    code, status, title = "link.gateway_impostor", 502, "What answers is not the gateway this device was paired with"
    advice = "Nothing was signed. Check the address; if the gateway was set up anew, pair again from its own screen."


class NotPaired(FloworkError):
    code, status, title = "host.not_paired", 403, "This command line is not paired with a gateway"
    advice = "At the gateway's machine: flowork login. From another one: flowork pair there, then flowork login --link here."
