import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { SaxesParser } from "saxes";
import { ServerState } from "../../../components/config";
import { Verdict } from "../../../components/routerRoute/verdict";
import { markup } from "../../../cli/observe/html";
import { Mover } from "../../../cli/observe/moves";
import { ago, renderPage } from "../../../cli/observe/page";
import { STYLE_SOURCE } from "../../../cli/observe/style";
import { maintenance, prefix, server, status } from "../diagram/support";
import { NOW, picture, watched } from "./support";

/** The page as a reader sees it: its elements, and its text without markup. It is XML, too. */
function read(page: string): { elements: string[]; attributes: string[]; text: string } {
  const found = { elements: [] as string[], attributes: [] as string[], text: "" };
  const parser = new SaxesParser();
  parser.on("opentag", ({ name, attributes }) => {
    found.elements.push(name);
    found.attributes.push(...Object.keys(attributes).map((key) => `${name} ${key}`));
  });
  parser.on("text", (text) => (found.text += `${text} `));
  parser.on("error", (error) => {
    throw error;
  });
  parser.write(page.replace("<!doctype html>\n", "")).close();
  return { ...found, text: found.text.replace(/\s+/g, " ") };
}

describe("the watcher's page", () => {
  it("says what is well, and as of when", () => {
    const { text } = read(renderPage(picture()));
    for (const words of [
      "loopback-ha/prod: everything matches the config",
      "health checks as of 2026-11-25 07:48:11 UTC, 0 s ago; the machines as of 2026-11-25 07:48:00 UTC, 12 s ago",
      "web1 192.0.2.2 active answers slowest answer 3 ms 1 of 2 0",
      "192.0.2.32/27 web1 web1 web1 3",
      "1 site, none of them fails.",
      "ns1 192.0.2.10 name server reached as applied",
      "None since the watcher was started.",
      "loopback-ha 0.1.0, watching since 2026-11-25 06:48:12 UTC",
    ])
      assert.ok(text.includes(words), `${words}\nis not in\n${text}`);
  });

  it("says what is wrong: dead servers, prefixes elsewhere, holds, failing sites, drift, certificates, zones, moves", () => {
    const [router] = status().routers;
    const { text } = read(
      renderPage(
        picture({
          servers: [
            watched(1),
            watched(2, { health: Verdict.Dead, answers: false, ms: null, reason: "Connection refused" }),
          ],
          routers: [
            {
              ...picture().routers[0],
              held: [{ server: "web2", at: "2026-11-30T16:00:00Z", reason: "refuses connections" }],
            },
          ],
          unable: ["ssh is not on the watcher's PATH"],
          lookFailure: "no such file",
          moves: [
            {
              at: NOW - 180_000,
              by: Mover.Guard,
              servers: "web2",
              text: "the guard on r1 took web2 out of service",
            },
            { at: NOW - 7_200_000, by: Mover.Watch, servers: "web2", text: "nothing moved", failed: true },
          ],
          status: status({
            routers: [
              {
                ...router,
                failure: "r1 does not answer",
                held: [
                  {
                    ...{ server: "web2", at: "2026-11-30T16:00:00Z", reason: "refuses connections" },
                    units: [{ prefix: "192.0.2.64/27", to: "web1" }],
                  },
                ],
              },
            ],
            servers: [server(1, { drift: ["- one line", "+ another"] }), server(2)],
            prefixes: [
              prefix(1, { live: null, flows: null }),
              prefix(2, { live: "web1" }),
              prefix(3, { known: false }),
            ],
            sites: [
              {
                ...status().sites[0],
                ok: 1,
                failures: [{ vip: "192.0.2.69", server: "web2", reason: "timed out" }],
                worse: [
                  {
                    ...{ server: "web1", vip: "192.0.2.37", answer: "status 403" },
                    ...{ elsewhere: "status 200", others: ["web2"] },
                  },
                ],
              },
            ],
            certificates: [
              { site: "old", expires: "2026-11-20" },
              { site: "shop", expires: "2026-11-26" },
            ],
            zones: [
              { zone: "w.example", nameServer: "ns1", serial: 7, failure: null },
              { zone: "w.example", nameServer: "ns2", serial: null, failure: "ETIMEOUT" },
            ],
            problems: ["r1: it is broken"],
          }),
        }),
      ),
    );
    for (const words of [
      "4 problems",
      "web2 is dead: Connection refused",
      "ssh is not on the watcher's PATH",
      "the machines could not be looked at: no such file",
      "r1: it is broken",
      "web2 192.0.2.3 active held by the guard dead Connection refused",
      "192.0.2.32/27 no server web1 not known",
      "192.0.2.64/27 web1 (guard) web2",
      "192.0.2.96/27 not known web3",
      "1 of 2 192.0.2.69 (web2): timed out status 403 on web1, status 200 elsewhere",
      "old 2026-11-20 expired shop 2026-11-26 1 day",
      "w.example ns1 7 w.example ns2 ETIMEOUT",
      "r1 192.0.2.1 router, linux not reached",
      "web1 192.0.2.2 web server reached drifted",
      "2026-11-25 07:45:12 UTC 3 min ago guard web2 the guard on r1 took web2 out of service",
      "2026-11-25 05:48:12 UTC 2 h ago watch web2 failed nothing moved",
    ])
      assert.ok(text.includes(words), `${words}\nis not in\n${text}`);
    // Drift may have what is not for everyone.
    assert.doesNotMatch(text, /one line|another/);
  });

  it("before the first look it shows what the watcher itself knows", () => {
    const { text } = read(renderPage(picture({ status: undefined, dryRun: true })));
    assert.match(text, /being looked at/);
    assert.match(text, /web1 active answers/);
    assert.match(text, /dry run: it changes nothing/);
  });

  it("a server that is out of service is no alarm", () => {
    const page = renderPage(
      picture({ servers: [watched(1, { state: ServerState.Down, health: Verdict.Dead, reason: "silent" })] }),
    );
    assert.doesNotMatch(read(page).text, /web1 is dead/);
    assert.match(read(page).text, /loopback-ha\/prod: matches the config; out of service: web1 /);
    assert.match(page, /<span class="badge none">dead<\/span>/);
  });

  it("has no script, no attribute that runs or loads anything, and no style that CSP would refuse", () => {
    const page = renderPage(picture({ status: maintenance() }));
    const { elements, attributes } = read(page);
    const allowed =
      `html head meta title style body header main footer section div p h1 h2 span strong a ul li
      table thead tbody tr th td svg desc defs marker path rect text`.split(/\s+/);
    assert.deepEqual(
      [...new Set(elements)].filter((name) => !allowed.includes(name)),
      [],
    );
    for (const attribute of attributes)
      assert.doesNotMatch(attribute, / (on.*|style|src|action|formaction|data)$/);
    assert.deepEqual(
      attributes.filter((attribute) => attribute.endsWith(" href")),
      ["a href"],
    );
    const [, style] = /<style>([^]*?)<\/style>/.exec(page)!;
    assert.equal(STYLE_SOURCE, `'sha256-${createHash("sha256").update(style).digest("base64")}'`);
    assert.doesNotMatch(style, /url\(|@import|</);
  });

  it("foreign text is text, whatever it is", () => {
    const nasty = fc.oneof(
      fc.string({ unit: "binary", minLength: 1, maxLength: 30 }),
      fc.constantFrom(
        "</style><script>x</script>",
        '" onload="x',
        "<!--",
        "]]>",
        "&lt;",
        "'",
        "\0",
        "\u202e",
        "${x}",
      ),
    );
    const [router] = status().routers;
    const [site] = status().sites;
    const structure = (text: string) => {
      const { elements, attributes } = read(
        renderPage(
          picture({
            ...{ stack: text, version: text, unable: [text], lookFailure: text },
            servers: [watched(1, { name: text, reason: text, health: Verdict.Sick })],
            moves: [{ at: NOW, by: Mover.Operator, servers: text, text }],
            status: status({
              routers: [{ ...router, name: text, kind: text, failure: text }],
              servers: [server(1, { name: text, address: text })],
              prefixes: [
                prefix(1, { router: text, prefix: text, live: text, wanted: text, home: `${text}x` }),
              ],
              sites: [
                {
                  ...site,
                  name: text,
                  serverName: text,
                  ok: 0,
                  failures: [{ vip: text, server: text, reason: text }],
                },
              ],
              certificates: [{ site: text, expires: text }],
              zones: [{ zone: text, nameServer: text, serial: null, failure: text }],
              problems: [text],
            }),
          }),
        ),
      );
      // A diagram leaves out empty texts, and cuts long ones.
      const own = (name: string): boolean => !/^(svg|text|title|desc|tspan|rect|path)\b/.test(name);
      return { elements: elements.filter(own), attributes: attributes.filter(own) };
    };
    const plain = structure("a");
    fc.assert(
      fc.property(nasty, (text) => assert.deepEqual(structure(text), plain)),
      { numRuns: 60 },
    );
  });

  it("stays small in a farm of thousands", () => {
    const many = Array.from({ length: 5000 }, (_, i) => i);
    const [site] = status().sites;
    const page = renderPage(
      picture({
        unable: many.map(String),
        status: status({
          sites: many.map((i) => ({
            ...{ ...site, name: `s${i}`, ok: 0 },
            failures: many.slice(0, 10).map(() => ({ vip: "192.0.2.1", server: "web1", reason: "x" })),
          })),
          certificates: many.map((i) => ({ site: `s${i}`, expires: "2027-03-04" })),
          prefixes: many.map((i) => prefix(1, { prefix: `10.0.${i >> 8}.${i & 255}/32` })),
          zones: many.map((i) => ({ zone: `z${i}.example`, nameServer: "ns1", serial: 1, failure: null })),
        }),
      }),
    );
    assert.ok(page.length < 200_000, `${page.length}`);
    assert.match(page, /and 4936 more: loopback-ha status --json has all of them/);
  });

  it("markup`` escapes all but its own markup", () => {
    assert.equal(
      markup`<p>${"<b>"}${markup`<i>${"&"}</i>`}${["'", 1]}</p>`.text,
      "<p>&#60;b&#62;<i>&#38;</i>&#39;1</p>",
    );
  });

  it("tells times as people do", () => {
    for (const [ms, text] of [
      [-5, "0 s"],
      [400, "0 s"],
      [119_000, "119 s"],
      [180_000, "3 min"],
      [7_200_000, "2 h"],
      [259_200_000, "3 days"],
    ] as const)
      assert.equal(ago(ms), text);
  });
});
