import * as path from "node:path";
import { ComponentProvider } from "@pulumi/pulumi/provider/experimental";
import { DnsRoundRobin, LoopbackVip, RouterRoute, WebServerPool } from "../components";

/** What a schema says of a property, as far as we read it. */
export interface PropertySchema {
  description?: string;
  $ref?: string;
}

/** A package's schema, as far as we read it. */
export interface PackageSchema {
  name: string;
  version: string;
  /** Components by type token. */
  resources: Record<
    string,
    {
      description: string;
      inputProperties: Record<string, PropertySchema>;
      properties: Record<string, PropertySchema>;
    }
  >;
  /** Objects and enums in their properties, by type token. */
  types: Record<
    string,
    { properties?: Record<string, PropertySchema>; enum?: (PropertySchema & { name: string })[] }
  >;
}

/**
 * The components for programs in other languages, read by Pulumi's analyzer out of our types and their doc comments.
 *
 * @throws Error when a component's arguments have a type that other languages can't have
 */
export async function readSchema(): Promise<PackageSchema> {
  const provider = new ComponentProvider({
    name: "loopback-ha",
    dirname: path.join(__dirname, ".."),
    components: [LoopbackVip, WebServerPool, RouterRoute, DnsRoundRobin],
  });
  const schema = await provider.getSchema();
  // The other languages' generators add an Args of their own.
  return JSON.parse(schema.replace(/(loopback-ha:index:\w+?)(?:Args|Model)"/g, '$1"'));
}
