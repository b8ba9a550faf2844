/** Holds a value against a JSON Schema before it is sent: the gateway judges, this only saves a way. Unknown words are let pass. */

import { say } from "../words";

export type Schema = { [word: string]: unknown };

/** What does not fit, and where: `messages[0].role`. */
export interface Misfit {
  place: string;
  says: string;
}

const DEPTH = 32;

/** Everything in `value` that does not fit. */
export function misfits(schema: Schema, value: unknown): Misfit[] {
  return check(schema, value, "", schema, 0);
}

/** The schema that a `$ref` within the same document leads to. */
export function resolved(schema: Schema, root: Schema): Schema {
  let found = schema;
  for (let step = 0; step < DEPTH && typeof found.$ref === "string"; step++) {
    if (!found.$ref.startsWith("#")) return {};
    let at: unknown = root;
    for (const part of found.$ref.slice(1).split("/").filter(Boolean)) at = isObject(at) ? at[decodeURIComponent(part).replace(/~1/g, "/").replace(/~0/g, "~")] : undefined;
    if (!isObject(at)) return {};
    const { $ref: _, ...beside } = found;
    found = { ...at, ...beside };
  }
  return found;
}

/** Whether it is a JSON object. */
export function isObject(value: unknown): value is { [key: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The types that a schema names. */
export function typesOf(schema: Schema): string[] {
  return (Array.isArray(schema.type) ? schema.type : [schema.type]).filter((type): type is string => typeof type === "string");
}

function check(given: Schema, value: unknown, place: string, root: Schema, depth: number): Misfit[] {
  if (depth > DEPTH) return [];
  const schema = resolved(given, root);
  const misfit = (says: string): Misfit[] => [{ place, says }];
  const types = typesOf(schema);
  if (types.length && !types.some((type) => isOf(type, value))) return misfit(say("must be {type}", { type: types.map(named).join(say(" or ")) }));
  if ("const" in schema && !same(schema.const, value)) return misfit(say("must be {value}", { value: JSON.stringify(schema.const) }));
  if (Array.isArray(schema.enum) && !schema.enum.some((one) => same(one, value))) {
    return misfit(say("must be one of {values}", { values: schema.enum.map((one) => JSON.stringify(one)).join(", ") }));
  }
  const found: Misfit[] = [];
  for (const word of ["anyOf", "oneOf"]) found.push(...alternatives(schema[word], value, place, root, depth));
  for (const part of list(schema.allOf)) found.push(...check(part, value, place, root, depth + 1));
  if (typeof value === "number") found.push(...bounds(schema, value, place));
  if (typeof value === "string") found.push(...lengths(schema, [...value].length, place, "minLength", "maxLength"), ...patterned(schema, value, place));
  if (Array.isArray(value)) {
    found.push(...lengths(schema, value.length, place, "minItems", "maxItems"));
    const items = schema.items;
    if (isObject(items)) value.forEach((one, index) => found.push(...check(items, one, `${place}[${index}]`, root, depth + 1)));
  }
  if (isObject(value)) found.push(...properties(schema, value, place, root, depth));
  return found;
}

function properties(schema: Schema, value: { [key: string]: unknown }, place: string, root: Schema, depth: number): Misfit[] {
  const found: Misfit[] = [];
  const known = isObject(schema.properties) ? schema.properties : {};
  for (const name of Array.isArray(schema.required) ? schema.required : []) {
    if (typeof name === "string" && !Object.hasOwn(value, name)) found.push({ place: within(place, name), says: say("is missing") });
  }
  for (const [name, one] of Object.entries(value)) {
    const own = Object.hasOwn(known, name) ? known[name] : undefined;
    if (isObject(own)) found.push(...check(own, one, within(place, name), root, depth + 1));
    else if (own === undefined && schema.additionalProperties === false && !isObject(schema.patternProperties)) found.push({ place: within(place, name), says: say("is not known here") });
    else if (own === undefined && isObject(schema.additionalProperties)) found.push(...check(schema.additionalProperties, one, within(place, name), root, depth + 1));
  }
  return found;
}

/** One of them must fit; else the one that comes nearest says why. */
function alternatives(word: unknown, value: unknown, place: string, root: Schema, depth: number): Misfit[] {
  let nearest: Misfit[] | undefined;
  for (const one of list(word)) {
    const found = check(one, value, place, root, depth + 1);
    if (!found.length) return [];
    const deep = (each: Misfit[]): number => Math.max(...each.map((misfit) => misfit.place.length));
    if (!nearest || deep(found) > deep(nearest)) nearest = found;
  }
  return nearest ?? [];
}

function bounds(schema: Schema, value: number, place: string): Misfit[] {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema;
  if (typeof minimum === "number" && value < minimum) return [{ place, says: say("must be at least {number}", { number: minimum }) }];
  if (typeof maximum === "number" && value > maximum) return [{ place, says: say("must be at most {number}", { number: maximum }) }];
  if (typeof exclusiveMinimum === "number" && value <= exclusiveMinimum) return [{ place, says: say("must be more than {number}", { number: exclusiveMinimum }) }];
  if (typeof exclusiveMaximum === "number" && value >= exclusiveMaximum) return [{ place, says: say("must be less than {number}", { number: exclusiveMaximum }) }];
  return [];
}

function lengths(schema: Schema, length: number, place: string, least: string, most: string): Misfit[] {
  const [low, high] = [schema[least], schema[most]];
  if (typeof low === "number" && length < low) return [{ place, says: say("is too short: at least {number}", { number: low }) }];
  if (typeof high === "number" && length > high) return [{ place, says: say("is too long: at most {number}", { number: high }) }];
  return [];
}

function patterned(schema: Schema, value: string, place: string): Misfit[] {
  if (typeof schema.pattern !== "string" || value.length > 10_000) return [];
  try {
    return new RegExp(schema.pattern, "u").test(value) ? [] : [{ place, says: say("must look like {pattern}", { pattern: schema.pattern }) }];
  } catch {
    return []; // another dialect: the gateway judges
  }
}

function isOf(type: string, value: unknown): boolean {
  switch (type) {
    case "null": return value === null;
    case "array": return Array.isArray(value);
    case "object": return isObject(value);
    case "integer": return typeof value === "number" && Number.isInteger(value);
    case "number": case "string": case "boolean": return typeof value === type;
    default: return true;
  }
}

function named(type: string): string {
  const words: Record<string, string> = { string: say("a text"), number: say("a number"), integer: say("a whole number"), boolean: say("true or false"), array: say("a list"), object: say("an object"), null: say("nothing (null)") };
  return words[type] ?? type;
}

function within(place: string, name: string): string {
  return place ? `${place}.${name}` : name;
}

function list(word: unknown): Schema[] {
  return Array.isArray(word) ? word.filter(isObject) : [];
}

function same(one: unknown, other: unknown): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}
