// `coin judge`: asks a judge about every answer of a run, and shows general knowledge as a matrix.
import { dirname, join, resolve } from 'node:path';
import { defineCommand } from 'citty';
import { samplingModes } from '../../evaluation/judging/judge-model.ts';
import { estimateJudging, type JudgingEstimate, type Prices } from '../../followups/judging/estimate.ts';
import { type JudgeObserver, type JudgingPlan, judgeRun } from '../../followups/judging/judge-run.ts';
import { openJudge } from '../../followups/judging/open-judge.ts';
import type { RunResults } from '../../report/results.ts';
import { useColor, widthOf } from '../../report/terminal/paint.ts';
import { renderJudges } from '../../report/terminal/terminal-judges.ts';
import { formatCount, formatDuration } from '../../report/words/numbers.ts';
import { oneOf } from '../shell/arguments.ts';
import { numberOption, wholeNumber } from '../shell/options.ts';
import { askRun } from './ask-run.ts';

export const judge = defineCommand({
  args: {
    run: { type: 'positional', required: true, description: 'the folder of a run' },
    judge: {
      type: 'string',
      default: 'lexical',
      valueHint: 'JUDGE',
      description: 'lexical (no model), the address of an OpenAI-compatible endpoint, or gguf:FILE',
    },
    model: {
      type: 'string',
      valueHint: 'NAME',
      description: "the endpoint's model; needed when it has several",
    },
    'key-env': {
      type: 'string',
      valueHint: 'NAME',
      description: "environment variable that holds the endpoint's key; the key is never written anywhere",
    },
    settings: {
      type: 'string',
      default: 'deterministic',
      valueHint: 'MODE',
      description: 'deterministic, or reference: sampled as the reference does',
    },
    'max-tokens': { type: 'string', valueHint: 'NUMBER', description: "bound on a judge's answer" },
    rules: { type: 'string', valueHint: 'FILE', description: "a rule.json in the reference's layout" },
    concurrency: { type: 'string', default: '8', valueHint: 'NUMBER', description: 'requests at once' },
    retries: { type: 'string', default: '6', valueHint: 'NUMBER', description: 'further tries of a request' },
    timeout: { type: 'string', default: '60', valueHint: 'SECONDS', description: 'for a whole answer' },
    cache: {
      type: 'string',
      valueHint: 'FOLDER',
      description: 'where answers are kept; by default judge-cache beside the run',
    },
    'price-input': {
      type: 'string',
      valueHint: 'PRICE',
      description: 'of a million tokens, for the estimate',
    },
    'price-output': {
      type: 'string',
      valueHint: 'PRICE',
      description: 'of a million tokens, for the estimate',
    },
    estimate: { type: 'boolean', description: 'say what it would take, and ask nothing' },
    json: { type: 'boolean', description: 'print JSON' },
    quiet: { type: 'boolean', alias: 'q', description: 'show the results only' },
  },
  async run({ args }) {
    const prices: Prices = {
      input: numberOption('--price-input', args['price-input']),
      output: numberOption('--price-output', args['price-output']),
    };
    const opened = await openJudge({
      judge: args.judge,
      settings: oneOf('--settings', args.settings, samplingModes),
      cacheFolder: args.cache ?? join(dirname(resolve(args.run)), 'judge-cache'),
      concurrency: wholeNumber('--concurrency', args.concurrency),
      retries: wholeNumber('--retries', args.retries, 0),
      timeoutSeconds: wholeNumber('--timeout', args.timeout),
      ...given('model', args.model),
      ...given('keyVariable', args['key-env']),
      ...given('ruleFile', args.rules),
      ...(args['max-tokens'] === undefined
        ? {}
        : { maxTokens: wholeNumber('--max-tokens', args['max-tokens']) }),
    });
    const observer = new JudgeProgress({ prices, only: args.estimate === true, quiet: args.quiet === true });
    try {
      const judging = (signal?: AbortSignal) =>
        judgeRun({ folder: args.run, judge: opened, signal, observer });
      if (args.estimate === true) {
        await judging();
        if (args.json) process.stdout.write(`${JSON.stringify(observer.estimate)}\n`);
        return;
      }
      const results = await askRun(args.run, 'answer', judging);
      showJudge(results, opened.description.id, args.json === true);
    } finally {
      for (const note of opened.notes) observer.say(note);
      await opened.close();
    }
  },
});

function showJudge(results: RunResults, id: string, json: boolean): void {
  const mine = (results.judges ?? []).filter((judge) => judge.id === id);
  const text = json
    ? JSON.stringify(mine[0], undefined, 2)
    : renderJudges(
        { ...results, judges: mine },
        { width: widthOf(process.stdout), color: useColor(process.stdout) },
      );
  process.stdout.write(`${text.trimEnd()}\n`);
}

/** Plain lines on stderr: the estimate, then at most one line per tenth of the way. */
class JudgeProgress implements JudgeObserver {
  readonly #options: { readonly prices: Prices; readonly only: boolean; readonly quiet: boolean };
  #shownTenth = 0;
  estimate: JudgingEstimate | undefined;

  constructor(options: { readonly prices: Prices; readonly only: boolean; readonly quiet: boolean }) {
    this.#options = options;
  }

  say(text: string): void {
    process.stderr.write(`${text}\n`);
  }

  judgingStarts(plan: JudgingPlan): boolean {
    const estimate = estimateJudging(plan, this.#options.prices);
    this.estimate = estimate;
    if (!this.#options.quiet || this.#options.only) this.say(describeEstimate(plan, estimate));
    return !this.#options.only;
  }

  answered(done: number, total: number): void {
    const tenth = Math.floor((10 * done) / total);
    if (this.#options.quiet || tenth === this.#shownTenth) return;
    this.#shownTenth = tenth;
    this.say(`${formatCount(done)} of ${formatCount(total)} answers judged`);
  }
}

function describeEstimate(plan: JudgingPlan, estimate: JudgingEstimate): string {
  const { cells, judged, answers, requests } = plan;
  if (cells === 0) return `All ${judged} evaluations are judged.`;
  const start = `${formatCount(answers)} answers in ${cells} evaluations to judge`;
  if (requests === 0) return `${start}; nothing has to be asked.`;
  const tokens = `about ${formatCount(estimate.inputTokens)} tokens in, at most ${formatCount(estimate.outputTokens)} out`;
  const cost = estimate.cost === undefined ? '' : `, cost at most about ${estimate.cost.toFixed(2)}`;
  const basis = estimate.measured ? 'by its requests so far' : 'at one second a request';
  return `${start}: ${formatCount(requests)} requests (${formatCount(plan.known)} known or the same), ${tokens}${cost}, about ${formatDuration(estimate.seconds)} ${basis} and ${plan.concurrency} at once.`;
}

function given<Key extends string>(key: Key, value: string | undefined): { readonly [K in Key]?: string } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [K in Key]: string });
}
