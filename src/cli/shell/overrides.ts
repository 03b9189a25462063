// The options that change a configuration, and what they say. Only for commands that read one.
import type { ArgsDef } from 'citty';
import { type ConfigOverride, parseOverride } from '../../config/load.ts';
import { readList } from './arguments.ts';

/** The options that change a configuration. */
export const overrideArguments = {
  model: { type: 'string', description: 'nano, or a folder in the llava-hf layout', valueHint: 'FOLDER' },
  data: { type: 'string', description: "nano, or a data folder in CoIN's layout", valueHint: 'FOLDER' },
  seed: { type: 'string', description: 'seed of the run', valueHint: 'NUMBER' },
  output: { type: 'string', description: 'folder of the run', valueHint: 'FOLDER' },
  provider: { type: 'string', description: 'cpu, webgpu or cuda', valueHint: 'NAME' },
  set: {
    type: 'string',
    description: 'any key of the configuration, e.g. training.epochs=2; may be repeated',
    valueHint: 'KEY=VALUE',
  },
} as const satisfies ArgsDef;

/** What the options of `overrideArguments` say, in the order in which the later one holds. */
export function readOverrides(
  rawArguments: readonly string[],
  definitions: ArgsDef,
): readonly ConfigOverride[] {
  const all = (name: string) => readList(rawArguments, definitions, name);
  const last = (name: string) => all(name).slice(-1);
  return [
    ...all('set').map(parseOverride),
    ...last('model').map((value) => ({ path: ['model'], value, label: `--model ${value}` })),
    ...last('data').map((value) => ({ path: ['benchmark'], value, label: `--data ${value}` })),
    ...last('seed').map((text) => ({ path: ['seed'], value: numberOr(text), label: `--seed ${text}` })),
    ...last('output').map((value) => ({ path: ['output'], value, label: `--output ${value}` })),
    ...last('provider').map((value) => ({ path: ['provider'], value, label: `--provider ${value}` })),
  ];
}

function numberOr(text: string): number | string {
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}
