// Shows a configuration: as YAML with a comment per key that reads back to the same values, and as a JSON schema.
import { stringify } from 'yaml';
import { z } from 'zod';
import { isObject } from '../formats/records/json.ts';
import type { Catalogue } from './catalogue.ts';
import { configSchema, type RunConfig } from './schema.ts';

const commentColumn = 34;

/** The configuration as YAML, every key with what it is. A file with this text loads as the same configuration. */
export function renderConfig(config: RunConfig, catalogue: Catalogue): string {
  return `${renderSection(config, configSchema(catalogue).shape, '').join('\n')}\n`;
}

/** JSON schema (draft 2020-12) of a configuration file, for editors. */
export function configJsonSchema(catalogue: Catalogue): unknown {
  return z.toJSONSchema(configSchema(catalogue), { io: 'input' });
}

function renderSection(
  values: object,
  shape: Readonly<Record<string, z.ZodType>>,
  indentation: string,
): readonly string[] {
  const read = values as Readonly<Record<string, unknown>>;
  return Object.entries(shape).flatMap(([key, schema]) => {
    const value = read[key];
    if (value === undefined) return [];
    // A table of the user's own keys is written as one value.
    if (isObject(value) && innerShape(schema) !== undefined) {
      return [`${indentation}${key}:`, ...renderSection(value, innerShape(schema) ?? {}, `${indentation}  `)];
    }
    const text = `${indentation}${key}: ${renderValue(value)}`;
    return [
      schema.description === undefined ? text : `${text.padEnd(commentColumn)} # ${schema.description}`,
    ];
  });
}

function renderValue(value: unknown): string {
  return stringify(value, { collectionStyle: 'flow', lineWidth: 0, flowCollectionPadding: false }).trim();
}

function innerShape(schema: z.ZodType): Readonly<Record<string, z.ZodType>> | undefined {
  const inner = schema instanceof z.ZodPrefault ? schema.unwrap() : schema;
  return inner instanceof z.ZodObject ? inner.shape : undefined;
}
