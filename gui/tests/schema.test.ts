import { describe, expect, test } from "vitest";
import { misfits, type Schema } from "../src/schema/check";
import { beginning, fieldsOf, valueOf } from "../src/schema/fields";

const places = (schema: Schema, value: unknown): string[] => misfits(schema, value).map((one) => one.place);

/** As Pydantic writes them. */
const CHAT: Schema = {
  $defs: {
    Message: {
      type: "object",
      properties: { role: { enum: ["system", "user", "assistant"], type: "string" }, content: { anyOf: [{ type: "string" }, { type: "array", items: { $ref: "#/$defs/Part" } }, { type: "null" }], default: null } },
      required: ["role"],
      additionalProperties: false,
    },
    Part: { type: "object", properties: { type: { const: "text", type: "string" }, text: { type: "string" } }, required: ["type"], additionalProperties: false },
  },
  type: "object",
  properties: {
    model: { type: "string", pattern: "^[!-~]{1,200}$" },
    messages: { type: "array", items: { $ref: "#/$defs/Message" }, minItems: 1 },
    temperature: { anyOf: [{ type: "number", minimum: 0, maximum: 2 }, { type: "null" }], default: null },
  },
  required: ["model", "messages"],
  additionalProperties: false,
};

describe("a value against a schema", () => {
  test("fits", () => {
    expect(misfits(CHAT, { model: "fast", messages: [{ role: "user", content: "hi" }, { role: "user", content: [{ type: "text", text: "x" }] }], temperature: null })).toEqual([]);
  });

  test("does not fit, and the places are named", () => {
    expect(places(CHAT, { messages: [{ role: "nobody" }, { content: 3 }], tmperature: 1 }).sort()).toEqual(["messages[0].role", "messages[1].content", "messages[1].role", "model", "tmperature"]);
    expect(places(CHAT, { model: "two words", messages: [] })).toEqual(["model", "messages"]);
    expect(places(CHAT, { model: "m", messages: [{ role: "user", content: [{ type: "image" }] }] })).toEqual(["messages[0].content[0].type"]);
    expect(places(CHAT, { model: "m", messages: [{ role: "user", content: "" }], temperature: 3 })).toEqual(["temperature"]);
    expect(places(CHAT, 5)).toEqual([""]);
  });

  test("a whole number is one whatever its spelling, and true is no number", () => {
    expect(misfits({ type: "integer" }, JSON.parse("3.0"))).toEqual([]);
    expect(misfits({ type: "integer" }, 3.5)).toHaveLength(1);
    expect(misfits({ type: "number" }, true)).toHaveLength(1);
  });

  test("schemas that lead in circles or speak another dialect stop nobody", () => {
    expect(misfits({ $ref: "#/$defs/A", $defs: { A: { $ref: "#/$defs/A" } } }, 1)).toEqual([]);
    const tree: Schema = { $defs: { T: { type: "object", properties: { next: { $ref: "#/$defs/T" } } } }, $ref: "#/$defs/T" };
    expect(places(tree, { next: { next: 3 } })).toEqual(["next.next"]);
    expect(misfits({ type: "string", pattern: "(?P<x>a)" }, "b")).toEqual([]);
    expect(misfits({ type: "whatever" }, 1)).toEqual([]);
  });

  test("names that every object has are not taken for given ones", () => {
    expect(places({ type: "object", properties: {}, additionalProperties: false, required: ["constructor"] }, {})).toEqual(["constructor"]);
    expect(places({ type: "object", properties: {}, additionalProperties: false }, JSON.parse('{"toString": 1, "__proto__": 2}')).sort()).toEqual(["__proto__", "toString"]);
  });
});

const TOOL: Schema = {
  type: "object",
  properties: {
    note: { anyOf: [{ type: "string" }, { type: "null" }], default: null, description: "Anything" },
    size: { type: "integer", minimum: 16, default: 128 },
    ratio: { type: "number" },
    loud: { type: "boolean" },
    how: { enum: ["fast", "slow", 3] },
    more: { type: "object", properties: { x: { type: "integer" } } },
    input: { type: "string" },
  },
  required: ["input", "loud"],
  additionalProperties: false,
};

describe("a form from a schema", () => {
  const fields = fieldsOf(TOOL);
  const read = (filled: Record<string, string>) => valueOf(TOOL, fields, { ...beginning(fields), ...filled });

  test("has a control for each property, what is required first", () => {
    expect(fields.map((one) => [one.name, one.kind])).toEqual([
      ["loud", "boolean"], ["input", "text"], ["note", "text"], ["size", "integer"], ["ratio", "number"], ["how", "choice"], ["more", "json"],
    ]);
    expect(fields.find((one) => one.name === "size")?.begins).toBe("128");
    expect(fields.find((one) => one.name === "note")).toMatchObject({ begins: "", description: "Anything", required: false });
  });

  test("becomes the object that is meant; what is left empty is left out", () => {
    expect(read({ input: "a", loud: "false" })).toEqual({ value: { input: "a", loud: false, size: 128 }, wrong: [] });
    expect(read({ input: "", loud: "true", size: "", ratio: "0.5", how: "3", more: '{"x": 1}' })).toEqual({ value: { input: "", loud: true, ratio: 0.5, how: 3, more: { x: 1 } }, wrong: [] });
    expect(read({ input: "5", loud: "true", how: '"fast"' }).value).toMatchObject({ input: "5", how: "fast" });
  });

  test("says what is wrong, and where, once", () => {
    expect(read({ input: "a", size: "3.5", ratio: "x", more: "{" }).wrong.map((one) => one.place).sort()).toEqual(["loud", "more", "ratio", "size"]);
    expect(read({ input: "a", loud: "true", size: "1", more: '{"x": "y"}' }).wrong.map((one) => one.place).sort()).toEqual(["more.x", "size"]);
  });

  test("a schema without properties makes an empty form", () => {
    expect(fieldsOf({ type: "object" })).toEqual([]);
    expect(valueOf({ type: "object" }, [], {})).toEqual({ value: {}, wrong: [] });
  });
});
