/** The six digits that both ends compute and the owner carries from one to the other (protocol §2, step 7). */

import { type Bytes, hmac, joined, utf8 } from "./bytes";

/** HKDF-SHA256 (RFC 5869) over the client's nonce, salted with the gateway's; the client committed to its nonce before. */
export async function sixDigits(clientNonce: Bytes, gatewayNonce: Bytes, transcript: Bytes, gatewayKey: Bytes): Promise<string> {
  const extracted = await hmac(gatewayNonce, clientNonce);
  const expanded = await hmac(extracted, joined(utf8("flowork-sas-v1"), transcript, gatewayKey, new Uint8Array([1])));
  let number = 0n;
  for (const byte of expanded.slice(0, 8)) number = (number << 8n) | BigInt(byte);
  return (number % 1_000_000n).toString().padStart(6, "0");
}
