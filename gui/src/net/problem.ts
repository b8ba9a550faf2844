/** What a gateway says when it says no (RFC 9457), and what the network says instead of it. */

/** A refusal, or silence. `code` is one of docs/protocol.md, or `network.unreachable`. */
export class Problem extends Error {
  constructor(
    readonly code: string,
    readonly title: string,
    readonly detail: string,
    readonly status = 0,
    /** Seconds; null when the gateway named none. */
    readonly retryAfterS: number | null = null,
    readonly extra: Record<string, unknown> = {},
  ) {
    super(`${code}: ${title}`);
  }

  /** Nobody answered: the request may or may not have arrived. */
  get unreachable(): boolean {
    return this.code === UNREACHABLE;
  }
}

export const UNREACHABLE = "network.unreachable";

/** The problem of an answer. */
export async function problemOf(response: Response): Promise<Problem> {
  const after = Number(response.headers.get("retry-after"));
  const retryAfterS = Number.isFinite(after) && after > 0 ? after : null;
  let told: Record<string, unknown> = {};
  try {
    const body: unknown = await response.json();
    if (typeof body === "object" && body !== null) told = body as Record<string, unknown>;
  } catch {
    // Something between us and the gateway answered, such as a tunnel's own error page.
  }
  const word = (name: string, otherwise: string): string => (typeof told[name] === "string" ? told[name] : otherwise);
  return new Problem(word("code", `http.${response.status}`), word("title", response.statusText || "The gateway said no"), word("detail", ""), response.status, retryAfterS, told);
}
