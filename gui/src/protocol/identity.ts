/** Checks that a gateway is the one that was paired with: Ed25519 (RFC 8032). */

import type { Bytes } from "./bytes";

/** Did the gateway with this key sign that? */
export async function signedByGateway(key: Bytes, signed: Bytes, signature: Bytes): Promise<boolean> {
  try {
    const known = await crypto.subtle.importKey("raw", key, { name: "Ed25519" }, false, ["verify"]);
    return await crypto.subtle.verify({ name: "Ed25519" }, known, signature, signed);
  } catch {
    // A browser without Ed25519 (before Chrome 137, Firefox 129, Safari 17): a library that ethers brings anyway.
    const { ed25519 } = await import("@noble/curves/ed25519");
    try {
      return ed25519.verify(signature, signed, key);
    } catch {
      return false;
    }
  }
}
