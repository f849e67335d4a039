/** What the watcher makes of sites' own pages. */
import assert from "node:assert/strict";
import { PageAnswer } from "../../../cli/routers/pages";
import { ServerState } from "../../../components/config";
import { Watched, policy, servers, times } from "./support";

const EVERY = 30_000;

/** A word a site with a sign a server: `+` has the page, `4` has status 403, `-` nothing, a blank is not asked. */
const answersOf = (...sites: string[]): PageAnswer[] =>
  sites.flatMap((signs, n) =>
    [...signs].flatMap((sign, i) =>
      sign === " "
        ? []
        : [
            {
              ...{ server: `web${i + 1}`, site: `site${n + 1}`, vip: "192.0.2.37" },
              ...(sign === "-" ? {} : { status: sign === "+" ? 200 : 403 }),
            },
          ],
    ),
  );

/** A round of questions for pages, and the others until the next one. */
function pages(watched: Watched, ...sites: string[]): Watched {
  for (const router of watched.routers)
    watched.take({ kind: "pages", at: watched.at, router, answers: answersOf(...sites), busy: false });
  return watched.rounds(...times(EVERY / 500, "++++"));
}
const again = (watched: Watched, count: number, ...sites: string[]): Watched => {
  for (let i = 0; i < count; i++) pages(watched, ...sites);
  return watched;
};

describe("watch: sites' own pages", () => {
  const counts = (): Watched => new Watched(policy({ sickByPages: true }));
  const rows: [string, () => Watched, string[], string[][]][] = [
    ["all have them", () => again(new Watched(), 3, "++++", "++++"), [], []],
    ["once is no time", () => pages(pages(new Watched(), "+4++", "++++"), "++++", "++++"), [], []],
    [
      "twice: sick, once said, and nothing is moved; then well",
      () => pages(again(new Watched(), 4, "+4++", "+4++"), "++++", "++++"),
      ["sick web2", "well web2"],
      [],
    ],
    [
      "other sites in each round, one of them worse on one server: sick",
      () => pages(pages(pages(new Watched(), "+4++"), "    ", "++++"), "+4++"),
      ["sick web2"],
      [],
    ],
    [
      "other sites in each round, all worse on one server: sick",
      () => pages(pages(new Watched(), "+4++"), "    ", "+4++"),
      ["sick web2"],
      [],
    ],
    ["no server has them", () => again(new Watched(), 5, "4444", "----"), [], []],
    [
      "--sick-by-pages: most of them, and it is set down as a sick one",
      () => again(counts(), 4, "+4++", "+-++", "++++"),
      ["sick web2", "flip web2"],
      [["web2"]],
    ],
    [
      "--sick-by-pages: some of them, and it is not",
      () => again(counts(), 6, "+4++", "++++", "++++"),
      ["sick web2"],
      [],
    ],
    [
      "--sick-by-pages: too few others would be left that have them",
      () => again(new Watched(policy({ sickByPages: true, minActive: 3 })), 4, "+4+4", "+4+4", "+4+4"),
      ["sick web2", "sick web4", "minimum web2"],
      [],
    ],
    [
      "--sick-by-pages --dry-run: it is said",
      () => again(new Watched(policy({ sickByPages: true, dryRun: true })), 4, "+4++"),
      ["sick web2", "would-flip web2"],
      [],
    ],
    [
      "--sick-by-pages: of two routers one has another opinion",
      () => {
        const watched = new Watched(policy({ sickByPages: true }), undefined, ["r1", "r2"]);
        for (let i = 0; i < 4; i++) {
          watched.take({
            kind: "pages",
            at: watched.at,
            router: "r2",
            answers: answersOf("++++"),
            busy: false,
          });
          watched.take({
            kind: "pages",
            at: watched.at,
            router: "r1",
            answers: answersOf("+4++"),
            busy: false,
          });
          watched.rounds(...times(EVERY / 500, "++++"));
        }
        return watched;
      },
      ["sick web2"],
      [],
    ],
  ];
  for (const [name, run, words, flips] of rows)
    it(name, () => {
      const watched = run();
      assert.deepEqual(watched.words, words);
      assert.deepEqual(watched.flips, flips);
    });

  it("says which site, where, and that it is left to a person", () => {
    const { lines } = again(new Watched(), 2, "+4++");
    assert.match(
      lines[0].text,
      /^web2 is up, .* 1 site so far: site site1 answers with status 403 on web2 \(192\.0\.2\.37\), but with status 200 on web1, web3, web4: .*It is not set down for that; to take it out of service: loopback-ha drain web2$/,
    );
    assert.equal(lines[0].fields.sites, 1);
  });

  it("ignores answers while another run is at work, and of a server that carries nothing", () => {
    const watched = new Watched(policy(), servers("active", ServerState.Maintenance, "active", "active"));
    again(watched, 3, "+4++");
    for (let i = 0; i < 3; i++)
      watched.take({ kind: "pages", at: watched.at, router: "r1", answers: answersOf("4 ++"), busy: true });
    watched.take({ kind: "pages", at: watched.at, router: "r9", answers: answersOf("4 ++"), busy: false });
    assert.deepEqual(watched.words, []);
  });

  it("reports a router that can't ask once, and again when it can; forgets its former answers", () => {
    const watched = new Watched();
    const lose = (reason: string): Watched =>
      watched.take({ kind: "pagesLost", at: watched.at, router: "r1", reason });
    pages(watched, "+4++");
    lose("r1 sent nothing for 90 s");
    lose("r1: health.sh knows no --pages");
    lose("r1: sudo: a password is required");
    pages(watched, "+4++");
    assert.deepEqual(watched.words, ["no-pages r1", "pages r1"]);
  });

  it("sets a dead server down whatever its pages were", () => {
    const watched = again(new Watched(), 2, "+4++").rounds(...times(3, "+-++"));
    assert.deepEqual(watched.words, ["sick web2", "dead web2", "flip web2"]);
  });
});
