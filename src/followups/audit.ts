// An audit of a run: some of its samples are answered again, each alone, with nothing shared and nothing from a cache,
// and compared with what was recorded. A run of one sample at a time is what all the batching must agree with.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../base/errors.ts';
import { type EvaluateStep, trainedStage } from '../config/plan.ts';
import type { RunConfig } from '../config/schema.ts';
import { engineOf } from '../engine/engine-of.ts';
import type { OpenedRun } from '../runs/open.ts';
import { readPredictions } from '../tasks/predictions.ts';
import type { TestSample } from '../tasks/task.ts';
import { RandomStream } from '../tensor/random.ts';
import { type FollowUpOptions, followUp } from './followup.ts';

export interface AuditOptions extends FollowUpOptions {
  /** Samples to answer again; all of them where there are not so many. */
  readonly count: number;
  /** Which are drawn. */
  readonly seed?: number;
  /** Where the answers are given; by default as the run says. */
  readonly provider?: RunConfig['provider'];
  readonly onProgress?: (done: number, total: number) => void;
}

/** A sample whose answer alone is not the one recorded. */
export interface Disagreement {
  /** The evaluation, e.g. `lora/3-ImageNet/evaluate/TextVQA`. */
  readonly step: string;
  readonly id: string;
  /** Absent where the prediction file has no answer to the sample. */
  readonly recorded?: string;
  readonly alone: string;
}

export interface AuditResult {
  readonly checked: number;
  /** Answers that the run has recorded. */
  readonly recorded: number;
  readonly disagreements: readonly Disagreement[];
}

interface Drawn {
  readonly step: EvaluateStep;
  readonly samples: readonly TestSample[];
}

/** @throws UserError when the folder is not a run, its test data changed, or it has recorded no answers. */
export async function auditRun(options: AuditOptions): Promise<AuditResult> {
  const auditedConfig = ({ config: { cache, ...config } }: OpenedRun): RunConfig => ({
    ...config,
    provider: options.provider ?? config.provider,
    // Nothing from a cache.
    cache: { ...cache, use: false, memoryBytes: 0 },
  });
  const openEngine = (run: OpenedRun) => engineOf({ config: auditedConfig(run), catalogue: run.catalogue });
  return followUp({ ...options, openEngine, writes: false }, async ({ run, signal, engine }) => {
    const { drawn, recorded } = draw(run, options);
    const checked = drawn.reduce((total, { samples }) => total + samples.length, 0);
    const aside = mkdtempSync(join(tmpdir(), 'coin-audit-'));
    const disagreements: Disagreement[] = [];
    let before = 0;
    try {
      for (const [index, { step, samples }] of drawn.entries()) {
        const predictionFile = join(aside, `${index}.jsonl`);
        await (await engine()).evaluate({
          trained: step.trained && trainedStage(run.folder, step.trained),
          task: step.task,
          samples,
          predictionFile,
          alone: true,
          config: auditedConfig(run),
          signal,
          onProgress: ({ done }) => options.onProgress?.(before + done, checked),
        });
        before += samples.length;
        const was = textsById(join(run.folder, step.predictionFile));
        for (const [id, alone] of textsById(predictionFile)) {
          const text = was.get(id);
          if (text === alone) continue;
          disagreements.push({ step: step.key, id, recorded: text, alone });
        }
      }
    } finally {
      rmSync(aside, { recursive: true, force: true });
    }
    return { checked, recorded, disagreements };
  });
}

/** Samples drawn at random from all that the run has answered, by evaluation. */
function draw({ folder, done, evaluations }: OpenedRun, { count, seed = 0 }: AuditOptions) {
  const steps = done.filter((step) => existsSync(join(folder, step.predictionFile)));
  const answers = steps.flatMap((step) =>
    evaluations.questions(step.task).map((sample) => ({ step, sample })),
  );
  if (answers.length === 0) {
    throw new UserError({ file: folder, message: 'the run has recorded no answers yet' });
  }
  const chosen = new Set(new RandomStream(seed, 'audit').shuffle(answers).slice(0, count));
  const drawn = steps.flatMap((step): Drawn[] => {
    const samples = answers.filter((answer) => answer.step === step && chosen.has(answer));
    return samples.length === 0 ? [] : [{ step, samples: samples.map(({ sample }) => sample) }];
  });
  return { drawn, recorded: answers.length };
}

function textsById(file: string): ReadonlyMap<string, string> {
  return new Map(readPredictions(file).map(({ question_id, text }) => [question_id, text]));
}
