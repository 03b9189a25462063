// `coin config`: shows a configuration with every default, or the schema of configuration files.

import { join, relative } from 'node:path';
import { defineCommand } from 'citty';
import { packageFolder } from '../../base/package.ts';
import type { Catalogue } from '../../config/catalogue.ts';
import { type ConfigOverride, loadConfig, type RunConfig } from '../../config/load.ts';
import { catalogueOf } from '../../config/plugins.ts';
import { givenByUser, presets } from '../../config/presets.ts';
import { configJsonSchema, renderConfig } from '../../config/text.ts';
import { matchParameters, methodSizes } from '../../forecast/sizes.ts';
import { locateModel, outlineModel } from '../../models/index.ts';
import { widthOf } from '../../report/terminal/paint.ts';
import { renderSizes } from '../../report/terminal/terminal-sizes.ts';
import { overrideArguments, readOverrides } from '../shell/overrides.ts';

const definitions = {
  config: {
    type: 'positional',
    required: false,
    default: 'nano',
    description: 'nano, or a YAML file',
  },
  resolved: {
    type: 'boolean',
    description:
      'with what the model decides: the rank of each method, and how its size stands to the budget',
  },
  schema: { type: 'boolean', description: 'print the JSON schema of configuration files' },
  ...overrideArguments,
} as const;

export const config = defineCommand({
  args: definitions,
  run({ args, rawArgs }) {
    const given = readOverrides(rawArgs, definitions);
    const loaded = loadConfig(args.config, { overrides: [...placeholders(args.config), ...given] });
    const catalogue = catalogueOf(loaded);
    const text = args.schema
      ? `${JSON.stringify(configJsonSchema(catalogue), undefined, 2)}\n`
      : args.resolved
        ? renderResolved(loaded, catalogue)
        : renderConfig(loaded, catalogue);
    process.stdout.write(args.schema ? text : `${schemaLine()}${text}`);
  },
});

/** Tells editors with a YAML language server what each key is. */
function schemaLine(): string {
  const file = join(packageFolder, 'assets', 'schemas', 'run.schema.json');
  const near = relative(process.cwd(), file);
  return `# yaml-language-server: $schema=${near.startsWith('..') ? file : `./${near}`}\n`;
}

/** A built-in configuration can be looked at without the folders that it leaves to the user. */
function placeholders(name: string): readonly ConfigOverride[] {
  const preset = Object.hasOwn(presets, name) ? presets[name] : undefined;
  if (preset === undefined) return [];
  return Object.keys(givenByUser)
    .filter((key) => !Object.hasOwn(preset, key))
    .map((key) => ({ path: [key], value: `your-${key}`, label: `built-in configuration ${name}` }));
}

/** The sizes stand in comments, so that the whole reads back. */
function renderResolved(loaded: RunConfig, catalogue: Catalogue): string {
  const shape = outlineModel(locateModel(loaded.model, catalogue.families), catalogue.families);
  const config = matchParameters(loaded, catalogue, shape);
  const options = { width: widthOf(process.stdout) - 2, color: false };
  const lines = renderSizes(methodSizes(config, catalogue, shape), config.adapter, options);
  return `${lines.map((line) => `# ${line}`).join('\n')}\n${renderConfig(config, catalogue)}`;
}
