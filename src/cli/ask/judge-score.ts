// `coin judge score`: the figure of a file of judge answers, whoever gave them.

import { defineCommand } from 'citty';
import { z } from 'zod';
import { UserError } from '../../base/errors.ts';
import { judgedFigure, parseJudgeAnswer } from '../../evaluation/judging/parser.ts';
import { checkRow, readJsonLines } from '../../formats/records/json.ts';
import { scoringModes } from '../../tasks/task.ts';
import { oneOf } from '../shell/arguments.ts';

const answer = z.object({ text: z.string() });
export const judgeScore = defineCommand({
  args: {
    answers: {
      type: 'string',
      required: true,
      valueHint: 'FILE.jsonl',
      description: 'a line of JSON per answer, its text under "text"',
    },
    mode: {
      type: 'string',
      default: 'strict',
      valueHint: 'MODE',
      description: "strict, or reference: the reference's parser with its faults",
    },
    json: { type: 'boolean', description: 'print JSON' },
  },
  run({ args }) {
    if (args.answers === undefined) throw new UserError('expected --answers FILE.jsonl');
    const mode = oneOf('--mode', args.mode, scoringModes);
    const texts = readJsonLines(args.answers).map(
      ({ row, value }) => checkRow(answer, value, { file: args.answers ?? '', row }).text,
    );
    const { percent, judged, unparsed, crashes } = judgedFigure(texts, mode);
    const reasons: Record<string, number> = {};
    for (const text of texts) {
      const parsed = parseJudgeAnswer(text, mode);
      if ('unparsed' in parsed) reasons[parsed.unparsed] = (reasons[parsed.unparsed] ?? 0) + 1;
    }
    if (args.json) {
      process.stdout.write(
        `${JSON.stringify({ mode, generalKnowledge: percent, judged, unparsed, crashes, reasons })}\n`,
      );
      return;
    }
    const why = Object.entries(reasons).map(([reason, count]) => `${count} ${reason}`);
    const left = unparsed === 0 ? 'all could be read' : `${unparsed} not: ${why.join(', ')}`;
    const shown = mode === 'reference' ? String(percent) : percent.toFixed(2);
    process.stdout.write(`General knowledge ${shown} over ${judged} answers, ${mode} parser; ${left}.\n`);
    if (crashes > 0)
      process.stdout.write(`The reference stops with an error at ${crashes} of them and gives no figure.\n`);
  },
});
