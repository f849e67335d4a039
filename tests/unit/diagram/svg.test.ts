import assert from "node:assert/strict";
import fc from "fast-check";
import { SaxesParser } from "saxes";
import { renderSvg } from "../../../cli/diagram/svg";
import { printable } from "../../../components/host/foreignText.cjs";
import type { FarmStatus } from "../../../cli/status/model";
import { ServerState } from "../../../components/config";
import { maintenance, prefix, server, status, subnet } from "./support";

interface Element {
  name: string;
  attributes: Record<string, string>;
  text: string;
}

/** The elements of a document; one that is not well-formed fails here. */
function elementsOf(document: string): Element[] {
  const elements: Element[] = [];
  const open: Element[] = [];
  const parser = new SaxesParser();
  parser.on("error", (error) => assert.fail(`${error.message}\n${document}`));
  parser.on("opentag", ({ name, attributes }) => {
    const element = { name, attributes: attributes as Record<string, string>, text: "" };
    elements.push(element);
    open.push(element);
  });
  parser.on("text", (text) => open.forEach((element) => (element.text += text)));
  parser.on("closetag", () => open.pop());
  parser.write(document).close();
  return elements;
}

const textsOf = (given: FarmStatus): string[] =>
  elementsOf(renderSvg(given))
    .filter(({ name }) => name === "text")
    .map(({ text }) => text);
const linksOf = (given: FarmStatus): string[] =>
  elementsOf(renderSvg(given))
    .filter(
      ({ name, attributes }) =>
        name === "path" && attributes.d.startsWith("M718 ") && attributes["marker-end"],
    )
    .map(({ attributes }) => attributes.stroke);
const [HOME, AWAY, WRONG, CONFIG, STAYS] = ["#0969da", "#bc4c00", "#cf222e", "#6e7781", "#8250df"];

/** Any text, and such that means something in XML. */
const nasty = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.constantFrom(
    "<b>&amp;</b>",
    "]]>",
    "\"'><script>",
    "<!--",
    "<?x?>",
    "\ufffe\uffff",
    "\0\x1b[2J",
    "\ud800",
    "\u202e",
    "",
  ),
);

describe("diagram as SVG", () => {
  it("says which farm it shows and when, what everything is, and which server serves what", () => {
    const texts = textsOf(maintenance());
    for (const text of [
      "Who serves what: loopback-ha/prod",
      "2026-11-25 07:48:00 UTC",
      "everything matches the config",
      "visitors",
      "www.widgetco.example",
      "192.0.2.69",
      "Servers' subnet 192.0.2.0/27",
      "192.0.2.64/27",
      "home: web2",
      "via web1",
      "1 connection, 12 with web2",
      "maintenance",
      "serves 2 of 2 subnets, 4 connections",
    ])
      assert.ok(texts.includes(text), `${texts.join("\n")}\nlacks ${text}`);
  });

  const rows: [string, FarmStatus, string[]][] = [
    ["everything at home", status(), [HOME, HOME]],
    ["one away from home, with connections that stay", maintenance(), [HOME, AWAY, STAYS]],
    [
      "one that goes elsewhere than it should",
      status({ prefixes: [prefix(1, { live: "web2", flows: null })] }),
      [WRONG],
    ],
    ["one that is not routed", status({ prefixes: [prefix(1, { live: null, flows: null })] }), []],
    [
      "a router that did not report",
      status({ prefixes: [prefix(1, { known: false, live: null, flows: null })] }),
      [CONFIG],
    ],
  ];
  for (const [what, given, expected] of rows)
    it(`has an arrow for each subnet to its server: ${what}`, () =>
      assert.deepEqual(linksOf(given).sort(), [...expected].sort()));

  it("says why a router's table is drawn from the config, and what is wrong", () => {
    const given = status({
      prefixes: [prefix(1, { known: false, live: null, flows: null })],
      problems: ["r1: r1 is off"],
    });
    given.routers[0] = { ...given.routers[0], failure: "r1 is off" };
    const texts = textsOf(given);
    assert.ok(
      texts.includes("The state of r1 is unknown (r1 is off): its next hops are drawn from the config."),
    );
    assert.ok(texts.includes("r1: r1 is off") && texts.includes("1 problem"));
  });

  it("has a word beside each colour, and a description of the picture", () => {
    const given = maintenance();
    given.servers.push(server(3, { state: ServerState.Down }));
    const texts = textsOf(given);
    // In the legend, and at the server.
    for (const word of ["active", "maintenance", "down"])
      assert.equal(texts.filter((text) => text === word).length, 2);
    const { text } = elementsOf(renderSvg(given)).find(({ name }) => name === "desc")!;
    assert.match(
      text,
      /r1: 192\.0\.2\.64\/27 goes to web1 \(home: web2\); web1: active, .*; web2: maintenance, /,
    );
  });

  it("shortens what is too long for its place, and has the whole text as a tooltip", () => {
    const name = "a-server-with-quite-a-long-name-0123456";
    const [text] = elementsOf(renderSvg(status({ servers: [server(1, { name })] }))).filter(
      (element) => element.name === "text" && element.text.startsWith(name),
    );
    assert.match(text.text, new RegExp(`^${name}a-server-.*…$`));
  });

  it("is well-formed whatever the texts are, and has them as they are", () => {
    const given = fc.record({
      stack: nasty,
      name: nasty,
      other: nasty,
      kind: nasty,
      failure: nasty,
      site: nasty,
      problem: nasty,
    });
    fc.assert(
      fc.property(given, ({ stack, name, other, kind, failure, site, problem }) => {
        const farm = status({
          stack,
          servers: [server(1, { name }), server(2, { name: other, failure })],
          prefixes: [
            prefix(1, { prefix: kind, live: name, wanted: other, home: site, flows: { [failure]: 1 } }),
          ],
          nameServers: [{ name: other, address: kind, failure, drift: [] }],
          problems: [problem],
        });
        farm.routers[0] = { ...farm.routers[0], name: "r1", kind, failure };
        farm.sites[0] = { ...farm.sites[0], serverName: site, vips: [kind, name] };
        const all = elementsOf(renderSvg(farm))
          .map(({ text }) => text)
          .join("\n");
        for (const text of [stack, name, other, kind, site, problem]) {
          const shown = printable(text).replace(
            /[\ufffe\uffff]/g,
            (c) => `\\u{${c.charCodeAt(0).toString(16)}}`,
          );
          assert.ok(all.includes(shown), `${JSON.stringify(text)} is missing`);
        }
      }),
    );
  });

  it("keeps everything within the picture, without overlaps, from 1 to 20 servers and 1 to 8 subnets", () => {
    const given = fc.record({
      servers: fc.integer({ min: 1, max: 20 }),
      subnets: fc.integer({ min: 1, max: 8 }),
      routers: fc.integer({ min: 1, max: 2 }),
    });
    fc.assert(
      fc.property(given, ({ servers, subnets, routers }) => {
        const names = Array.from({ length: routers }, (_, i) => `r${i + 1}`);
        const [router] = status().routers;
        const farm = status({
          routers: names.map((name) => ({ ...router, name })),
          servers: Array.from({ length: servers }, (_, i) =>
            server(i + 1, i % 3 === 0 ? { drift: ["x"] } : {}),
          ),
          prefixes: names.flatMap((name) =>
            Array.from({ length: subnets }, (_, i) => {
              const at = `web${1 + (i % servers)}`;
              return prefix(1, {
                router: name,
                prefix: subnet(i),
                home: at,
                wanted: at,
                live: at,
                flows: {},
              });
            }),
          ),
        });
        assert.equal(linksOf(farm).length, routers * subnets);
        const [svg, ...elements] = elementsOf(renderSvg(farm));
        const numbers = ({ attributes }: Element): number[] =>
          ["x", "y", "width", "height"].map((key) => Number(attributes[key]));
        const boxes = elements
          .filter(({ name, attributes }) => name === "rect" && attributes.rx === "8")
          .map(numbers);
        // Routers, servers, names.
        assert.equal(boxes.length, routers + servers + 1);
        for (const [i, [x, y, width, height]] of boxes.entries()) {
          assert.ok(
            x >= 0 && y >= 100 && x + width <= 1240 && y + height <= Number(svg.attributes.height) - 96,
          );
          for (const [ox, oy, owidth, oheight] of boxes.slice(i + 1))
            assert.ok(x + width < ox || ox + owidth < x || y + height < oy || oy + oheight < y);
        }
      }),
    );
  });
});
