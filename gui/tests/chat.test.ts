import { expect, test } from "vitest";
import { answerOf, payloadOf } from "../src/state/chat";

test("a conversation asks with every turn that was answered, and the last one", () => {
  const turns = [{ said: "a", answer: "b" }, { said: "lost", failure: "no" }, { said: "stopped", answer: "", stopped: true }, { said: "now" }];
  expect(payloadOf({ engine: "any", model: "fast", system: "Be brief", turns })).toEqual({
    model: "fast",
    messages: [
      { role: "system", content: "Be brief" },
      { role: "user", content: "a" },
      { role: "assistant", content: "b" },
      { role: "user", content: "now" },
    ],
  });
});

test("an answer is its text, its parts, or what the model wants called", () => {
  expect(answerOf({ message: { content: "yes" } })).toBe("yes");
  expect(answerOf({ message: { content: [{ type: "text", text: "a" }, { type: "text", text: "b" }] } })).toBe("ab");
  expect(answerOf({ message: { content: null, tool_calls: [{ id: "1" }] } })).toContain('"id": "1"');
  expect(answerOf(null)).toBe("");
});
