/** Trusted Types (W3C): the scripts that this program starts by their address are its own, and no others. */

declare global {
  interface Window {
    trustedTypes?: { createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): unknown } };
  }
}

let policy: { createScriptURL(url: string): unknown } | undefined;

/** The address of a script of ours, as the browser wants it. */
export function ownScript(url: URL): unknown {
  policy ??= window.trustedTypes?.createPolicy("flowork", {
    createScriptURL: (asked) => {
      if (new URL(asked, location.href).origin !== location.origin) throw new TypeError("not one of ours");
      return asked;
    },
  });
  return policy?.createScriptURL(url.href) ?? url.href;
}
