// `coin cache`: what the image features kept on disk take, and a way to be rid of them.

import { defineCommand } from 'citty';
import { counted } from '../../base/small.ts';
import { loadConfig } from '../../config/load.ts';
import { featureCache } from '../../engine/feature-cache.ts';
import { DiskCache } from '../../formats/files/disk-cache.ts';
import { overrideArguments, readOverrides } from '../shell/overrides.ts';

const definitions = {
  config: {
    type: 'positional',
    required: false,
    default: 'nano',
    description: 'nano, or a YAML file; its cache is meant',
  },
  clear: { type: 'boolean', description: 'remove all of it' },
  ...overrideArguments,
} as const;

export const cache = defineCommand({
  args: definitions,
  run({ args, rawArgs }) {
    const config = loadConfig(args.config, { overrides: readOverrides(rawArgs, definitions) });
    const options = featureCache(config);
    if (options === undefined) {
      process.stdout.write('Off: image features are not kept on disk (cache.use, cache.maxBytes)\n');
      return;
    }
    const { folder, maxBytes } = options;
    const kept = new DiskCache(options);
    const { entries, bytes } = kept.usage();
    const size = `${counted(entries, 'image')}, ${megabytes(bytes)}`;
    if (args.clear === true) {
      kept.clear();
      process.stdout.write(`${folder}: removed ${size}\n`);
    } else {
      process.stdout.write(`${folder}: ${size} of at most ${megabytes(maxBytes)}\n`);
    }
  },
});

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
