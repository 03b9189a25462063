// `coin diff`: whether two runs differ, and where they part first. Exit code 0: they are the same; 1: they differ; 2: they
// cannot be compared, as every mistake that the user can mend.
import { defineCommand } from 'citty';
import { UserError } from '../../base/errors.ts';
import { useColor, widthOf } from '../../report/terminal/paint.ts';
import { renderDiff } from '../../report/terminal/terminal-diff.ts';
import { type DiffPart, diffParts, diffRuns } from '../../results/diff/diff-runs.ts';
import { oneOf } from '../shell/arguments.ts';

export const diff = defineCommand({
  args: {
    'run...': { type: 'positional', required: true, description: 'the folders of two runs' },
    only: {
      type: 'string',
      valueHint: 'PARTS',
      description: `look at these only, separated by commas: ${diffParts.join(', ')}`,
    },
    json: { type: 'boolean', description: 'print JSON, every difference included' },
  },
  run({ args }) {
    const [first, second, ...more] = args._;
    if (first === undefined || second === undefined || more.length > 0) {
      throw new UserError(`expected the folders of two runs, found ${args._.length}`);
    }
    const parts: readonly DiffPart[] =
      args.only === undefined
        ? diffParts
        : args.only.split(',').map((part) => oneOf('--only', part.trim(), diffParts));
    const found = diffRuns(first, second, parts);
    const options = { width: widthOf(process.stdout), color: useColor(process.stdout), parts };
    const text = args.json === true ? JSON.stringify(found, undefined, 2) : renderDiff(found, options);
    process.stdout.write(`${text}\n`);
    return found.equal ? 0 : 1;
  },
});
