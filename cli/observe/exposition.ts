/** Prometheus' text format, version 0.0.4: families of samples in, text out. Pure. Why no library: docs/decisions/0039. */
import { printable, shorten } from "../../components/host/foreignText.cjs";

/** One value. */
export interface Sample {
  labels?: Record<string, string>;
  value: number;
}

/** All samples of one name. */
export interface Family {
  /** In Prometheus' conventions: base units, `_total` for counters only. */
  name: string;
  type: "gauge" | "counter";
  /** One sentence. */
  help: string;
  samples: Sample[];
}

export const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

const LONGEST_LABEL = 200;

/** @returns text with a final line feed; a family without samples is left out */
export function exposition(families: Family[]): string {
  return families
    .filter(({ samples }) => samples.length > 0)
    .map(({ name, type, help, samples }) =>
      [
        `# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}\n`,
        `# TYPE ${name} ${type}\n`,
        ...samples.map(({ labels = {}, value }) => `${name}${labelsOf(labels)} ${numberOf(value)}\n`),
      ].join(""),
    )
    .join("");
}

function labelsOf(labels: Record<string, string>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${labelValue(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

/** Machines have a say in some values: what is not printable is spelled out, and nothing ends the quotes. */
export const labelValue = (value: string): string =>
  shorten(printable(value).replaceAll("\t", " "), LONGEST_LABEL)
    .replaceAll("\\", "\\\\")
    .replaceAll('"', '\\"');

const numberOf = (value: number): string =>
  Number.isNaN(value) ? "NaN" : Number.isFinite(value) ? String(value) : value > 0 ? "+Inf" : "-Inf";
