/** Calls one gateway as one device: every request carries a proof, tokens renew themselves. */

import { asExpected, buildMessage, actionResource, approvalStatement, signedPart, STATEMENT, transcript, type Challenge } from "../protocol/message";
import { type Bytes, decoded, encoded, random, sha256, utf8 } from "../protocol/bytes";
import { sixDigits } from "../protocol/digits";
import { signedByGateway } from "../protocol/identity";
import type { Link } from "../protocol/link";
import type { SessionKey } from "../protocol/proof";
import type { components } from "../wire/gateway";
import type { Wallet } from "../keys/wallet";
import { Problem, problemOf, UNREACHABLE } from "./problem";

export type Schemas = components["schemas"];
export type Tokens = Schemas["Tokens"];

/** The gateway is not the one that was paired with: everything stops. */
export class Impostor extends Problem {
  constructor() {
    super("gateway.impostor", "This is not the gateway that you paired with", "Nothing was signed. Ask its owner what changed before you pair again.");
  }
}

/** Where tokens outlive the page. */
export interface RefreshKeeper {
  read(): Promise<string | undefined>;
  write(token: string | undefined): Promise<void>;
  /** Run alone among the tabs of this browser. */
  alone<T>(act: () => Promise<T>): Promise<T>;
}

interface Options {
  method?: "GET" | "POST" | "PUT" | "DELETE";
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** Without a token: pairing and signing in. */
  open?: boolean;
}

/** One gateway. */
export class Client {
  private access: Tokens | undefined;
  private renewing: Promise<Tokens> | undefined;

  constructor(
    readonly origin: string,
    private readonly gatewayKey: Bytes,
    private readonly session: SessionKey,
    private readonly refresh: RefreshKeeper,
    /** Opens the wallet when something must be signed. */
    private readonly wallet: () => Promise<Wallet>,
    /** Whether a signature needs nobody: a wallet that is kept here, and a person who has not signed out. */
    private readonly quiet: () => Promise<boolean> = async () => false,
  ) {}

  /** Claim an offer, sign, and learn the six digits to show; then `collect`. */
  async claim(link: Link, deviceName: string): Promise<string> {
    const wallet = await this.wallet();
    const nonce = random(32);
    const commitment = encoded(await sha256(nonce));
    const asked = { offer: link.offer, code: link.code, address: wallet.address, device_name: deviceName, client_commitment: commitment };
    const challenge = await this.challenged("/api/v1/pair/claim", asked, wallet.address, STATEMENT, [], { offer: link.offer, clientCommitment: commitment });
    const digest = await transcript(challenge, wallet.address);
    const digits = await sixDigits(nonce, decoded(challenge.gateway_nonce), digest, this.gatewayKey);
    const message = buildMessage(challenge, wallet.address);
    const signed = { message, signature: await wallet.sign(message), client_nonce: encoded(nonce) };
    await this.call("/api/v1/auth/sign-in", { method: "POST", body: signed, open: true });
    return digits;
  }

  /** Wait until the owner has typed the digits; the tokens. */
  async collect(offer: string, signal?: AbortSignal): Promise<Tokens> {
    for (;;) {
      const told = await this.call<Tokens | { state: string }>(`/api/v1/pair/${offer}?wait_ms=20000`, { open: true, ...(signal && { signal }) });
      if ("access_token" in told) return this.took(told);
    }
  }

  /** Challenge, message, signature, tokens. */
  async signIn(): Promise<Tokens> {
    const wallet = await this.wallet();
    const challenge = await this.challenged("/api/v1/auth/challenge", { address: wallet.address }, wallet.address, STATEMENT, []);
    const message = buildMessage(challenge, wallet.address);
    const signed = { message, signature: await wallet.sign(message) };
    return this.took(await this.call<Tokens>("/api/v1/auth/sign-in", { method: "POST", body: signed, open: true }));
  }

  /** End the session, here and there. */
  async signOut(): Promise<void> {
    try {
      await this.call("/api/v1/auth/sign-out", { method: "POST" });
    } finally {
      this.access = undefined;
      await this.refresh.write(undefined);
    }
  }

  /** What the CONNECT of a live socket carries. */
  async socketAuth(): Promise<{ token: string; dpop: string }> {
    const token = (await this.tokens()).access_token;
    return { token, dpop: await this.session.proof("GET", `${this.origin}/api/socket.io/`, token) };
  }

  /** Tokens in use; new ones when there are none yet. Throws `Problem` `auth.*` when the person must sign in. */
  async tokens(): Promise<Tokens> {
    return this.access ?? this.renew();
  }

  /** New tokens now. */
  async renew(): Promise<Tokens> {
    this.renewing ??= this.refresh
      .alone(async () => {
        const kept = await this.refresh.read();
        if (kept === undefined) {
          if (await this.quiet()) return this.signIn();
          throw new Problem("auth.sign_in_needed", "Sign in again", "This browser is paired; one signature opens it.", 401);
        }
        const key = encoded(random(16));
        const ask = (): Promise<Tokens> =>
          this.call<Tokens>("/api/v1/auth/refresh", { method: "POST", body: { refresh_token: kept }, headers: { "Idempotency-Key": key }, open: true });
        try {
          return await this.took(await ask().catch((error: unknown) => (error instanceof Problem && error.unreachable ? ask() : Promise.reject(error))));
        } catch (error) {
          if (!(error instanceof Problem) || error.status !== 401) throw error;
          await this.refresh.write(undefined);
          if (await this.quiet()) return this.signIn();
          throw error;
        }
      })
      .finally(() => (this.renewing = undefined));
    return this.renewing;
  }

  /** One call; with an expired token it renews once. Answers without a body are undefined. */
  async call<T = void>(path: string, options: Options = {}): Promise<T> {
    const bytes = options.body === undefined ? undefined : utf8(JSON.stringify(options.body));
    if (options.open) return this.proven<T>(path, options, bytes, "");
    const token = (await this.tokens()).access_token;
    try {
      return await this.proven<T>(path, options, bytes, token);
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 401 || !error.code.startsWith("auth.token")) throw error;
      if (this.access?.access_token === token) this.access = undefined;
      return this.proven<T>(path, options, bytes, (await this.tokens()).access_token);
    }
  }

  /** A call with the owner's fresh signature under it. */
  async approved<T = void>(path: string, body: unknown): Promise<T> {
    const wallet = await this.wallet();
    const digest = encoded(await sha256(utf8(JSON.stringify(body))));
    const statement = approvalStatement("POST", path);
    const wanted = { method: "POST", path, body_sha256: digest };
    const action = await actionResource("POST", path, digest);
    const challenge = await this.challenged("/api/v1/auth/approval", wanted, wallet.address, statement, [action]);
    const message = buildMessage(challenge, wallet.address);
    const header = `${encoded(utf8(message))}.${await wallet.sign(message)}`;
    return this.call<T>(path, { method: "POST", body, headers: { "Flowork-Approval": header } });
  }

  private async took(tokens: Tokens): Promise<Tokens> {
    await this.refresh.write(tokens.refresh_token);
    this.access = tokens;
    return tokens;
  }

  /** A challenge that the pinned gateway really gave out for this browser; nothing else is ever signed. */
  private async challenged(
    path: string,
    asked: unknown,
    address: string,
    statement: string,
    actions: string[],
    pairing: { offer?: string; clientCommitment?: string } = {},
  ): Promise<Challenge> {
    const challenge = await this.call<Challenge>(path, { method: "POST", body: asked, open: actions.length === 0 });
    this.session.setClock(challenge.server_time);
    const expected = { gateway: this.origin, origin: location.origin, thumbprint: this.session.thumbprint, statement, actions, ...pairing };
    let genuine = asExpected(challenge, expected);
    try {
      genuine &&= await signedByGateway(this.gatewayKey, await signedPart(challenge, address), decoded(challenge.signature));
    } catch {
      genuine = false;
    }
    if (!genuine) throw new Impostor();
    return challenge;
  }

  /** One request with a fresh proof; once more when only this machine's clock was off. */
  private async proven<T>(path: string, options: Options, body: Bytes | undefined, token: string): Promise<T> {
    try {
      return await this.send<T>(path, options, body, token);
    } catch (error) {
      const serverTime = error instanceof Problem && error.code.startsWith("auth.dpop") ? error.extra.server_time : undefined;
      if (typeof serverTime !== "number") throw error;
      this.session.setClock(serverTime);
      return this.send<T>(path, options, body, token);
    }
  }

  private async send<T>(path: string, options: Options, body: Bytes | undefined, token: string): Promise<T> {
    const method = options.method ?? "GET";
    const headers: Record<string, string> = {
      ...options.headers,
      DPoP: await this.session.proof(method, this.origin + path.split("?")[0], token, body),
      ...(token && { Authorization: `DPoP ${token}` }),
      ...(body && { "Content-Type": "application/json" }),
    };
    let response: Response;
    try {
      const asked: RequestInit = { method, headers, cache: "no-store", credentials: "omit", referrerPolicy: "no-referrer", redirect: "error" };
      response = await fetch(this.origin + path, { ...asked, ...(body && { body }), ...(options.signal && { signal: options.signal }) });
    } catch (error) {
      if (options.signal?.aborted) throw error;
      throw new Problem(UNREACHABLE, "The gateway does not answer", "It may be off, or this network does not lead to it.");
    }
    if (!response.ok) throw await problemOf(response);
    return (response.status === 204 ? undefined : await response.json()) as T;
  }
}
