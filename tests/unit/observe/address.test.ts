import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { EXAMPLE, isLoopback, listenAddress, parseListen } from "../../../cli/observe/address";
import { UsageError } from "../../../cli/terminal/exit";

const TOKEN = "0123456789abcdef0123456789abcdef";

describe("--listen and --listen-token-file", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "listen-"));
  after(() => fs.rmSync(folder, { recursive: true }));
  const file = (text: string, mode = 0o600): string => {
    const name = path.join(folder, `${fs.readdirSync(folder).length}`);
    fs.writeFileSync(name, text, { mode });
    fs.chmodSync(name, mode);
    return name;
  };
  const refusal = (listen?: string, token?: string): string => {
    try {
      listenAddress(listen, token);
    } catch (error) {
      assert.ok(error instanceof UsageError);
      assert.match(error.message, /Nothing was touched$/);
      return error.message;
    }
    return assert.fail(`${listen} is taken`);
  };

  it("take an address and a port", () => {
    assert.equal(listenAddress(undefined, undefined), undefined);
    assert.deepEqual(listenAddress(EXAMPLE, undefined), { address: "127.0.0.1", port: 9762 });
    assert.deepEqual(listenAddress("[::1]:9762", undefined), { address: "::1", port: 9762 });
    assert.deepEqual(parseListen("localhost:80"), { address: "127.0.0.1", port: 80 });
    assert.deepEqual(listenAddress("127.8.0.1:1", undefined), { address: "127.8.0.1", port: 1 });
  });

  for (const text of [
    ...[
      "",
      "9762",
      ":9762",
      "*:9762",
      "127.0.0.1",
      "127.0.0.1:",
      "127.0.0.1:x",
      "::1:9762",
      "[::1]",
      "[127.0.0.1]:1",
    ],
    ...[
      "watcher.example:9762",
      "127.0.0.1:9762/metrics",
      "http://127.0.0.1:9762",
      "127.0.0.1:123456",
      "127.1:9762",
    ],
  ])
    it(`refuse ${JSON.stringify(text)} with a value that would work`, () =>
      assert.match(refusal(text), /is not an address and a port; use 127\.0\.0\.1:9762 or \[::1\]:9762/));

  for (const port of ["0", "65536"])
    it(`refuse port ${port}`, () =>
      assert.match(refusal(`127.0.0.1:${port}`), /use 1 to 65535, such as 127/));

  for (const address of ["192.0.2.9", "0.0.0.0", "[::]", "[2001:db8::1]", "[::ffff:192.0.2.1]"])
    it(`refuse ${address} without a token`, () =>
      assert.match(
        refusal(`${address}:9762`),
        /can be reached from other machines.*Use 127\.0\.0\.1:9762 and a proxy with a login in front, or a token: --listen-token-file FILE/,
      ));

  it("take any address with a token, which is read from a file that is its owner's alone", () => {
    const found = listenAddress("0.0.0.0:9762", file(`${TOKEN}\n`));
    assert.deepEqual(found, { address: "0.0.0.0", port: 9762, token: TOKEN });
    assert.equal(listenAddress(EXAMPLE, file(TOKEN, 0o400))?.token, TOKEN);
  });

  for (const [what, make, message] of [
    ["others can read", () => file(TOKEN, 0o644), /can be read by other users \(mode 644\); run chmod 600/],
    ["its group can read", () => file(TOKEN, 0o640), /mode 640/],
    [
      "is missing",
      () => path.join(folder, "none"),
      /can't be read.*ENOENT.*make it: \(umask 077; openssl rand -hex 32 >FILE\)/,
    ],
    ["is a folder", () => folder, /can't be read/],
    ["is empty", () => file("\n"), /no token of at least 20 letters/],
    ["is short", () => file("short"), /no token of at least 20 letters/],
    ["has two lines", () => file(`${TOKEN}\n${TOKEN}`), /no token of at least 20 letters/],
  ] as [string, () => string, RegExp][])
    it(`refuse a token file that ${what}, and show nothing of it`, () => {
      const text = refusal(EXAMPLE, make());
      assert.match(text, message);
      assert.doesNotMatch(text, /0123456789abcdef|"short"/);
    });

  it("refuse a token without an address", () =>
    assert.match(refusal(undefined, file(TOKEN)), /needs an address: --listen 127\.0\.0\.1:9762/));

  it("know loopback addresses", () => {
    for (const address of ["127.0.0.1", "127.255.1.1", "::1"]) assert.ok(isLoopback(address), address);
    for (const address of ["128.0.0.1", "0.0.0.0", "::", "::2", "fe80::1"])
      assert.ok(!isLoopback(address), address);
  });
});
