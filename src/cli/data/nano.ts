// `coin data nano`: writes the embedded data set to a folder, in the layout of CoIN.
import { defineCommand } from 'citty';
import { UserError } from '../../base/errors.ts';
import { buildNanoData } from '../../nano/world/build.ts';
import { wholeNumber } from '../shell/options.ts';

export const dataNano = defineCommand({
  args: {
    to: { type: 'string', required: true, valueHint: 'FOLDER', description: 'made if it is missing' },
    train: { type: 'string', default: '500', valueHint: 'NUMBER', description: 'training samples per task' },
    test: { type: 'string', default: '100', valueHint: 'NUMBER', description: 'test samples per task' },
    seed: { type: 'string', default: '0', valueHint: 'NUMBER', description: 'another seed, other samples' },
  },
  async run({ args }) {
    if (args.to === undefined || args.to === '') throw new UserError('expected --to FOLDER');
    await buildNanoData({
      folder: args.to,
      trainPerTask: wholeNumber('--train', args.train, 0),
      testPerTask: wholeNumber('--test', args.test, 0),
      seed: wholeNumber('--seed', args.seed, 0),
    });
    process.stdout.write(`${args.to}\n`);
  },
});
