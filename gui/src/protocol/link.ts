/** Pairing links: everything secret is in the fragment, which browsers send to nobody (protocol §2, step 3). */

import { type Bytes, decoded, text, utf8, sha256 } from "./bytes";

const BASE32 = "abcdefghijklmnopqrstuvwxyz234567";
const MAX_CHARS = 1024;

/** What a QR code says. */
export interface Link {
  /** Origin of the gateway, to call it at. */
  gateway: string;
  offer: string;
  code: string;
  /** Ed25519, 32 bytes: pinned. */
  gatewayKey: Bytes;
  /** Epoch seconds. */
  expiresAt: number;
}

/** Why a text is no pairing link. */
export class LinkRefused extends Error {
  constructor(readonly why: "none" | "damaged" | "address" | "version") {
    super(why);
  }
}

/** Whether a fragment asks for pairing at all. */
export function asksForPairing(fragment: string): boolean {
  return fragment.startsWith("#/pair?");
}

/** Read a link or the fragment of one; throws `LinkRefused`, whose message holds nothing of the link. */
export function readLink(link: string): Link {
  if (link.length > MAX_CHARS) throw new LinkRefused("none");
  const query = link.trim().split("#/pair?")[1];
  if (query === undefined) throw new LinkRefused("none");
  const told = new URLSearchParams(query);
  const one = (name: string): string => {
    const values = told.getAll(name);
    if (values.length !== 1) throw new LinkRefused("damaged");
    return values[0]!;
  };
  if (one("v") !== "1") throw new LinkRefused("version");
  let gateway: string;
  let gatewayKey: Bytes;
  try {
    gateway = text(decoded(one("g")));
    gatewayKey = decoded(one("k"));
  } catch (error) {
    throw error instanceof LinkRefused ? error : new LinkRefused("damaged");
  }
  const [offer, code, expires] = [one("p"), one("c"), one("e")];
  if (!/^[A-Za-z0-9_-]{16}$/.test(offer) || !/^[0-9A-Za-z-]{26,40}$/.test(code) || !/^[0-9]{1,12}$/.test(expires)) {
    throw new LinkRefused("damaged");
  }
  if (gatewayKey.length !== 32) throw new LinkRefused("damaged");
  if (!isOrigin(gateway)) throw new LinkRefused("address");
  return { gateway, offer, code, gatewayKey, expiresAt: Number(expires) };
}

/** An http(s) origin as a browser writes it (RFC 6454 §6.2), and nothing that only looks like one. */
export function isOrigin(word: string): boolean {
  try {
    const url = new URL(word);
    return (url.protocol === "https:" || url.protocol === "http:") && url.origin === word && url.username === "" && url.password === "";
  } catch {
    return false;
  }
}

/** The gateway's key as six groups of four letters, for people to compare. */
export async function keyWords(gatewayKey: Bytes): Promise<string> {
  const digest = await sha256(gatewayKey);
  let bits = 0n;
  for (const byte of digest.slice(0, 15)) bits = (bits << 8n) | BigInt(byte);
  let letters = "";
  for (let shift = 115n; shift >= 0n; shift -= 5n) letters += BASE32[Number((bits >> shift) & 31n)];
  return letters.match(/.{4}/g)!.join(" ");
}

/** SHA-256 of a pairing code as it is meant, however it was typed. */
export async function codeDigest(code: string): Promise<Bytes> {
  const meant = code.toUpperCase().replaceAll("-", "").replaceAll("I", "1").replaceAll("L", "1").replaceAll("O", "0");
  return sha256(utf8(meant));
}
