/** Who somebody is: an Ethereum address that can sign, in a browser's wallet (EIP-6963) or made and kept here. */

import { hexOf, utf8, type Bytes } from "../protocol/bytes";
import { ownScript } from "../trusted";
import { all, keep, one, seal, unseal } from "./database";
import type { Answered, Asked } from "./signer.worker";
import signerUrl from "./signer.worker?worker&url";

/** Signs messages as one address. */
export interface Wallet {
  /** EIP-55 form. */
  readonly address: string;
  /** What people know it by: the name of the browser's wallet; empty for one made here. */
  readonly provider: string;
  /** EIP-191 personal_sign: 65 bytes as 0x-hex. */
  sign(message: string): Promise<string>;
}

/** The person said no, or the wallet could not. */
export class WalletRefused extends Error {}

async function signer<A extends Asked["act"]>(asked: Asked & { act: A }): Promise<Answered & { act: A }> {
  const worker = new Worker(ownScript(new URL(signerUrl, location.href)) as string, { type: "module" });
  try {
    return await new Promise((resolve, reject) => {
      worker.onmessage = (event: MessageEvent<Answered>) =>
        event.data.act === "failed" ? reject(new WalletRefused(event.data.why)) : resolve(event.data as Answered & { act: A });
      worker.onerror = (event) => reject(new WalletRefused(event.message));
      worker.postMessage(asked);
    });
  } finally {
    worker.terminate();
  }
}

/** A new wallet, kept in this browser. */
export async function makeWallet(): Promise<Wallet> {
  const { key, address } = await signer({ act: "make" });
  await keep("wallets", { address, sealed: await seal(new Uint8Array(key)) });
  return kept(address);
}

/** The wallet of an address that was made or imported here. */
export function kept(address: string): Wallet {
  return {
    address,
    provider: "",
    sign: async (message) => (await signer({ act: "sign", key: await keyOf(address), message })).signature,
  };
}

async function keyOf(address: string): Promise<Bytes> {
  const found = await one("wallets", address);
  if (!found) throw new WalletRefused("This browser does not have the wallet any more.");
  return unseal(found.sealed);
}

/** Addresses of the wallets that were made or imported here. */
export async function keptAddresses(): Promise<string[]> {
  return (await all("wallets")).map((wallet) => wallet.address);
}

/** An encrypted keystore file (Web3 Secret Storage V3) of a wallet that was made here. */
export async function exportWallet(address: string, passphrase: string): Promise<string> {
  return (await signer({ act: "export", key: await keyOf(address), passphrase })).keystore;
}

/** Keep the wallet of a keystore file here; its address. */
export async function importWallet(keystore: string, passphrase: string): Promise<string> {
  const { key, address } = await signer({ act: "import", keystore, passphrase });
  await keep("wallets", { address, sealed: await seal(new Uint8Array(key)) });
  return address;
}

/** A wallet that announced itself (EIP-6963). */
export interface Announced {
  info: { uuid: string; name: string; icon: string; rdns: string };
  provider: { request(asked: { method: string; params?: unknown[] }): Promise<unknown> };
}

/** Ask wallets to announce themselves; `heard` is called for each, until the returned function is. */
export function wallets(heard: (wallet: Announced) => void): () => void {
  const seen = new Set<string>();
  const listen = (event: Event): void => {
    const detail = (event as CustomEvent<Announced>).detail;
    if (typeof detail?.info?.uuid !== "string" || seen.has(detail.info.uuid)) return;
    seen.add(detail.info.uuid);
    heard(detail);
  };
  addEventListener("eip6963:announceProvider", listen);
  dispatchEvent(new Event("eip6963:requestProvider"));
  return () => removeEventListener("eip6963:announceProvider", listen);
}

/** Use a browser's wallet, at one of the addresses that its person chooses there. */
export async function connect(announced: Announced, address?: string): Promise<Wallet> {
  const ask = async (method: string, params: unknown[] = []): Promise<unknown> => {
    try {
      return await announced.provider.request({ method, params });
    } catch (error) {
      throw new WalletRefused(error instanceof Error ? error.message : String((error as { message?: unknown })?.message ?? "refused"));
    }
  };
  const accounts = (await ask("eth_requestAccounts")) as string[];
  const chosen = address ? accounts.find((account) => account.toLowerCase() === address.toLowerCase()) : accounts[0];
  if (chosen === undefined) throw new WalletRefused("That account is not open in the wallet.");
  const { getAddress } = await import("ethers");
  const mixed = getAddress(chosen);
  return {
    address: mixed,
    provider: announced.info.name,
    sign: async (message) => (await ask("personal_sign", [hexOf(utf8(message)), mixed])) as string,
  };
}
