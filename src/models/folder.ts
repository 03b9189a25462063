// What every model folder has, whatever its family: config.json, or a composition that names the parts. Opens neither
// weights nor what a family's configuration says.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parse as parseYaml } from 'yaml';
import { UserError } from '../base/errors.ts';
import { isObject, readJsonObject, readText } from '../formats/records/json.ts';
import { requireShallowYaml } from '../formats/records/yaml-source.ts';

/** Names the parts of a model that is not one folder; `family` says whose, by default LLaVA's. */
export const COMPOSITION_FILE = 'coin-model.yaml';
const CONFIG_FILE = 'config.json';

/** Whether a folder says that it is a model. */
export function isModelFolder(folder: string): boolean {
  return [COMPOSITION_FILE, CONFIG_FILE].some((name) => existsSync(join(folder, name)));
}

/**
 * The content of a folder's composition; undefined where it has none.
 * @throws UserError when it is not YAML, or not keys and values; `hint` says what it should hold.
 */
export function readComposition(
  folder: string,
  { hint }: { readonly hint?: string } = {},
): Readonly<Record<string, unknown>> | undefined {
  const file = join(folder, COMPOSITION_FILE);
  if (!existsSync(file)) return undefined;
  let yaml: unknown;
  try {
    const text = readText(file);
    requireShallowYaml(text, file);
    yaml = parseYaml(text);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError({ file, message: `not YAML: ${(error as Error).message.split('\n')[0]}` });
  }
  if (!isObject(yaml)) throw new UserError({ file, message: 'expected keys and values', hint });
  return yaml;
}

/** The family that a composition names, or the `model_type` of config.json; undefined where neither says. */
export function modelType(folder: string): string | undefined {
  const composition = readComposition(folder);
  const named = composition === undefined ? readConfig(folder).model_type : composition.family;
  return typeof named === 'string' ? named : undefined;
}

function readConfig(folder: string): Readonly<Record<string, unknown>> {
  return readJsonObject(join(folder, CONFIG_FILE));
}
