/** A form from the JSON Schema of an object, and the object from the filled form. */

import { say } from "../words";
import { isObject, type Misfit, misfits, resolved, type Schema, typesOf } from "./check";

export type Kind = "text" | "long" | "number" | "integer" | "boolean" | "choice" | "json";

/** One control of the form. */
export interface Field {
  name: string;
  label: string;
  kind: Kind;
  required: boolean;
  description: string;
  /** What the control shows before anybody touches it. */
  begins: string;
  /** Of a choice: as JSON, since an enum may hold anything. */
  options: { value: string; label: string }[];
}

/** What is in the controls: text, or the JSON of a choice; a boolean is "true", "false" or empty. */
export type Filled = Record<string, string>;

/** The controls for an object's properties, required ones first. */
export function fieldsOf(schema: Schema): Field[] {
  const root = resolved(schema, schema);
  const required = new Set(Array.isArray(root.required) ? root.required : []);
  const fields = Object.entries(isObject(root.properties) ? root.properties : {}).map(([name, given]) => field(name, isObject(given) ? given : {}, required.has(name), schema));
  return [...fields.filter((one) => one.required), ...fields.filter((one) => !one.required)];
}

/** The controls as they begin. */
export function beginning(fields: readonly Field[]): Filled {
  return Object.fromEntries(fields.map((one) => [one.name, one.begins]));
}

/** The object that the form means, and what is wrong with it. Empty optional fields are left out. */
export function valueOf(schema: Schema, fields: readonly Field[], filled: Filled): { value: Record<string, unknown>; wrong: Misfit[] } {
  const value: Record<string, unknown> = {};
  const wrong: Misfit[] = [];
  for (const one of fields) {
    const text = filled[one.name] ?? "";
    if (text === "" && !(one.required && (one.kind === "text" || one.kind === "long"))) continue;
    try {
      set(value, one.name, read(one.kind, text));
    } catch {
      wrong.push({ place: one.name, says: one.kind === "json" ? say("is no JSON") : say("must be {type}", { type: one.kind === "integer" ? say("a whole number") : say("a number") }) });
    }
  }
  const told = new Set(wrong.map((one) => one.place));
  return { value, wrong: [...wrong, ...misfits(schema, value).filter((one) => !told.has(one.place))] };
}

/** As an own property, whatever its name. */
function set(value: Record<string, unknown>, name: string, one: unknown): void {
  Object.defineProperty(value, name, { value: one, enumerable: true, writable: true, configurable: true });
}

function read(kind: Kind, text: string): unknown {
  if (kind === "text" || kind === "long") return text;
  if (kind === "boolean") return text === "true";
  if (kind === "choice" || kind === "json") return JSON.parse(text) as unknown;
  const number = Number(text.trim());
  if (text.trim() === "" || !Number.isFinite(number) || (kind === "integer" && !Number.isInteger(number))) throw new TypeError(text);
  return number;
}

function field(name: string, given: Schema, required: boolean, root: Schema): Field {
  const schema = withoutNull(resolved(given, root), root);
  const options = Array.isArray(schema.enum) ? schema.enum : "const" in schema ? [schema.const] : [];
  const kind = options.length ? "choice" : kindOf(schema);
  const fallback = schema.default ?? given.default;
  return {
    name,
    label: typeof schema.title === "string" ? schema.title : name,
    kind,
    required,
    description: typeof schema.description === "string" ? schema.description : "",
    begins: fallback === undefined || fallback === null ? "" : typeof fallback === "string" && kind !== "choice" && kind !== "json" ? fallback : JSON.stringify(fallback, null, kind === "json" ? 2 : 0),
    options: options.map((value: unknown) => ({ value: JSON.stringify(value), label: typeof value === "string" ? value : JSON.stringify(value) })),
  };
}

/** What is left of `X or null`; null is said by leaving the field empty. */
function withoutNull(schema: Schema, root: Schema): Schema {
  const choices = Array.isArray(schema.anyOf) ? schema.anyOf : Array.isArray(schema.oneOf) ? schema.oneOf : undefined;
  if (!choices) return schema;
  const others = choices.filter(isObject).map((one) => resolved(one, root)).filter((one) => one.type !== "null");
  return others.length === 1 ? { ...others[0], ...Object.fromEntries(["title", "description", "default"].filter((word) => word in schema).map((word) => [word, schema[word]])) } : schema;
}

function kindOf(schema: Schema): Kind {
  const types = typesOf(schema).filter((type) => type !== "null");
  if (types.length !== 1) return "json";
  switch (types[0]) {
    case "string": return typeof schema.maxLength === "number" && schema.maxLength <= 200 ? "text" : /multi|text|content|prompt|body/i.test(String(schema.title ?? "")) ? "long" : "text";
    case "number": return "number";
    case "integer": return "integer";
    case "boolean": return "boolean";
    default: return "json";
  }
}
