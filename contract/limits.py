"""Sizes and times that both ends of a border must agree on (protocol §4, §5, §7).

Those marked *fixed* are promises of the wire; the others are defaults that the gateway's settings may change.
"""

from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * KIB

PAYLOAD_MAX_BYTES: Final = 1 * MIB  # fixed
RESULT_MAX_BYTES: Final = 4 * MIB  # fixed
BATCH_MAX_ITEMS: Final = 500

BODY_MAX_BYTES: Final = 256 * KIB
SUBMIT_BODY_MAX_BYTES: Final = PAYLOAD_MAX_BYTES + 16 * KIB
BATCH_BODY_MAX_BYTES: Final = 8 * MIB
REPORT_BODY_MAX_BYTES: Final = RESULT_MAX_BYTES + 64 * KIB
OFFER_BODY_MAX_BYTES: Final = 4 * MIB
CLAIM_BODY_MAX_BYTES: Final = BATCH_BODY_MAX_BYTES  # carries finishes
CLAIM_ANSWER_MAX_BYTES: Final = 8 * MIB
JSON_MAX_DEPTH: Final = 32
RESULT_MAX_DEPTH: Final = JSON_MAX_DEPTH - 3  # inside the `finished: [{result}]` of a claim
JSON_MAX_NODES: Final = 10_000
PAYLOAD_JSON_MAX_NODES: Final = 250_000  # a body of a person's that carries payloads
HEADER_MAX_BYTES: Final = 16 * KIB
HEADER_MAX_LINES: Final = 100
PATH_MAX_BYTES: Final = 2 * KIB

IDEMPOTENCY_KEY_MAX_CHARS: Final = 255
IDEMPOTENCY_KEEP_S: Final = 48 * 3600
RECEIPT_KEEP_S: Final = 3600
CLAIM_REPLAY_KEEP_S: Final = 300

PRIORITY_MOST_URGENT: Final = 1
PRIORITY_DEFAULT: Final = 3
PRIORITY_LEAST_URGENT: Final = 5
MAX_ATTEMPTS_DEFAULT: Final = 3
MAX_ATTEMPTS_MAX: Final = 100
LOST_LEASES_ALLOWED: Final = 3  # beyond max_attempts, protocol §4
TIMEOUT_S_DEFAULT: Final = 300.0
TIMEOUT_S_MAX: Final = 24 * 3600.0
RUN_AT_MAX_AHEAD_S: Final = 366 * 24 * 3600
EXPIRES_IN_MAX_S: Final = 366 * 24 * 3600

CLAIM_WAIT_MAX_MS: Final = 25_000
CLAIM_MAX_JOBS: Final = 256
LEASE_MS: Final = 30_000
HEARTBEAT_EVERY_S: Final = 10.0
LET_GO_AT: Final = 0.8  # share of an unrenewed lease after which the engine stops the job
UNREPORTED_AFTER_S: Final = 2.0
UNREPORTED_TIMES: Final = 2
SUSPEND_NOTICED_S: Final = 2.0
CLOCK_OFF_S: Final = 5.0  # a civil clock further off is wrong: proofs allow for no more

OFFER_TTL_S: Final = 300
OFFER_TRIES: Final = 5
DIGITS_TTL_S: Final = 120
ENROLMENT_CODE_TTL_S: Final = 900  # fixed
ENROLMENT_CODE_TRIES: Final = 5  # fixed
ENGINE_TOKEN_MAX_AGE_S: Final = 30 * 24 * 3600.0
ENGINE_TOKEN_RETIRES_S: Final = 60.0
CHALLENGE_TTL_S: Final = 300
APPROVAL_TTL_S: Final = 120
ACCESS_TOKEN_TTL_S: Final = 600
ADMIN_TOKEN_TTL_S: Final = 900  # fixed
REFRESH_IDLE_S: Final = 7 * 24 * 3600
REFRESH_ABSOLUTE_S: Final = 30 * 24 * 3600
REFRESH_GRACE_S: Final = 10
PROOF_AGE_MAX_S: Final = 60
PROOF_AHEAD_MAX_S: Final = 5
EVENTS_PAGE: Final = 500
EVENTS_PER_JOB: Final = 10_000
PHASES_MAX: Final = 32  # fixed
ATTEMPTS_KEPT: Final = 100  # of one job's timeline, the latest
