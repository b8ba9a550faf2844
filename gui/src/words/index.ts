/** What people read, in their language. A text is written in English where it is shown, `say("Submit a job")`, and looked up. */

import { ref } from "vue";

export type Language = "en" | "id";
export const LANGUAGES: Record<Language, string> = { en: "English", id: "Bahasa Indonesia" };

const KEPT = "flowork.language";
export const language = ref<Language>("en");
let catalogue: Record<string, string> = {};

/** Speak the language that was chosen before, else the browser's, if Flowork does. */
export async function begin(): Promise<void> {
  const kept = localStorage.getItem(KEPT);
  await speak(kept === "en" || kept === "id" ? kept : navigator.language.toLowerCase().startsWith("id") ? "id" : "en", false);
}

/** Speak a language from now on. */
export async function speak(chosen: Language, keep = true): Promise<void> {
  catalogue = chosen === "id" ? (await import("./indonesian")).CATALOGUE : {};
  document.documentElement.lang = chosen;
  language.value = chosen;
  if (keep) localStorage.setItem(KEPT, chosen);
}

/** A text in this language, with its named placeholders filled. */
export function say(text: string, values: Record<string, string | number> = {}): string {
  void language.value; // whoever shows it shows it anew when the language changes
  const said = catalogue[text] ?? text;
  return said.replace(/\{(\w+)\}/g, (whole, name: string) => (name in values ? String(values[name]) : whole));
}

/** A text about so many things; both forms may hold `{number}`. */
export function count(one: string, many: string, number: number, values: Record<string, string | number> = {}): string {
  const form = number === 1 && language.value === "en" ? one : many;
  return say(form, { number: figure(number), ...values });
}

/** The formats of a language; making one takes longer than using it a hundred times. */
const formats = new Map<string, Intl.NumberFormat | Intl.DateTimeFormat>();

function format<Format extends Intl.NumberFormat | Intl.DateTimeFormat>(name: string, make: (locale: string) => Format): Format {
  const key = `${language.value} ${name}`;
  const made = (formats.get(key) as Format | undefined) ?? make(navigator.languages.find((one) => one.toLowerCase().startsWith(language.value)) ?? language.value);
  formats.set(key, made);
  return made;
}

/** With the separators of the language. */
export function figure(value: number, digits = 0): string {
  return format(`figure ${digits}`, (locale) => new Intl.NumberFormat(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits })).format(value);
}

/** 3.1 ms, 412 ms, 1.52 s; a dash for what was not measured. */
export function milliseconds(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  return value >= 1000 ? `${figure(value / 1000, 2)} s` : `${figure(value, value < 100 ? 1 : 0)} ms`;
}

/** A time as people of this language write it, where the browser says in which country. */
export function time(at: string): string {
  return format("time", (locale) => new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium" })).format(new Date(at));
}
