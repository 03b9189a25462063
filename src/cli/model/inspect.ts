// `coin model inspect`: what a model's folder holds, what of it is missing, and what it takes to train and to ask it.
import { defineCommand } from 'citty';
import { inspectModel } from '../../forecast/inspection.ts';
import { families, familyOf, locateModel } from '../../models/index.ts';
import { renderInspection } from '../../report/terminal/model.ts';
import { useColor, widthOf } from '../../report/terminal/paint.ts';
import { wholeNumber } from '../shell/options.ts';

export const modelInspect = defineCommand({
  args: {
    model: { type: 'positional', required: true, description: 'nano, or a folder that holds a model' },
    rank: { type: 'string', default: '128', valueHint: 'NUMBER', description: 'of the LoRA that is trained' },
    batch: {
      type: 'string',
      default: '8',
      valueHint: 'NUMBER',
      description: 'samples side by side, beside those of one alone',
    },
    json: { type: 'boolean', description: 'print JSON' },
  },
  run({ args }) {
    const rank = wholeNumber('--rank', args.rank);
    const batch = wholeNumber('--batch', args.batch);
    const batches = [...new Set([1, batch])];
    const folder = locateModel(args.model, families);
    const inspection = inspectModel(folder, familyOf(folder, families), { rank, batches });
    const { stdout } = process;
    const text =
      args.json === true
        ? JSON.stringify(inspection, undefined, 2)
        : renderInspection(inspection, { width: widthOf(stdout), color: useColor(stdout) });
    stdout.write(`${text}\n`);
    return inspection.issues.length === 0 ? 0 : 2;
  },
});
