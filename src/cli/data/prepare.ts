// `coin data prepare`: makes CoIN's files out of the raw download of a task's data sets.
import { defineCommand } from 'citty';
import { UserError } from '../../base/errors.ts';
import { imageModes } from '../../data/preparation/images.ts';
import { type Preparation, prepareTask } from '../../data/preparation/prepare.ts';
import { rawSources } from '../../tasks/downloads/sources.ts';
import { type CoinTask, coinTasks } from '../../tasks/index.ts';
import { instructionTypes } from '../../tasks/layout/instruction-files.ts';
import { oneOf } from '../shell/arguments.ts';
import { CountLine } from '../shell/count-line.ts';

export const dataPrepare = defineCommand({
  args: {
    task: { type: 'string', required: true, valueHint: 'NAME', description: coinTasks.join(', ') },
    from: { type: 'string', required: true, valueHint: 'DIR', description: 'holds the raw download' },
    to: {
      type: 'string',
      required: true,
      valueHint: 'DIR',
      description: 'gets Instructions_<type>/ and cl_dataset/; one folder for all tasks',
    },
    instructions: {
      type: 'string',
      default: 'original',
      valueHint: 'TYPE',
      description: 'original, diverse or 10type',
    },
    limit: { type: 'string', valueHint: 'N', description: 'only the first N entries of each split' },
    images: {
      type: 'string',
      default: 'link',
      valueHint: 'HOW',
      description: 'link or copy the images, or none to leave them where they are',
    },
    missing: {
      type: 'string',
      default: 'error',
      valueHint: 'WHAT',
      description: 'skip leaves out entries whose image is not there',
    },
    classes: { type: 'string', valueHint: 'FILE', description: 'ImageNet: a WordNet id and a name a line' },
  },
  async run({ args }) {
    const { task, from, to } = args;
    if (task === undefined || from === undefined || to === undefined) {
      throw new UserError('expected --task, --from and --to');
    }
    const name = oneOf('--task', task, coinTasks);
    const line = new CountLine(`prepare ${name}`);
    try {
      const done = await prepareTask({
        task: name,
        from,
        to,
        instructionType: oneOf('--instructions', args.instructions, instructionTypes),
        images: oneOf('--images', args.images, imageModes),
        missing: oneOf('--missing', args.missing, ['error', 'skip'] as const),
        ...(args.limit === undefined ? {} : { limit: positive('--limit', args.limit) }),
        classes: args.classes,
        onProgress: ({ file, entries }) => line.show(`${entries} entries of ${file}`),
      });
      line.clear();
      process.stdout.write(summary(name, to, done));
    } catch (error) {
      line.clear();
      throw withExpected(error, name);
    }
  },
});

function summary(task: CoinTask, to: string, { form, complete, files }: Preparation): string {
  const lines = files.map(({ path, entries, turns, leftOut, unanswered }) => {
    const counts =
      entries === 0 ? '' : `  ${entries} entries${turns === entries ? '' : `, ${turns} questions`}`;
    const images = leftOut === 0 ? '' : `; ${leftOut} left out, their images are missing`;
    const answers = unanswered === 0 ? '' : `; ${unanswered} questions left out, they have no answer`;
    return `  ${path}${counts}${images}${answers}`;
  });
  const head = complete ? `${task}: nothing to do, all is there` : `${task}: prepared from ${form}`;
  return `${[head, ...lines].join('\n')}\nnext: coin data doctor ${to}\n`;
}

/** A file that was not found: says what the whole download looks like. */
function withExpected(error: unknown, task: CoinTask): unknown {
  if (
    !(error instanceof UserError) ||
    !error.issues.some(({ message, hint }) => hint !== undefined && message.startsWith('no such file'))
  ) {
    return error;
  }
  const expects = rawSources[task].expects.join('\n          ');
  return new UserError(
    error.issues.map((issue) => ({ ...issue, hint: `${issue.hint}\n  expected: ${expects}` })),
  );
}

function positive(option: string, text: string): number {
  if (!/^[1-9]\d*$/.test(text)) {
    throw new UserError(`${option}: expected a whole number of at least 1, found "${text}"`);
  }
  return Number(text);
}
