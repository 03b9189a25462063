// Reads the adapters of test/fixtures/parity/adapters and writes each as we write adapters, for adapter_round_trip.py.
//
//   node tools/parity/write-adapters.mjs FOLDER
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CONFIG_FILE, serializeAdapter, WEIGHTS_FILE } from '../../dist/adapters/peft.js';
import { openCheckpoint } from '../../dist/formats/weights/checkpoint.js';
import { readLlavaConfig } from '../../dist/models/llava/config.js';
import { mergeAdapter } from '../../dist/models/llava/merge.js';
import { linearsOf, llavaNames, outlineOf } from '../../dist/models/llava/model.js';
import { LlavaWeights } from '../../dist/models/llava/weights.js';
import { openModelAdapter } from '../../dist/models/model-adapter.js';

const fixtures = fileURLToPath(new URL('../../test/fixtures/parity/', import.meta.url));
const folder = join(fixtures, 'llava-tiny/model');
const config = readLlavaConfig(folder);
const model = {
  ...outlineOf(config, new LlavaWeights(openCheckpoint(folder))),
  ...linearsOf(config),
  family: llavaNames,
  folder,
};
const [target] = process.argv.slice(2);
for (const name of ['patterns', 'some-layers', 'all-linear', 'older-spelling']) {
  const adapter = openModelAdapter(model, join(fixtures, 'adapters', name));
  const files = serializeAdapter({ ...adapter, targets: model.shape });
  mkdirSync(join(target, name), { recursive: true });
  for (const file of [CONFIG_FILE, WEIGHTS_FILE]) writeFileSync(join(target, name, file), files[file]);
  await mergeAdapter({ model, adapter, to: join(target, `${name}-merged`) });
}
