import assert from "node:assert/strict";
import fc from "fast-check";
import { label, renderMermaid } from "../../../cli/diagram/mermaid";
import { prefix, server, status, maintenance } from "./support";

describe("diagram as Mermaid text", () => {
  it("shows which server serves what, states as words, and connections that stay", () => {
    const lines = renderMermaid(maintenance()).split("\n");
    assert.equal(lines[0], "flowchart LR");
    for (const line of [
      '  subgraph farm ["loopback-ha/prod, 2026-11-25 07:48:00 UTC"]',
      '  dns["DNS<br/>ns1 192.0.2.10<br/>www.widgetco.example:<br/>192.0.2.37<br/>192.0.2.69"]',
      '  subgraph r0 ["router r1, 192.0.2.1 (linux)"]',
      '    r0x1["192.0.2.64/27<br/>1 connection"]',
      '    s1["web2: maintenance<br/>192.0.2.3<br/>serves 0 of 2 subnets<br/>12 connections"]:::resting',
      "  r0x0 --> s0",
      '  r0x1 -.->|"home: web2"| s0',
      '  r0x1 -.->|"12 stay"| s1',
    ])
      assert.ok(lines.includes(line), `${lines.join("\n")}\nlacks ${line}`);
  });

  it("says what is drawn from the config, and what goes to no server or to the wrong one", () => {
    const silent = status({ prefixes: [prefix(1, { known: false, live: null, flows: null })] });
    silent.routers[0] = { ...silent.routers[0], failure: "r1 is off" };
    assert.match(renderMermaid(silent), /UTC<br\/>r1 is drawn from the config: r1 is off"\]/);
    assert.match(
      renderMermaid(silent),
      /r0x0\["192\.0\.2\.32\/27<br\/>from the config<br\/>connections not known"\]/,
    );
    const wrong = renderMermaid(
      status({ prefixes: [prefix(1, { live: "web2" }), prefix(2, { live: null, flows: {} })] }),
    );
    assert.match(wrong, /^ {2}r0x0 ==>\|"wanted: web1"\| s1$/m);
    assert.match(wrong, /r0x1\["192\.0\.2\.64\/27<br\/>goes to no server/);
    assert.doesNotMatch(wrong, /r0x1 (-|=)/);
  });

  it("styles each link by its number", () => {
    const lines = renderMermaid(maintenance()).split("\n");
    const links = lines.filter((line) => /^ {2}\S+ (-->|-\.->|==>)/.test(line));
    const styles = lines.filter((line) => line.startsWith("  linkStyle "));
    assert.deepEqual(
      styles.map((line) => Number(line.split(" ")[3])),
      links.map((_, i) => i),
    );
    assert.match(styles[links.findIndex((line) => line.includes("12 stay"))], /#8250df/);
  });

  it("has only its own lines, whatever the texts are", () => {
    const nasty = fc.oneof(
      fc.string({ unit: "binary", maxLength: 30 }),
      fc.constantFrom(
        '"]',
        "end",
        "`a`",
        "%%{init: {}}%%",
        "a\nb",
        "<script>",
        "#quot;",
        "-->",
        ":::bad",
        "click a href",
      ),
    );
    const LINE =
      /^(flowchart LR| *direction LR| *end| *subgraph \w+ \[L\]| *\w+(\[L\]|\(\[L\]\))(:::\w+)?| *\w+ (-->|-\.->|==>)(\|L\|)? \w+| *classDef \w+ [\w:#,]+| *class [\w,]+ \w+| *linkStyle \d+ stroke:#\w{6})$/;
    fc.assert(
      fc.property(nasty, nasty, nasty, (name, other, text) => {
        const farm = status({
          stack: text,
          servers: [server(1, { name }), server(2, { name: other, address: text })],
          prefixes: [
            prefix(1, { prefix: text, live: name, wanted: other, home: text, flows: { [other]: 1 } }),
          ],
          nameServers: [{ name, address: text, failure: text, drift: [] }],
        });
        farm.routers[0] = { ...farm.routers[0], kind: text };
        farm.sites[0] = { ...farm.sites[0], serverName: text, vips: [other] };
        for (const line of renderMermaid(farm).split("\n"))
          assert.match(line.replace(/"(?:[A-Za-z0-9 .,:/()-]|#\d+;|<br\/>)*"/g, "L"), LINE);
      }),
    );
  });

  it("writes a foreign character as its number", () =>
    assert.equal(label('a"b', "", "ä#\u{1f600}"), '"a#34;b<br/>#228;#35;#128512;"'));
});
