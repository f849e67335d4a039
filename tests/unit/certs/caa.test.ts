import assert from "node:assert/strict";
import { readFarm } from "../../../components/config";
import { caaValue, planCaa } from "../../../cli/certs/caa";

const ISSUER = { domain: "letsencrypt.org", account: "https://acme.example/acct/1" };
const VALUE = '0 issue "letsencrypt.org; accounturi=https://acme.example/acct/1; validationmethods=http-01"';
const OURS = { name: "@", type: "CAA", value: VALUE };

const config = (records: object[] = []) => ({
  network: { block: "192.0.2.0/24", subnetPrefix: 27, vipSubnets: 2 },
  servers: { web1: { address: "192.0.2.2" } },
  nameServers: { ns1: { address: "192.0.2.10" } },
  tls: { folder: "acme/live" },
  sites: {
    a: { serverName: "www.a.example", aliases: ["a.example"], documentRoot: "/srv/www/a", hostNumber: 1 },
    b: { serverName: "b.elsewhere.example", documentRoot: "/srv/www/b", hostNumber: 2 },
  },
  zones: { "a.example": { contact: "x@a.example", nsRecords: ["ns.other.example"], records } },
});
const planned = (records: object[] = []) => {
  const { zones } = config(records);
  const farm = readFarm(config(records));
  return planCaa(farm, zones as never, farm.sites, ISSUER);
};

describe("certs: CAA records", () => {
  it("name the CA, the account and the challenge (RFC 8657)", () => assert.equal(caaValue(ISSUER), VALUE));

  const mail = { name: "@", type: "MX", value: "10 mail" };
  const report = { name: "@", type: "CAA", value: '0 iodef "mailto:x@a.example"' };
  const former = { ...OURS, value: VALUE.replace("acct/1", "acct/0") };
  const cases: [string, object[], object[] | undefined, RegExp | undefined][] = [
    ["a zone without records", [], [OURS], undefined],
    ["others stay", [mail], [mail, OURS], undefined],
    ["it is there", [OURS, mail], undefined, undefined],
    ["it has another account of this farm", [former, mail], [mail, OURS], undefined],
    ["one that only reports stays", [report], [report, OURS], undefined],
    [
      "one of another account stays",
      [{ ...OURS, value: '0 issue "other.example"' }],
      undefined,
      /a\.example already has a CAA record \(0 issue "other\.example"\), which is kept/,
    ],
    [
      "one of another name is no matter",
      [{ ...OURS, name: "mail", value: '0 issue ";"' }],
      [{ ...OURS, name: "mail", value: '0 issue ";"' }, OURS],
      undefined,
    ],
  ];
  for (const [what, records, wanted, note] of cases)
    it(what, () => {
      const { edits, notes } = planned(records);
      assert.deepEqual(
        edits,
        wanted === undefined ? [] : [{ path: ["zones", "a.example", "records"], value: wanted }],
      );
      assert.match(notes[0], /^not in a zone of this stack.*b\.elsewhere\.example: CAA 0 issue "letsencrypt/);
      if (note === undefined) assert.equal(notes.length, 1);
      else assert.match(notes[1], note);
    });

  it("are accepted by the config", () => {
    const [{ value }] = planned([mail]).edits;
    const farm = readFarm(config(value as object[]));
    assert.ok(farm.zones[0].records.some(({ type, value: text }) => type === "CAA" && text === VALUE));
  });
});
