import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";

const root = path.join(__dirname, "../..");

/** What may be used and passed on with no more than a notice. */
const ALLOWED = [
  ...["MIT", "MIT-0", "ISC", "0BSD", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "BlueOak-1.0.0"],
  ...["Python-2.0", "PSF-2.0", "CC0-1.0"],
];
/** What is not code, or says its licence in another way: each was read. */
const READ: Record<string, string> = {
  // Two lists of names.
  "spdx-exceptions": "CC-BY-3.0",
  // The text in its LICENSE is MIT's.
  "@logdna/tail-file": "SEE LICENSE IN LICENSE",
};

interface Locked {
  license?: string;
  optional?: boolean;
  resolved?: string;
  integrity?: string;
}

const lock = JSON.parse(fs.readFileSync(path.join(root, "package-lock.json"), "utf8")) as {
  packages: Record<string, Locked>;
};
const packages = Object.entries(lock.packages).filter(([folder]) => folder !== "");
const nameOf = (folder: string): string => folder.split("node_modules/").pop()!;

/** Packages under all of an expression's licences at once; a choice between several is none of ours so far. */
const licencesOf = (expression: string): string[] => expression.replace(/^\(|\)$/g, "").split(" AND ");

const isAllowed = (name: string, expression: string | undefined): boolean =>
  expression !== undefined &&
  (READ[name] === expression || licencesOf(expression).every((licence) => ALLOWED.includes(licence)));

interface Manifest {
  license?: string | { type: string };
  licenses?: { type: string }[];
}

/** As the package itself says it; undefined where it is not installed here, as another system's binary. */
function installedLicence(folder: string): string | undefined {
  const file = path.join(root, folder, "package.json");
  if (!fs.existsSync(file)) return undefined;
  const { license, licenses } = JSON.parse(fs.readFileSync(file, "utf8")) as Manifest;
  if (typeof license === "string") return license;
  return license?.type ?? licenses?.map(({ type }) => type).join(" AND ") ?? "none";
}

describe("the packages that we use", () => {
  it("have allowed licences, all that the lock file names", () => {
    const refused = packages
      .filter(([folder, { license }]) => !isAllowed(nameOf(folder), license))
      .map(([folder, { license }]) => `${folder}: ${license}`);
    assert.deepEqual(refused, []);
  });

  it("declare these themselves, as installed", () => {
    const wrong = packages.flatMap(([folder, { optional }]) => {
      const licence = installedLicence(folder);
      if (licence === undefined) return optional ? [] : [`${folder} is not installed: npm ci`];
      return isAllowed(nameOf(folder), licence) ? [] : [`${folder}: ${licence}`];
    });
    assert.deepEqual(wrong, []);
  });

  it("were each read before they were allowed by name", () => {
    const names = packages.map(([folder]) => nameOf(folder));
    assert.deepEqual(
      Object.keys(READ).filter((name) => !names.includes(name)),
      [],
    );
  });

  it("are pinned by a checksum, and none names an address of its own", () => {
    const loose = packages
      .filter(([, { resolved, integrity }]) => resolved !== undefined || !/^sha512-/.test(integrity ?? ""))
      .map(([folder]) => folder);
    assert.deepEqual(loose, []);
  });
});
