import assert from "node:assert/strict";
import { Asked, Shown, answerTo } from "../../../cli/observe/request";

const hosts = new Set(["localhost", "127.0.0.1", "[::1]"]);
const TOKEN = "a-token-of-twenty-letters";
const asked = (rest: Asked = {}): Asked => ({ method: "GET", url: "/", host: "localhost:9762", ...rest });
const status = (rest: Asked, token?: string): number | Shown => {
  const answer = answerTo(asked(rest), { hosts, token });
  return typeof answer === "string" ? answer : answer.status;
};

describe("what is answered to a request", () => {
  for (const [what, rest, expected] of [
    ["the page", {}, Shown.Page],
    ["metrics", { url: "/metrics" }, Shown.Metrics],
    ["a query is ignored", { url: "/metrics?name[]=x&y=%0a" }, Shown.Metrics],
    ["HEAD", { method: "HEAD" }, Shown.Page],
    ["POST", { method: "POST" }, 405],
    ["DELETE on metrics", { method: "DELETE", url: "/metrics" }, 405],
    ["no method", { method: undefined }, 405],
    ["another path", { url: "/favicon.ico" }, 404],
    ["a path below", { url: "/metrics/" }, 404],
    ["a way up", { url: "/../etc/passwd" }, 404],
    ["another spelling", { url: "/%6detrics" }, 404],
    ["two slashes", { url: "//metrics" }, 404],
    ["a proxy's request", { url: "http://127.0.0.1:9762/metrics" }, 404],
    ["a word", { url: "*", method: "OPTIONS" }, 404],
    ["a forwarded port", { host: "localhost:8080" }, Shown.Page],
    ["an address", { host: "127.0.0.1" }, Shown.Page],
    ["an IPv6 address", { host: "[::1]:9762" }, Shown.Page],
    ["capitals", { host: "LocalHost" }, Shown.Page],
    ["a name that leads here (DNS rebinding)", { host: "attacker.example:9762" }, 421],
    ["a name that begins as ours", { host: "localhost.attacker.example" }, 421],
    ["a user before the name", { host: "localhost@attacker.example" }, 421],
    ["a name behind ours", { host: "localhost:9762@attacker.example" }, 421],
    ["no name", { host: "" }, 421],
    ["two names", { host: "localhost, attacker.example" }, 421],
    ["a wrong name, and a wrong path", { host: "attacker.example", url: "/x" }, 421],
  ] as [string, Asked, number | Shown][])
    it(`${what}: ${expected}`, () => assert.equal(status(rest), expected));

  for (const [what, authorization, expected] of [
    ["the token", `Bearer ${TOKEN}`, Shown.Page],
    ["none", undefined, 401],
    ["its beginning", `Bearer ${TOKEN.slice(0, -1)}`, 401],
    ["more than it", `Bearer ${TOKEN}x`, 401],
    ["another scheme", `Basic ${TOKEN}`, 401],
    ["the token alone", TOKEN, 401],
  ] as [string, string | undefined, number | Shown][])
    it(`with a token, ${what}: ${expected}`, () => assert.equal(status({ authorization }, TOKEN), expected));

  it("with a token any name may be used, and a path says nothing to who has none", () => {
    assert.equal(
      status({ host: "watcher.example:9762", authorization: `Bearer ${TOKEN}` }, TOKEN),
      Shown.Page,
    );
    assert.equal(status({ url: "/x" }, TOKEN), 401);
  });

  it("a refusal says which header would help", () => {
    const refusal = (rest: Asked, token?: string) =>
      answerTo(asked(rest), { hosts, token }) as { headers: object };
    assert.deepEqual(refusal({ method: "PUT" }).headers, { allow: "GET, HEAD" });
    assert.deepEqual(refusal({}, TOKEN).headers, { "www-authenticate": "Bearer" });
  });
});
