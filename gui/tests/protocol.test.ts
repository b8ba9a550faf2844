/** The browser computes what the gateway computes, and refuses what is not the one spelling of it. */

import { describe, expect, it } from "vitest";
import { decoded, encoded, hexOf, sha256, text, utf8 } from "../src/protocol/bytes";
import { sixDigits } from "../src/protocol/digits";
import { signedByGateway } from "../src/protocol/identity";
import { asksForPairing, codeDigest, isOrigin, keyWords, LinkRefused, readLink } from "../src/protocol/link";
import { actionResource, asExpected, buildMessage, gatewayResource, sessionKeyResource, signedPart, transcript } from "../src/protocol/message";
import { SessionKey } from "../src/protocol/proof";
import { vectors } from "./vectors";

describe("pairing links", () => {
  it("are read as the gateway wrote them", async () => {
    for (const made of vectors.links) {
      const link = readLink(made.text);
      expect(link).toEqual({ gateway: made.gateway, offer: made.offer, code: made.code, gatewayKey: decoded(made.key), expiresAt: made.expires_at });
      expect(await keyWords(link.gatewayKey)).toBe(made.words);
      expect(hexOf(await codeDigest(made.code))).toBe("0x" + made.digest);
      expect(asksForPairing(new URL(made.text).hash)).toBe(true);
    }
  });

  const good = vectors.links[0]!.text;
  const changed = (name: string, value: string): string => {
    const told = new URLSearchParams(good.split("#/pair?")[1]);
    told.set(name, value);
    return `https://gui.example/#/pair?${told}`;
  };
  it.each([
    ["nothing", ""],
    ["another page", "https://gui.example/#/jobs"],
    ["another version", changed("v", "2")],
    ["a gateway with a path", changed("g", encoded(utf8("https://home.example/path")))],
    ["a gateway with a name and password", changed("g", encoded(utf8("https://a:b@home.example")))],
    ["a script for a gateway", changed("g", encoded(utf8("javascript:alert(1)")))],
    ["a file for a gateway", changed("g", encoded(utf8("file:///etc/passwd")))],
    ["a gateway in capitals", changed("g", encoded(utf8("https://HOME.example")))],
    ["bytes that are no text", changed("g", "_____w")],
    ["a short key", changed("k", "AAAA")],
    ["a key spelled another way", changed("k", "A".repeat(42) + "B")],
    ["an offer with a slash", changed("p", "../../../../etc/")],
    ["markup for a code", changed("c", "<img src=x onerror=alert(1)>")],
    ["a date that is none", changed("e", "1e9")],
    ["a code given twice", `${good}&c=${"A".repeat(26)}`],
    ["a very long one", good + "&x=" + "a".repeat(2000)],
  ])("refuse %s", (_what, link) => {
    expect(() => readLink(link)).toThrow(LinkRefused);
    try {
      readLink(link);
    } catch (error) {
      expect(String(error)).not.toContain(vectors.links[0]!.code);
    }
  });

  it("know an origin from what only looks like one", () => {
    for (const word of ["https://a.example", "http://127.0.0.1:7717", "http://[::1]:8080"]) expect(isOrigin(word)).toBe(true);
    for (const word of ["https://a.example/", "https://a.example:443", "ftp://a.example", "https://a.example#x", "", "null"]) expect(isOrigin(word)).toBe(false);
  });
});

describe("challenges", () => {
  it("give the message, the transcript and the digits that the gateway has", async () => {
    for (const made of vectors.challenges) {
      expect(buildMessage(made.challenge, made.address)).toBe(made.message);
      const digest = await transcript(made.challenge, made.address);
      expect(encoded(digest)).toBe(made.transcript);
      const shares = [decoded(made.client_nonce), decoded(made.gateway_nonce)] as const;
      expect(await sixDigits(...shares, digest, decoded(made.gateway_key))).toBe(made.digits);
    }
  });

  it("are the gateway's only as a whole", async () => {
    const { challenge, address, gateway_key } = vectors.challenges[0]!;
    const signature = decoded(challenge.signature);
    expect(await signedByGateway(decoded(gateway_key), await signedPart(challenge, address), signature)).toBe(true);
    for (const change of [{ nonce: "x" }, { uri: "https://evil.example" }, { chain_id: 2 }, { resources: [] }, { client_commitment: "y" }, { gateway_nonce: "" }]) {
      expect(await signedByGateway(decoded(gateway_key), await signedPart({ ...challenge, ...change }, address), signature)).toBe(false);
    }
    expect(await signedByGateway(decoded(vectors.challenges[1]!.gateway_key), await signedPart(challenge, address), signature)).toBe(false);
  });

  it("must say what this browser expects", () => {
    const thumbprint = "t".repeat(43);
    const expected = { gateway: "https://home.example", origin: "https://gui.example", thumbprint, statement: "s", actions: [], offer: "o", clientCommitment: "c" };
    const good = {
      ...vectors.challenges[0]!.challenge,
      resources: [gatewayResource("g"), sessionKeyResource(thumbprint)],
      gateway_id: "g",
      session_key: thumbprint,
      origin: "https://gui.example",
      uri: "https://home.example/api/v1/auth/sign-in",
      statement: "s",
      chain_id: 1,
      request_id: "o",
      client_commitment: "c",
    };
    expect(asExpected(good, expected)).toBe(true);
    const wrong = [
      { uri: "https://other.example/api/v1/auth/sign-in" },
      { origin: "https://other.example" },
      { session_key: "u".repeat(43) },
      { statement: "Approve: POST /api/v1/drain" },
      { resources: [...good.resources, "urn:flowork:action:x"] },
      { resources: [good.resources[0]!] },
      { chain_id: 5 },
      { request_id: "another" },
      { client_commitment: "" },
    ];
    for (const change of wrong) expect(asExpected({ ...good, ...change }, expected)).toBe(false);
  });

  it("name the request that is approved", async () => {
    for (const { asked, resource } of vectors.actions) expect(await actionResource(...asked)).toBe(resource);
  });
});

describe("proofs", () => {
  it("are signed by a key that cannot be exported, and say what they are for", async () => {
    const session = await SessionKey.open(undefined, () => 1000);
    await expect(crypto.subtle.exportKey("pkcs8", session.pair.privateKey)).rejects.toThrow();
    const body = utf8("{}");
    session.setClock(5000.7);
    const [head, claims, signature] = (await session.proof("POST", "https://home.example/api/v1/jobs", "token", body)).split(".");
    const header = JSON.parse(text(decoded(head!)));
    expect(Object.keys(header).sort()).toEqual(["alg", "jwk", "typ"]);
    expect(Object.keys(header.jwk).sort()).toEqual(["crv", "kty", "x", "y"]);
    expect(JSON.parse(text(decoded(claims!)))).toMatchObject({
      htm: "POST",
      htu: "https://home.example/api/v1/jobs",
      iat: 5000,
      ath: encoded(await sha256(utf8("token"))),
      bdh: encoded(await sha256(body)),
    });
    const genuine = await crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, session.pair.publicKey, decoded(signature!), utf8(`${head}.${claims}`));
    expect(genuine).toBe(true);
  });

  it("are never twice the same, and the key's name is its thumbprint", async () => {
    const session = await SessionKey.open();
    const again = await SessionKey.open(session.pair);
    expect(again.thumbprint).toBe(session.thumbprint);
    expect(await session.proof("GET", "https://a.example/")).not.toBe(await session.proof("GET", "https://a.example/"));
    for (const { jwk, thumbprint, body, bdh } of vectors.proofs) {
      expect(encoded(await sha256(utf8(JSON.stringify(jwk))))).toBe(thumbprint);
      expect(encoded(await sha256(decoded(body)))).toBe(bdh);
    }
  });
});
