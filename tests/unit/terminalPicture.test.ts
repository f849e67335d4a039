import assert from "node:assert/strict";
import { SaxesParser } from "saxes";
import { terminalPicture } from "../pictures/terminal";

describe("picture of a terminal", () => {
  it("has each text in its column, colour and weight, and is well-formed", () => {
    const picture = terminalPicture(
      "x --y <z>",
      "\u001b[1mbold\u001b[22m plain\n\u001b[32m│ ä&b │\u001b[39m  end\n",
    );
    const found: { text: string; x: number; fill: string; bold: boolean }[] = [];
    const parser = new SaxesParser();
    parser.on("error", (error) => assert.fail(error.message));
    parser.on("opentag", ({ name, attributes }) => {
      const { x, fill, "font-weight": weight } = attributes as Record<string, string>;
      if (name === "text") found.push({ text: "", x: Number(x), fill, bold: weight !== undefined });
    });
    parser.on("text", (text) => found.length > 0 && (found.at(-1)!.text += text));
    parser.write(picture).close();
    const [ink, green, cyan] = ["#e6edf3", "#7ee787", "#76e3ea"];
    assert.deepEqual(
      found.map(({ text, x, fill, bold }) => [text.trimEnd(), Math.round((x - 18) / 8.4), fill, bold]),
      [
        ["$", 0, cyan, false],
        [" x --y <z>", 1, ink, false],
        ["bold", 0, ink, true],
        [" plain", 4, ink, false],
        ["│ ä&b │", 0, green, false],
        ["  end", 7, ink, false],
      ],
    );
  });

  it("knows its colours only", () =>
    assert.throws(() => terminalPicture("x", "\u001b[95mpink"), /no colour for code 95/));
});
