// An audit of a run: some of its samples are answered again, each alone, with nothing shared and nothing from a cache,
// and compared with what was recorded. A run of one sample at a time is what all the batching must agree with.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../base/errors.ts';
import { type EvaluateStep, planRun, trainedStage } from '../config/plan.ts';
import { testSamples } from '../config/samples.ts';
import type { RunConfig } from '../config/schema.ts';
import type { RunEngine } from '../engine/contract.ts';
import { readJournal, recordsByKey } from '../runs/journal.ts';
import { runFiles } from '../runs/run-folder.ts';
import type { TaskName } from '../tasks/index.ts';
import { readPredictions } from '../tasks/predictions.ts';
import type { TaskSource, TestSample } from '../tasks/task.ts';
import { RandomStream } from '../tensor/random.ts';

export interface AuditOptions {
  readonly folder: string;
  readonly config: RunConfig;
  readonly source: TaskSource;
  /** Samples to answer again; all of them where there are not so many. */
  readonly count: number;
  /** Which are drawn. */
  readonly seed?: number;
  /** Opens an engine that keeps no features. */
  readonly openEngine: () => Promise<RunEngine>;
  readonly signal?: AbortSignal;
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

/** @throws UserError when the run has recorded no answers. */
export async function auditRun(options: AuditOptions): Promise<AuditResult> {
  const { folder, config, onProgress, signal = new AbortController().signal } = options;
  const { drawn, recorded } = draw(options);
  const checked = drawn.reduce((total, { samples }) => total + samples.length, 0);
  const engine = await options.openEngine();
  const aside = mkdtempSync(join(tmpdir(), 'coin-audit-'));
  const disagreements: Disagreement[] = [];
  let before = 0;
  try {
    for (const [index, { step, samples }] of drawn.entries()) {
      const predictionFile = join(aside, `${index}.jsonl`);
      await engine.evaluate({
        trained: step.trained && trainedStage(folder, step.trained),
        task: step.task,
        samples,
        predictionFile,
        alone: true,
        config,
        signal,
        onProgress: ({ done }) => onProgress?.(before + done, checked),
      });
      before += samples.length;
      const was = textsById(join(folder, step.predictionFile));
      for (const [id, alone] of textsById(predictionFile)) {
        const text = was.get(id);
        if (text === alone) continue;
        disagreements.push({ step: step.key, id, recorded: text, alone });
      }
    }
  } finally {
    await engine.close();
    rmSync(aside, { recursive: true, force: true });
  }
  return { checked, recorded, disagreements };
}

/** Samples drawn at random from all that the run has answered, by evaluation. */
function draw({ folder, config, source, count, seed = 0 }: AuditOptions) {
  const records = recordsByKey(readJournal(runFiles.journal(folder)));
  const steps = planRun(config).filter(
    (step): step is EvaluateStep =>
      step.kind === 'evaluate' && records.has(step.key) && existsSync(join(folder, step.predictionFile)),
  );
  const samplesOf = new Map<TaskName, readonly TestSample[]>(
    config.tasks.map((task) => [task, testSamples(config, source, task)]),
  );
  const answers = steps.flatMap((step) =>
    (samplesOf.get(step.task) ?? []).map((sample) => ({ step, sample })),
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
