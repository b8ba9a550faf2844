/** A user's events: live over Socket.IO, and what was missed from `GET /api/v1/events`. Each event is told once, in its source's order. */

import { io, type Socket } from "socket.io-client";
import type { Client, Schemas } from "./client";
import { Problem } from "./problem";

export type Event = Schemas["Event"];

export interface Listener {
  event(event: Event): void;
  /** Everything that was missed has been told; from here on it is live. */
  caughtUp(cursor: string): void;
  /** The line is down; it is tried again by itself unless `final`. */
  down(problem: Problem, final: boolean): void;
}

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30_000;
const RENEW_BEFORE_S = 60;
const KEEP_CURSOR_MS = 30_000;
/** Answers after which trying again cannot help: somebody must do something. */
const FINAL = new Set(["auth.device_unknown", "auth.device_revoked", "auth.session_revoked", "auth.user_removed", "auth.sign_in_needed", "auth.refresh_invalid", "gateway.impostor"]);

/** Follows one user's events until `close`. */
export class Live {
  private socket: Socket | undefined;
  private readonly seen = new Map<string, number>();
  private early: Event[] = [];
  private replaying = false;
  private closed = false;
  private failures = 0;
  private timers = new Set<ReturnType<typeof setTimeout>>();
  private fresh = false;

  constructor(
    private readonly client: Client,
    private readonly listener: Listener,
    private cursor: string | undefined,
    private readonly random: () => number = Math.random,
  ) {}

  /** Begin. */
  start(): void {
    addEventListener("online", this.hurry);
    document.addEventListener("visibilitychange", this.hurry);
    void this.connect();
    this.every(KEEP_CURSOR_MS, () => void this.keepCursor());
  }

  /** Stop for good. */
  close(): void {
    this.closed = true;
    removeEventListener("online", this.hurry);
    document.removeEventListener("visibilitychange", this.hurry);
    for (const timer of this.timers) clearTimeout(timer);
    this.drop();
  }

  private readonly hurry = (): void => {
    if (this.closed || this.socket?.connected || document.visibilityState === "hidden") return;
    this.drop();
    void this.connect();
  };

  private async connect(): Promise<void> {
    if (this.closed || this.socket) return;
    let auth: { token: string; dpop: string };
    try {
      auth = await this.client.socketAuth();
    } catch (error) {
      this.failed(error);
      return;
    }
    const socket = io(`${this.client.origin}/gui-socket`, {
      path: "/api/socket.io",
      transports: ["websocket"],
      reconnection: false,
      forceNew: true,
      auth,
    });
    this.socket = socket;
    socket.on("connect", () => void this.replay());
    socket.on("connect_error", (error) => {
      this.drop();
      const code = error.message;
      if (code.startsWith("auth.token")) {
        void this.client.renew().then(() => this.connect(), (failure: unknown) => this.failed(failure));
        return;
      }
      this.failed(code.includes(".") ? new Problem(code, "The gateway refused the live line", "") : undefined);
    });
    socket.on("disconnect", () => {
      this.drop();
      this.failed(undefined);
    });
    socket.onAny((_name: string, event: Event) => this.arrived(event));
    this.renewInTime();
  }

  /** Show the socket a new token before the old one ends. */
  private renewInTime(): void {
    void this.client.tokens().then((tokens) => {
      this.after(Math.max(5, tokens.expires_in - RENEW_BEFORE_S) * 1000, async () => {
        try {
          await this.client.renew();
          this.socket?.emit("auth.refresh", await this.client.socketAuth());
          this.renewInTime();
        } catch (error) {
          this.failed(error);
        }
      });
    });
  }

  private async replay(): Promise<void> {
    this.replaying = true;
    try {
      for (;;) {
        const page = await this.client.call<Schemas["EventPage"]>(`/api/v1/events?after=${encodeURIComponent(this.cursor ?? "latest")}&wait_ms=0`);
        for (const event of page.events) this.tell(event);
        this.cursor = page.next;
        if (page.events.length === 0) break;
      }
    } catch (error) {
      this.replaying = false;
      this.drop();
      this.failed(error);
      return;
    }
    this.replaying = false;
    const early = this.early;
    this.early = [];
    for (const event of early) this.tell(event);
    this.failures = 0;
    this.listener.caughtUp(this.cursor);
  }

  private arrived(event: Event): void {
    if (this.replaying) this.early.push(event);
    else this.tell(event);
    this.fresh = true;
  }

  private tell(event: Event): void {
    if ((this.seen.get(event.source) ?? 0) >= event.seq) return;
    this.seen.set(event.source, event.seq);
    this.listener.event(event);
  }

  /** Live events move no cursor: ask for today's now and then, so that a new start misses and repeats little. */
  private async keepCursor(): Promise<void> {
    if (!this.fresh || !this.socket?.connected || this.replaying) return;
    this.fresh = false;
    await this.replay();
  }

  private failed(error: unknown): void {
    if (this.closed) return;
    const problem = error instanceof Problem ? error : new Problem("network.unreachable", "The gateway does not answer", "");
    const final = FINAL.has(problem.code);
    this.listener.down(problem, final);
    if (final) return;
    const ceiling = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.failures);
    this.failures = Math.min(this.failures + 1, 10);
    const wait = problem.retryAfterS === null ? ceiling * (0.5 + this.random() / 2) : problem.retryAfterS * 1000;
    this.after(wait, () => void this.connect());
  }

  private drop(): void {
    const socket = this.socket;
    this.socket = undefined;
    socket?.removeAllListeners();
    socket?.offAny();
    socket?.disconnect();
  }

  private after(ms: number, act: () => void): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      if (!this.closed) act();
    }, ms);
    this.timers.add(timer);
  }

  private every(ms: number, act: () => void): void {
    this.after(ms, () => {
      act();
      this.every(ms, act);
    });
  }
}
