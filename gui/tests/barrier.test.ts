import { expect, it } from "vitest";
import { barrier } from "../src/net/barrier";

const PAGE = "https://gui.example";

it.each([
  [PAGE, "http://192.168.1.5:7717", "mixed"],
  [PAGE, "http://flowork.lan:7717", "mixed"],
  [PAGE, "http://flowork.example", "mixed"],
  [PAGE, "http://127.0.0.1:7717", "local"],
  [PAGE, "http://localhost:7717", "local"],
  [PAGE, "http://[::1]:7717", "local"],
  [PAGE, "https://192.168.1.5", "local"],
  [PAGE, "https://172.20.0.3", "local"],
  [PAGE, "https://[fd00::5]", "local"],
  ["http://gui.example", "http://10.0.0.7:7717", "local"],
  [PAGE, "https://flowork.example", undefined],
  [PAGE, "https://172.32.0.3", undefined],
  [PAGE, "https://10.example.org", undefined],
  ["http://127.0.0.1:7717", "http://127.0.0.1:7717", undefined],
])("between %s and %s: %s", (page, gateway, found) => expect(barrier(page, gateway)).toBe(found));
