import assert from "node:assert/strict";
import fc from "fast-check";
import MarkdownIt from "markdown-it";
import type { Change, Preview } from "../../../cli/pulumi/preview";
import { printable, shorten } from "../../../components/host/foreignText.cjs";
import { EACH, fileDiff } from "../../../cli/preview/diff";
import { code, fence, inline } from "../../../cli/preview/escape";
import { MOST_CHARACTERS, renderFailure, renderMarkdown } from "../../../cli/preview/markdown";
import { FlowFate, Move, TableSource } from "../../../components/network/moves";
import { change, flip, preview, move, router } from "./support";

const markdown = new MarkdownIt({ html: true });
type Token = ReturnType<typeof markdown.parse>[number];
const STACK = "loopback-ha/prod";

/** What a reader sees of a text, without the spaces that nobody sees. */
function seen(text: string): string {
  const [, inlines] = markdown.parse(`x ${text}`, {});
  const types = new Set(inlines.children!.map(({ type }) => type));
  assert.deepEqual(
    [...types].filter((type) => !["text", "code_inline"].includes(type)),
    [],
  );
  return textOf(inlines).slice(2);
}

function textOf({ children }: Pick<Token, "children">): string {
  const text = children!.map(({ content }) => content).join("");
  return text.replaceAll("\u200b", "");
}

/** Foreign text, as a reader shall see it. */
function visible(text: string): string {
  const line = printable(text.replace(/\s+/g, " ").trim());
  return line === "" ? "\u00a0" : line;
}

/** Text that means something in Markdown or HTML, and any other. */
const short = fc.oneof(
  fc
    .array(
      fc.constantFrom(
        ..."` ``` ```` | \\ \\| \n \r\n * ** _ ~~ [a](b) ![a](b) <b> <script> </details> </summary> <!-- --> & &lt; &#35; # #1 @user - > $x$ :a: ::: == 1. http://a.example www.a.example {+a+} \t \u202e é".split(
          " ",
        ),
        " ",
        "a",
      ),
      { maxLength: 12 },
    )
    .map((parts) => parts.join("")),
  fc.string({ unit: "binary", maxLength: 30 }),
);
const nasty = fc.oneof(
  { weight: 20, arbitrary: short },
  { weight: 1, arbitrary: fc.string({ unit: "binary", minLength: 1500, maxLength: 2000 }) },
);

describe("foreign text in Markdown", () => {
  const rows: [string, string][] = [
    ["web1", "web1"],
    ["a|b", "a&#124;b"],
    ["a\\|b", "a&#92;&#124;b"],
    ["two\nlines", "two lines"],
    ["", "&nbsp;"],
    ["<b>", "&#60;b>"],
    [
      "`a` *b* _c_ [d](e) ~~f~~ $g$ {h} &amp;",
      "&#96;a&#96; &#42;b&#42; &#95;c&#95; &#91;d&#93;(e) &#126;&#126;\u200bf&#126;&#126; &#36;\u200bg&#36; &#123;h&#125; &#38;\u200bamp;",
    ],
    ["> quoted", "&#62; quoted"],
    ["1. item", "1&#46; item"],
    ["1.\t", "1&#46;"],
    ["- item", "&#45; item"],
    ["http://a.example", "http&#58;//a.example"],
    ["see www.a.example", "see www&#46;a.example"],
    ["@user and #12", "@\u200buser and &#35;\u200b12"],
    ["\u202e", "\\u{202e}".replace("\\", "&#92;").replace("{", "&#123;").replace("}", "&#125;")],
  ];
  for (const [given, expected] of rows)
    it(JSON.stringify(given), () => assert.equal(inline(given), expected));

  it("is code if it is a name and nothing else", () => {
    assert.equal(code("192.0.2.64/27"), "`192.0.2.64/27`");
    assert.equal(code("a`b"), "a&#96;b");
  });

  it("is seen as it is", () => {
    fc.assert(
      fc.property(short, (text) => {
        assert.equal(seen(inline(text)), visible(text));
        assert.equal(seen(code(text)), visible(text));
      }),
    );
  });

  it("can't end a fence", () => {
    fc.assert(
      fc.property(fc.array(nasty.map(printable)), (lines) => {
        const tokens = markdown.parse(`${fence(lines, "diff")}\n\nafter`, {});
        assert.deepEqual(
          tokens.map(({ type }) => type),
          ["fence", "paragraph_open", "inline", "paragraph_close"],
        );
        assert.equal(tokens[0].content, lines.map((line) => `${line}\n`).join(""));
      }),
    );
  });
});

describe("preview as Markdown", () => {
  it("begins with the line that marks it, and the verdict", () => {
    const [marker, , verdict] = renderMarkdown(STACK, flip()).split("\n");
    assert.equal(marker, "<!-- loopback-ha preview of loopback-ha/prod -->");
    assert.match(
      verdict,
      /^### `loopback-ha\/prod`: 1 prefix moves \(web2 => web1\); 12 open connections stay/,
    );
    assert.equal(
      renderMarkdown("a--><b>", preview()).split("\n")[0],
      "<!-- loopback-ha preview of a--__b_ -->",
    );
  });

  it("has a table of moves, one of shares, and the diff of each machine, folded", () => {
    const text = renderMarkdown(STACK, flip());
    for (const part of [
      "#### Router `r1`",
      "| prefix | from | to | sites | open connections |",
      "| `192.0.2.64/27` | `web2` | `web1` | `gadgets`, `widgetco` | 12 open connections stay with web2 until the end |",
      "| `web1` | 1 of 2 (50 %) => 2 of 2 (100 %) |",
      "<details><summary><b>r1</b>: linux-routes update (+1 −1)</summary>",
      "```diff\n@@ -1,2 +1,2 @@\n 192.0.2.32/27 web1 192.0.2.2\n-192.0.2.64/27 web2 192.0.2.3\n+192.0.2.64/27 web1 192.0.2.2\n```",
    ])
      assert.ok(text.includes(part), `${text} lacks ${part}`);
  });

  const rows: [string, Partial<Preview>, string[]][] = [
    ["nothing", { routers: [] }, ["### `loopback-ha/prod`: nothing moves, nothing changes"]],
    [
      "a router of which only the config is known",
      {
        routers: [
          router({
            failure: "detectDrift is false",
            table: TableSource.Config,
            moves: [move({ flows: [] })],
          }),
        ],
      },
      [
        "r1: not looked at (detectDrift is false), so what moves is unknown; according to the config, these are away from home:",
        "| prefix | home | goes to | sites | open connections |",
      ],
    ],
    [
      "a router that was not looked at, by what was written to it",
      {
        routers: [router({ failure: "detectDrift is false", table: TableSource.Written, moves: [move()] })],
      },
      [
        "r1: not looked at (detectDrift is false); based on the last configuration written to it",
        "| prefix | from |",
      ],
    ],
    [
      "a prefix that comes, one that goes, and connections that break as their server leaves",
      {
        routers: [
          router({
            moves: [move({ from: null, sites: [], flows: [] }), move({ prefix: "192.0.2.96/27", to: null })],
            leaving: [{ prefix: "192.0.2.128/27", server: "old", count: 2 }],
          }),
        ],
      },
      [
        "| `192.0.2.64/27` | not routed | `web1` |  |  |",
        "| `192.0.2.96/27` | `web2` | no longer routed |",
        "- 192.0.2.128/27: 2 open connections with old break, as old leaves",
      ],
    ],
    [
      "warnings, of one line and of many",
      { warnings: ["careful", "web1 differs:\n  - a\n  + ```b"] },
      ["**Warning:** careful", "**Warning:** web1 differs:\n\n````\n  - a\n  + ```b\n````"],
    ],
    [
      "homes that are proposed",
      { proposedHomes: { "192.0.2.64/27": "web2" } },
      [`  pulumi config set --path 'homes["192.0.2.64/27"]' web2`],
    ],
    [
      "drift, and a command of which no text changes",
      { changes: [change({ drift: "address missing", files: [] }), change({ machine: "web2", files: [] })] },
      [
        "**vips: update (repairs: address missing)**\n\n</details>",
        "the library's scripts or the connection settings changed",
      ],
    ],
    [
      "machines on which the same changes",
      {
        changes: ["web1", "web2"].map((machine) =>
          change({ machine, files: [{ name: "a", after: `${machine}\n` }] }),
        ),
      },
      ["<summary><b>web1, web2</b>: vips update (+1 −0)</summary>", `+${EACH}`],
    ],
  ];
  for (const [what, given, parts] of rows)
    it(what, () => {
      const text = renderMarkdown(STACK, preview(given));
      for (const part of parts) assert.ok(text.includes(part), `${text}\nlacks ${part}`);
    });

  it("has each text in its own cell of the table of moves", () => {
    const given = fc.record({ prefix: short, from: short, to: short, sites: fc.tuple(short) });
    fc.assert(
      fc.property(given, (texts) => {
        const tokens = markdown.parse(
          renderMarkdown(STACK, preview({ routers: [router({ moves: [move(texts)] })] })),
          {},
        );
        const at = tokens.findIndex(({ type }) => type === "td_open");
        const cells = [0, 3, 6, 9].map((i) => textOf(tokens[at + 1 + i]));
        const { prefix, from, to, sites } = texts;
        assert.deepEqual(
          cells,
          [prefix, from, to, ...sites].map((text) => visible(shorten(text, 80))),
        );
      }),
    );
  });

  it("says why there is no preview", () => {
    const text = renderFailure(STACK, 'servers.web1.state: "```" is no state');
    assert.match(
      text,
      /^<!-- loopback-ha preview of loopback-ha\/prod -->\n\n### `loopback-ha\/prod`: no preview\n\n````\nservers/,
    );
    assert.ok(renderFailure(STACK, "x\n".repeat(100_000)).length < MOST_CHARACTERS);
  });

  const vip = (n: number): string => `10.0.${n >> 8}.${n & 255}/32`;
  const manyMoves = (n: number): Move[] =>
    Array.from({ length: n }, (_, i) =>
      move({
        prefix: vip(i),
        to: `web${3 + (i % 17)}`,
        sites: [`site${i}`],
        flows: [{ server: "web2", count: 1, fate: FlowFate.Stay }],
      }),
    );

  it("groups many moves by the two servers, and has them all", () => {
    const text = renderMarkdown(STACK, preview({ routers: [router({ moves: manyMoves(1000) })] }));
    const counts = [
      ...text.matchAll(/^\| (\d+) prefixes, `10\.0\.0\.\d+\/32` to `10\.0\.3\.\d+\/32` \| `web2` \|/gm),
    ].map(([, count]) => Number(count));
    assert.equal(counts.length, 17);
    assert.equal(
      counts.reduce((sum, count) => sum + count),
      1000,
    );
    assert.match(
      text,
      /`site0`, `site\d+`.* and \d+ more \| 59 open connections stay with web2 until the end \|/,
    );
  });

  it("keeps the moves and says what was left out when the diffs are too long for a comment", () => {
    const long = Array.from({ length: 150 }, (_, i) => `${i} ${"x".repeat(100)}\n`).join("");
    const changes = Array.from({ length: 12 }, (_, i) =>
      change({ machine: `web${i + 1}`, files: [{ name: "a", after: `${i}\n${long}` }] }),
    );
    const text = renderMarkdown(STACK, preview({ ...flip(), changes }));
    assert.ok(text.length <= MOST_CHARACTERS, `${text.length}`);
    assert.ok(text.includes("| `192.0.2.64/27` | `web2` | `web1` |"));
    assert.match(text, /<b>web1<\/b>/);
    assert.match(
      text,
      /Left out because the comment would get too long: the diffs of web\d+, .*web12, \d+ changed lines\. `loopback-ha preview` shows them\.$/,
    );
    const shown = [...text.matchAll(/<summary>/g)].length;
    const [, left] = /diffs of (.*), \d+ changed/.exec(text)!;
    assert.equal(shown + left.split(", ").length, 12);
  });

  it("counts the lines of one long file that it does not show", () => {
    const after = Array.from({ length: 500 }, (_, i) => `${i}\n`).join("");
    const text = renderMarkdown(STACK, preview({ changes: [change({ files: [{ name: "a", after }] })] }));
    assert.match(text, /\n\+198\n```\n\nand 301 more lines\n/);
  });

  const file = fc.record({ name: nasty, before: nasty, after: nasty });
  const flows = fc.record({
    server: nasty,
    count: fc.option(fc.nat(9)),
    fate: fc.constantFrom(...Object.values(FlowFate)),
  });
  const anyPreview: fc.Arbitrary<Preview> = fc.record({
    routers: fc.array(
      fc.record({
        router: nasty,
        failure: fc.option(nasty),
        table: fc.constantFrom(...Object.values(TableSource)),
        moves: fc.array(
          fc.record({
            prefix: nasty,
            from: fc.option(nasty),
            to: fc.option(nasty),
            sites: fc.array(nasty, { maxLength: 9 }),
            flows: fc.array(flows, { maxLength: 6 }),
          }),
          { maxLength: 60, size: "max" },
        ),
        leaving: fc.array(fc.record({ prefix: nasty, server: nasty, count: fc.nat(9) })),
        shares: fc.dictionary(nasty, fc.record({ before: fc.nat(9), after: fc.nat(9) })),
      }),
      { maxLength: 3 },
    ),
    hidden: fc.constant([]),
    proposedHomes: fc.dictionary(nasty, nasty),
    changes: fc.array(
      fc.record({
        machine: nasty,
        role: nasty,
        resource: nasty,
        op: nasty,
        drift: fc.option(nasty, { nil: undefined }),
        files: fc.array(file, { maxLength: 4 }),
      }),
      { maxLength: 8 },
    ),
    warnings: fc.array(nasty),
  });

  it("has only its own structure, whatever the texts are, and is short enough", () => {
    fc.assert(
      fc.property(nasty, anyPreview, (stack, given) => {
        const text = renderMarkdown(stack, given);
        assert.ok(text.length <= MOST_CHARACTERS);
        const tokens = markdown.parse(text, {});
        const inlines = tokens.flatMap(({ children }) => children ?? []);
        const types = new Set(inlines.map(({ type }) => type));
        const known = ["text", "code_inline", "strong_open", "strong_close", "html_inline", "softbreak"];
        assert.deepEqual(
          [...types].filter((type) => !known.includes(type)),
          [],
        );
        for (const { content } of inlines.filter(({ type }) => type === "html_inline"))
          assert.equal(content, "<br>");
        for (const { content } of tokens.filter(({ type }) => type === "html_block"))
          assert.match(
            content,
            /^(<!-- loopback-ha preview of [\w./-]* -->|<details><summary><b>[^<]*<\/b>: [^<]*<\/summary>|<\/details>)\n?$/,
          );
        const blocks = new Set(tokens.filter(({ nesting }) => nesting >= 0).map(({ type }) => type));
        const own = [
          "html_block",
          "heading_open",
          "inline",
          "paragraph_open",
          "fence",
          "bullet_list_open",
          "list_item_open",
        ];
        assert.deepEqual(
          [...blocks].filter(
            (type) => !own.includes(type) && !/^(table|t[hdr]|thead|tbody)_open$/.test(type),
          ),
          [],
        );
        rowsAreWhole(tokens.map(({ type }) => type));
        fencesAreDiffs(tokens, given.changes);
      }),
      { numRuns: 60 },
    );
  });

  /** Each row of a table has as many cells as its head. */
  function rowsAreWhole(types: string[]): void {
    for (const table of types.join(" ").split("table_open").slice(1)) {
      const [head] = table.split("tbody_open");
      const columns = head.split("th_open").length - 1;
      const rows = table.split("tbody_open")[1]?.split("table_close")[0].split("tr_open").slice(1) ?? [];
      for (const row of rows) assert.equal(row.split("td_open").length - 1, columns);
    }
  }

  /** Every line of a diff is one of a file's diff. */
  function fencesAreDiffs(tokens: Token[], changes: Change[]): void {
    const bare = (text: string, name: string): string =>
      name === "" ? text : text.replaceAll(name, "").replaceAll(EACH, "");
    const lines = new Set(
      changes.flatMap(({ machine, files }) =>
        files.flatMap((one) => fileDiff(one).lines.map((line) => bare(line, machine))),
      ),
    );
    const names = changes.map(({ machine }) => machine);
    for (const { content } of tokens.filter(({ type, info }) => type === "fence" && info === "diff"))
      for (const line of content.split("\n").slice(0, -1))
        assert.ok(lines.has(line) || names.some((name) => lines.has(bare(line, name))), JSON.stringify(line));
  }
});
