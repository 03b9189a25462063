// `coin generate`: asks a model about images. One question from the options, or many as lines of standard input or of a
// file; an answer is written while it comes.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineCommand } from 'citty';
import { z } from 'zod';
import { DataError, UserError } from '../../base/errors.ts';
import { baseWeightNames, providersOf } from '../../config/schema.ts';
import { baseWeightRewrites } from '../../engine/base-weights.ts';
import { Answerer, type AskedQuestion } from '../../evaluation/generation/answerer.ts';
import { checkRow, readText } from '../../formats/records/json.ts';
import { families, locateModel, openModel } from '../../models/index.ts';
import { openModelAdapter } from '../../models/model-adapter.ts';
import { oneOf } from '../shell/arguments.ts';
import { checkProvider, wholeNumber } from '../shell/options.ts';
import { adapterFolder } from './adapter-folder.ts';

const templateChoices = [...new Set(families.flatMap(({ templates }) => templates))];

const definitions = {
  model: { type: 'positional', required: true, description: 'nano, or a folder that holds a model' },
  prompt: {
    type: 'string',
    valueHint: 'TEXT',
    description: 'the question; without it, questions are read from --input',
  },
  image: {
    type: 'string',
    valueHint: 'FILE',
    description: 'an image: it stands where the prompt has <image>, or before it',
  },
  input: {
    type: 'string',
    valueHint: 'FILE',
    description:
      'questions, one a line: {"prompt": ..., "image": ...}, or text; "-" (default) is standard input',
  },
  adapter: { type: 'string', valueHint: 'FOLDER', description: "an adapter: PEFT's, a run's or CoIN's" },
  'max-new-tokens': {
    type: 'string',
    default: '256',
    valueHint: 'NUMBER',
    description: 'cap on the tokens of an answer',
  },
  template: {
    type: 'string',
    valueHint: 'NAME',
    description: `${templateChoices.join(', ')}; by default the model's`,
  },
  slots: {
    type: 'string',
    default: '8',
    valueHint: 'NUMBER',
    description: 'answers in progress side by side, of many questions',
  },
  provider: { type: 'string', default: 'cpu', valueHint: 'NAME', description: 'cpu, webgpu or cuda' },
  'base-weights': {
    type: 'string',
    default: 'float32',
    valueHint: 'TYPE',
    description: `${baseWeightNames.join(', ')}: rounded once, into runs/weight-cache`,
  },
  'no-cache': { type: 'boolean', description: 'keep no image features in runs/feature-cache' },
  json: { type: 'boolean', description: 'a line of JSON per answer' },
} as const;

const row = z.strictObject({
  prompt: z.string().min(1),
  image: z.string().min(1).optional(),
  id: z.union([z.string(), z.number()]).optional(),
});
type Row = z.output<typeof row>;

export const generate = defineCommand({
  args: definitions,
  async run({ args, rawArgs }) {
    const maxNewTokens = wholeNumber('--max-new-tokens', args['max-new-tokens']);
    const slots = wholeNumber('--slots', args.slots);
    const provider = checkProvider(args.provider);
    const template =
      args.template === undefined ? undefined : oneOf('--template', args.template, templateChoices);
    const baseWeights = oneOf('--base-weights', args['base-weights'], baseWeightNames);
    if (!providersOf[baseWeights].includes(provider)) {
      throw new UserError(`--base-weights ${baseWeights} does not run on provider ${provider}`);
    }
    const rows = readQuestions(args);
    const model = openModel(locateModel(args.model, families), { families, template });
    const adapter =
      args.adapter === undefined ? undefined : openModelAdapter(model, adapterFolder(args.adapter));
    const single = rows.length === 1 && args.json !== true;
    const answerer = await Answerer.open({
      model,
      provider,
      slots: Math.min(slots, rows.length),
      rewrites: await baseWeightRewrites(model, baseWeights, join('runs', 'weight-cache')),
      adapter,
      ...(rawArgs.includes('--no-cache')
        ? {}
        : { featureCache: { folder: join('runs', 'feature-cache'), maxBytes: 1e10 } }),
    });
    try {
      const started = performance.now();
      const seconds = () => Number(((performance.now() - started) / 1000).toFixed(3));
      const write = (text: string) => process.stdout.write(text);
      await answerer.ask(rows.map(questionOf), {
        maxNewTokens,
        onText: (_, piece) => {
          if (single) write(piece);
        },
        onAnswer: (index, answer) => {
          if (single) write('\n');
          else if (args.json === true)
            write(`${JSON.stringify({ ...rows[index], ...answer, seconds: seconds() })}\n`);
          else write(`${labelOf(rows, index)}\t${answer.text.replaceAll('\n', ' ')}\n`);
        },
      });
    } finally {
      await answerer.dispose();
    }
  },
});

interface Given {
  readonly prompt?: string | undefined;
  readonly image?: string | undefined;
  readonly input?: string | undefined;
}

function readQuestions({ prompt, image, input }: Given): readonly Row[] {
  if (prompt !== undefined) {
    if (input !== undefined) throw new UserError('expected either --prompt or --input, found both');
    if (prompt === '') throw new UserError('--prompt is empty');
    return [{ prompt, image }];
  }
  const fromInput = input === undefined || input === '-';
  if (fromInput && process.stdin.isTTY === true) {
    throw new UserError({
      message: 'expected a question',
      hint: 'coin generate MODEL --image FILE --prompt "What is this?", or one question a line on standard input',
    });
  }
  const name = fromInput ? 'standard input' : input;
  const rows = parseQuestions(fromInput ? readFileSync(0, 'utf8') : readText(input), name);
  if (rows.length === 0) {
    const hint = 'give --prompt TEXT, or questions on standard input, one a line';
    throw new UserError({ file: name, message: 'no questions', hint });
  }
  return image === undefined ? rows : rows.map((asked) => ({ image, ...asked }));
}

/** A line that begins as an object does is one; any other is a question's text. */
function parseQuestions(text: string, file: string): readonly Row[] {
  return text.split(/\r?\n/).flatMap((line, index): Row[] => {
    if (line.trim() === '') return [];
    if (!line.trimStart().startsWith('{')) return [{ prompt: line.trim() }];
    const place = { file, row: index + 1 };
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch (error) {
      throw new DataError({ file, line: index + 1, message: `not JSON: ${(error as Error).message}` });
    }
    return [checkRow(row, value, place)];
  });
}

function questionOf({ prompt, image }: Row): AskedQuestion {
  return { text: prompt, image };
}

function labelOf(rows: readonly Row[], index: number): string {
  return String(rows[index]?.id ?? index + 1);
}
