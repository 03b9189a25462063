// `npm run bench:model -- SHAPE --to FOLDER`: writes one of the benchmark's models with random weights.
import { parseArgs } from 'node:util';
import { UserError } from '../src/base/errors.ts';
import { writeRandomModel } from '../src/models/llava/random-model.ts';
import { isShapeName, shapes } from './shapes.ts';

const storages = ['F32', 'F16', 'BF16'] as const;

const names = Object.keys(shapes).filter((known) => known !== 'nano');
const usage = `usage: npm run bench:model -- ${names.join('|')} --to FOLDER [--dtype ${storages.join('|')}] [--seed NUMBER]`;

try {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      help: { type: 'boolean', short: 'h' },
      to: { type: 'string' },
      dtype: { type: 'string', default: 'F32' },
      seed: { type: 'string', default: '0' },
    },
  });
  if (values.help === true) {
    console.log(usage);
    process.exit();
  }
  const [name = ''] = positionals;
  const shape = isShapeName(name) ? shapes[name] : undefined;
  const storage = storages.find((known) => known === values.dtype);
  if (shape === undefined || !('config' in shape) || values.to === undefined || storage === undefined) {
    throw new UserError(usage);
  }
  const count = writeRandomModel({
    folder: values.to,
    config: shape.config,
    storage,
    seed: Number(values.seed),
  });
  console.log(`${values.to}: ${count.toLocaleString('en')} weights in ${storage}`);
} catch (error) {
  if (!(error instanceof UserError) && !(error instanceof TypeError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
