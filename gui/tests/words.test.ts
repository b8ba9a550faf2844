/** Every text that a page says is there in Indonesian, with the same placeholders. */

import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { CATALOGUE } from "../src/words/indonesian";

function files(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) return name === "wire" ? [] : files(path);
    return /\.(ts|vue)$/.test(name) && !name.startsWith("indonesian") ? [path] : [];
  });
}

const said = files(join(import.meta.dirname, "../src")).flatMap((path) => {
  const source = readFileSync(path, "utf-8");
  const plain = [...source.matchAll(/\bsay\(\s*(?:"([^"]*)"|'([^']*)')/g)].map((found) => found[1] ?? found[2]!);
  const counted = [...source.matchAll(/\bcount\(\s*(?:"[^"]*"|'[^']*'),\s*(?:"([^"]*)"|'([^']*)')/g)].map((found) => found[1] ?? found[2]!);
  return [...plain, ...counted];
});
const holes = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map((found) => found[1]!).sort();

it("finds the words", () => expect(said.length).toBeGreaterThan(200));

it("translates every text", () => {
  expect([...new Set(said)].filter((text) => text !== "Submit a job" && !(text in CATALOGUE))).toEqual([]);
});

it("keeps the placeholders", () => {
  expect(Object.entries(CATALOGUE).filter(([text, translated]) => String(holes(text)) !== String(holes(translated)))).toEqual([]);
});
