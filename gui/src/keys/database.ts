/** What this browser keeps, in IndexedDB: gateways, their session keys, wallets. Nothing of it leaves this origin. */

import type { Bytes } from "../protocol/bytes";

/** Bytes under AES-GCM with a key that cannot be exported: stops whoever has the disk, not whoever runs this page. */
export interface Sealed {
  iv: Bytes;
  data: Bytes;
}

/** A gateway that this browser is paired with. */
export interface KeptGateway {
  /** Its id, from its key. */
  id: string;
  origin: string;
  /** Ed25519, base64url: pinned. */
  key: string;
  /** What the person calls it. */
  name: string;
  user: string;
  device: string;
  /** Address of the wallet that says who. */
  address: string;
  session: CryptoKeyPair;
  refresh?: Sealed | undefined;
  addedAt: string;
  /** The person signed out here: nothing is signed until they sign in. */
  signedOut?: boolean;
  /** The cursor up to which events were seen. */
  cursor?: string | undefined;
}

/** A wallet made here; its key is sealed. */
export interface KeptWallet {
  address: string;
  sealed: Sealed;
}

/** A submit that has not been answered yet: sent again with the same key, it makes no second job. */
export interface KeptSubmit {
  key: string;
  gateway: string;
  body: string;
  at: string;
}

interface Tables {
  gateways: KeptGateway;
  wallets: KeptWallet;
  submits: KeptSubmit;
  keys: { name: string; key: CryptoKey };
}
const PATHS = { gateways: "id", wallets: "address", submits: "key", keys: "name" } as const;

let opened: Promise<IDBDatabase> | undefined;

function database(): Promise<IDBDatabase> {
  opened ??= new Promise((resolve, reject) => {
    const asked = indexedDB.open("flowork", 1);
    asked.onupgradeneeded = () => {
      for (const [table, keyPath] of Object.entries(PATHS)) asked.result.createObjectStore(table, { keyPath });
    };
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
  return opened;
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function table<N extends keyof Tables>(name: N, mode: IDBTransactionMode): Promise<IDBObjectStore> {
  return (await database()).transaction(name, mode).objectStore(name);
}

/** Everything of a table. */
export async function all<N extends keyof Tables>(name: N): Promise<Tables[N][]> {
  return done((await table(name, "readonly")).getAll() as IDBRequest<Tables[N][]>);
}

/** One row, if it is there. */
export async function one<N extends keyof Tables>(name: N, key: string): Promise<Tables[N] | undefined> {
  return done((await table(name, "readonly")).get(key) as IDBRequest<Tables[N] | undefined>);
}

/** Keep a row, in place of the one there was. */
export async function keep<N extends keyof Tables>(name: N, row: Tables[N]): Promise<void> {
  await done((await table(name, "readwrite")).put(row));
}

/** Forget a row. */
export async function forget(name: keyof Tables, key: string): Promise<void> {
  await done((await table(name, "readwrite")).delete(key));
}

async function wrapping(): Promise<CryptoKey> {
  const kept = await one("keys", "wrap");
  if (kept) return kept.key;
  const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
  await keep("keys", { name: "wrap", key });
  return key;
}

/** Seal bytes for this browser. */
export async function seal(bytes: Bytes): Promise<Sealed> {
  const iv = crypto.getRandomValues(new Uint8Array(12));
  return { iv, data: new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv }, await wrapping(), bytes)) };
}

/** What `seal` sealed. */
export async function unseal(sealed: Sealed): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv: sealed.iv }, await wrapping(), sealed.data));
}

/** Ask the browser not to evict this when space is short; true when it agreed. */
export async function persist(): Promise<boolean> {
  return (await navigator.storage?.persist?.()) ?? false;
}
