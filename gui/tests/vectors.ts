/** What the gateway's code computed; `python -m tests.gui.vectors` writes it before these tests run. */

import { readFileSync } from "node:fs";

export interface Vectors {
  links: { text: string; gateway: string; offer: string; code: string; key: string; expires_at: number; words: string; digest: string }[];
  challenges: {
    challenge: import("../src/protocol/message").Challenge;
    address: string;
    transcript: string;
    message: string;
    gateway_key: string;
    client_nonce: string;
    gateway_nonce: string;
    digits: string;
  }[];
  proofs: { jwk: { crv: string; kty: string; x: string; y: string }; thumbprint: string; ath: string; bdh: string; body: string }[];
  actions: { asked: [string, string, string]; resource: string }[];
}

export const vectors = JSON.parse(readFileSync(new URL("../../build/gui-vectors.json", import.meta.url), "utf-8")) as Vectors;
