/** What is signed: EIP-4361 messages built here from a challenge's fields, never a text that a server sent (protocol §2, step 6). */

import type { components } from "../wire/gateway";
import { type Bytes, encoded, joined, sha256, utf8 } from "./bytes";

export type Challenge = components["schemas"]["Challenge"];

export const STATEMENT = "Sign in to this Flowork gateway. This costs nothing and moves no funds.";
export const SIGN_IN_PATH = "/api/v1/auth/sign-in";
const SIGNED_CHALLENGE = utf8("flowork-challenge-v1\0");

/** The EIP-4361 text; `address` in EIP-55 form. */
export function buildMessage(challenge: Challenge, address: string): string {
  return [
    `${challenge.origin.split("://")[1]} wants you to sign in with your Ethereum account:`,
    address,
    "",
    challenge.statement,
    "",
    `URI: ${challenge.uri}`,
    "Version: 1",
    `Chain ID: ${challenge.chain_id}`,
    `Nonce: ${challenge.nonce}`,
    `Issued At: ${challenge.issued_at}`,
    `Expiration Time: ${challenge.expiration_time}`,
    `Request ID: ${challenge.request_id}`,
    "Resources:",
    ...challenge.resources.map((resource) => `- ${resource}`),
  ].join("\n");
}

/** The resource that ties a message to one gateway. */
export function gatewayResource(gatewayId: string): string {
  return `urn:flowork:gateway:${gatewayId}`;
}

/** The resource that ties a message to one browser's key. */
export function sessionKeyResource(thumbprint: string): string {
  return `urn:flowork:session-key:${thumbprint}`;
}

/** The resource that ties an approval to one request. */
export async function actionResource(method: string, path: string, bodySha256: string): Promise<string> {
  return `urn:flowork:action:${encoded(await sha256(utf8(`${method}\n${path}\n${bodySha256}`)))}`;
}

/** What the wallet shows before an approval is signed. */
export function approvalStatement(method: string, path: string): string {
  return `Approve: ${method} ${path}`;
}

/** Digest of everything both ends must have seen alike: SHA-256 of the canonical JSON (RFC 8785) of these members. */
export async function transcript(challenge: Challenge, address: string): Promise<Bytes> {
  // JSON.stringify keeps the order of insertion, and RFC 8785 took its numbers and strings from ECMAScript.
  const members = {
    address: address.toLowerCase(),
    chain_id: challenge.chain_id,
    client_commitment: challenge.client_commitment,
    expiration_time: challenge.expiration_time,
    gateway_id: challenge.gateway_id,
    gateway_nonce: challenge.gateway_nonce,
    issued_at: challenge.issued_at,
    nonce: challenge.nonce,
    origin: challenge.origin,
    request_id: challenge.request_id,
    resources: challenge.resources,
    session_key: challenge.session_key,
    statement: challenge.statement,
    uri: challenge.uri,
  };
  return sha256(utf8(JSON.stringify(members)));
}

/** What the gateway signs of a challenge. */
export async function signedPart(challenge: Challenge, address: string): Promise<Bytes> {
  return joined(SIGNED_CHALLENGE, await transcript(challenge, address));
}

/** What a challenge must say, by what this browser knows. */
export interface Expected {
  gateway: string;
  /** Of this page. */
  origin: string;
  thumbprint: string;
  statement: string;
  /** Beside gateway and session key. */
  actions: string[];
  /** When pairing. */
  offer?: string;
  clientCommitment?: string;
}

/** Whether a challenge says exactly that; its signature is checked apart. */
export function asExpected(challenge: Challenge, expected: Expected): boolean {
  const wanted = [gatewayResource(challenge.gateway_id), sessionKeyResource(expected.thumbprint), ...expected.actions];
  return (
    challenge.resources.length === wanted.length &&
    challenge.resources.every((resource, at) => resource === wanted[at]) &&
    challenge.session_key === expected.thumbprint &&
    challenge.origin === expected.origin &&
    challenge.uri === expected.gateway + SIGN_IN_PATH &&
    challenge.statement === expected.statement &&
    challenge.chain_id === 1 &&
    (expected.offer === undefined || challenge.request_id === expected.offer) &&
    challenge.client_commitment === (expected.clientCommitment ?? "")
  );
}
