// `coin config`: shows a configuration with every default, or the schema of configuration files.
import { defineCommand } from 'citty';
import { loadConfig } from '../runs/config.ts';
import { configJsonSchema, renderConfig } from '../runs/config-text.ts';
import { overrideArguments, readOverrides } from './arguments.ts';

const definitions = {
  config: {
    type: 'positional',
    required: false,
    default: 'nano',
    description: 'nano, or a YAML file',
  },
  schema: { type: 'boolean', description: 'print the JSON schema of configuration files' },
  ...overrideArguments,
} as const;

export const config = defineCommand({
  meta: { name: 'config', description: 'Print a configuration with every default and what it means' },
  args: definitions,
  run({ args, rawArgs }) {
    const text = args.schema
      ? `${JSON.stringify(configJsonSchema(), undefined, 2)}\n`
      : renderConfig(loadConfig(args.config, { overrides: readOverrides(rawArgs, definitions) }));
    process.stdout.write(text);
  },
});
