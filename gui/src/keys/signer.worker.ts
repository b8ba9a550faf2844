/** Signs with a wallet's key in a thread of its own: the key's bytes are here for one message, and are overwritten after it. */

import { SigningKey, computeAddress, decryptKeystoreJson, encryptKeystoreJson, hashMessage, hexlify, getBytes } from "ethers";

export type Asked =
  | { act: "make" }
  | { act: "sign"; key: Uint8Array; message: string }
  | { act: "export"; key: Uint8Array; passphrase: string }
  | { act: "import"; keystore: string; passphrase: string };
export type Answered =
  | { act: "make"; key: Uint8Array; address: string }
  | { act: "sign"; signature: string }
  | { act: "export"; keystore: string }
  | { act: "import"; key: Uint8Array; address: string }
  | { act: "failed"; why: string };

async function answer(asked: Asked): Promise<Answered> {
  switch (asked.act) {
    case "make": {
      const key = crypto.getRandomValues(new Uint8Array(32));
      return { act: "make", key, address: computeAddress(hexlify(key)) };
    }
    case "sign": {
      const signature = new SigningKey(hexlify(asked.key)).sign(hashMessage(asked.message)).serialized;
      asked.key.fill(0);
      return { act: "sign", signature };
    }
    case "export": {
      const account = { address: computeAddress(hexlify(asked.key)), privateKey: hexlify(asked.key) };
      asked.key.fill(0);
      return { act: "export", keystore: await encryptKeystoreJson(account, asked.passphrase) };
    }
    case "import": {
      const account = await decryptKeystoreJson(asked.keystore, asked.passphrase);
      return { act: "import", key: getBytes(account.privateKey), address: account.address };
    }
  }
}

self.onmessage = (event: MessageEvent<Asked>) => {
  answer(event.data).then(
    (told) => self.postMessage(told),
    (error: unknown) => self.postMessage({ act: "failed", why: error instanceof Error ? error.message : "unknown" } satisfies Answered),
  );
};
