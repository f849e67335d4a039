import assert from "node:assert/strict";
import { SaxesParser } from "saxes";
import { recordingPicture, terminalPicture } from "../pictures/terminal";

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

  it("accepts only its own colours", () =>
    assert.throws(() => terminalPicture("x", "\u001b[95mpink"), /no colour for code 95/));

  it("shows all lines of a recording where nothing moves, and hides each until its time", () => {
    const long = "x".repeat(130);
    const picture = recordingPicture("a <title>", [
      { at: 0, line: "first" },
      { at: 2.5, line: `\u001b[32m${long}\u001b[39m` },
      { at: 2.5, line: "last" },
    ]);
    const shown: Record<string, string[]> = {};
    let group = "";
    const parser = new SaxesParser();
    parser.on("error", (error) => assert.fail(error.message));
    parser.on("opentag", ({ name, attributes }) => {
      assert.notEqual(name, "script");
      assert.equal(attributes.opacity, undefined);
      if (name === "g") shown[(group = String(attributes.class))] = [];
      if (name === "text") shown[group].push("");
    });
    parser.on(
      "text",
      (text) => group !== "" && shown[group].length > 0 && (shown[group][shown[group].length - 1] += text),
    );
    parser.write(picture).close();
    assert.deepEqual(
      Object.values(shown).map((texts) => texts.map((text) => text.trim())),
      [["first"], [long.slice(0, 100), long.slice(100), "last"]],
    );
    // 1 s of the end, 2.5 s, 8 s of the end.
    assert.match(picture, /prefers-reduced-motion: no-preference/);
    assert.match(picture, /\.k1\{animation:k1 11\.50s step-end infinite\}/);
    assert.match(
      picture,
      /@keyframes k1\{0%,8\.70%\{opacity:1\}8\.78%\{opacity:0\}30\.52%\{opacity:0\}30\.61%,100%\{opacity:1\}\}/,
    );
  });
});
