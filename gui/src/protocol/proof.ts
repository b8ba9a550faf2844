/** The key that says which browser this is, and the DPoP proofs it signs (RFC 9449). It cannot be exported, not even by this page. */

import { encoded, random, sha256, utf8, type Bytes } from "./bytes";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256" } as const;

/** Makes proofs; counts by the gateway's clock once it has heard it. */
export class SessionKey {
  private aheadS = 0;

  private constructor(
    readonly pair: CryptoKeyPair,
    private readonly jwk: { crv: string; kty: string; x: string; y: string },
    /** RFC 7638. */
    readonly thumbprint: string,
    private readonly nowS: () => number,
  ) {}

  /** A new key, or the one of a pair that was kept. */
  static async open(pair?: CryptoKeyPair, nowS: () => number = () => Date.now() / 1000): Promise<SessionKey> {
    const kept = pair ?? (await crypto.subtle.generateKey(ALGORITHM, false, ["sign", "verify"]));
    const { crv, kty, x, y } = await crypto.subtle.exportKey("jwk", kept.publicKey);
    const jwk = { crv: crv!, kty: kty!, x: x!, y: y! };
    return new SessionKey(kept, jwk, encoded(await sha256(utf8(JSON.stringify(jwk)))), nowS);
  }

  /** Count by the gateway's clock from now on. */
  setClock(gatewayS: number): void {
    this.aheadS = gatewayS - this.nowS();
  }

  /** How far the gateway's clock is ahead of this machine's (seconds). */
  get ahead(): number {
    return this.aheadS;
  }

  /** A proof for one request; `url` without query. */
  async proof(method: string, url: string, accessToken = "", body?: Bytes): Promise<string> {
    const claims: Record<string, string | number> = {
      jti: encoded(random(16)),
      htm: method,
      htu: url,
      iat: Math.floor(this.nowS() + this.aheadS),
    };
    if (accessToken) claims.ath = encoded(await sha256(utf8(accessToken)));
    if (body !== undefined) claims.bdh = encoded(await sha256(body));
    const part = (value: unknown): string => encoded(utf8(JSON.stringify(value)));
    const signed = `${part({ typ: "dpop+jwt", alg: "ES256", jwk: this.jwk })}.${part(claims)}`;
    const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, this.pair.privateKey, utf8(signed));
    return `${signed}.${encoded(new Uint8Array(signature))}`;
  }
}
