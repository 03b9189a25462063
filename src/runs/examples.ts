// A few test samples with their answers over the stages, for the report: per task first one that was forgotten, then one
// that was not. The same samples for every method, chosen the same way every time.
import { readFileSync, statSync } from 'node:fs';
import { extname } from 'node:path';
import sharp from 'sharp';
import type { ExampleResult } from '../report/results.ts';
import type { TaskName } from '../tasks/index.ts';
import type { Prediction, ScoringMode, TaskScore, TestSample, Verdict } from '../tasks/task.ts';
import type { MethodName } from './config-schema.ts';
import type { EvaluateStep } from './plan.ts';

/** The whole stages of each method in order, each with its evaluations of every seen task. */
export type Stages = ReadonlyMap<MethodName, readonly (readonly EvaluateStep[])[]>;

/** What is known of the evaluations of a run. */
export interface EvaluationData {
  samples(task: TaskName): readonly TestSample[];
  predictions(step: EvaluateStep): readonly Prediction[];
  score(step: EvaluateStep, mode: ScoringMode): TaskScore;
}

const examplesPerTask = 2;
/** Pictures are embedded as they are up to this size, and made smaller above it. */
const plainImageBytes = 60_000;
const smallImagePixels = 256;

export async function exampleResults(
  tasks: readonly TaskName[],
  methods: readonly MethodName[],
  stages: Stages,
  data: EvaluationData,
): Promise<readonly ExampleResult[]> {
  const examples: ExampleResult[] = [];
  for (const task of tasks) {
    // All evaluations of this task, in the order of the stages, per method.
    const histories = methods
      .map((method) => ({
        method,
        steps: (stages.get(method) ?? []).flatMap((row, index) =>
          row.filter((step) => step.task === task).map((step) => ({ step, after: tasks[index] ?? '' })),
        ),
      }))
      .filter(({ steps }) => steps.length > 0)
      .map(({ method, steps }) => ({
        method,
        stages: steps.map(({ step, after }) => ({
          after,
          texts: new Map(data.predictions(step).map(({ question_id, text }) => [question_id, text])),
          verdicts: new Map(data.score(step, 'strict').samples.map(({ id, verdict }) => [id, verdict])),
        })),
      }));
    if (histories.length === 0) continue;
    const wasForgotten = (id: string) =>
      histories.some(({ stages }) => {
        const verdicts = stages.map((stage) => stage.verdicts.get(id));
        return verdicts[0] === 'right' && verdicts.at(-1) !== 'right';
      });
    for (const sample of choose(data.samples(task), ({ id }) => wasForgotten(id))) {
      const image = sample.image === undefined ? undefined : await imageUrl(sample.image);
      for (const { method, stages } of histories) {
        examples.push({
          task,
          id: sample.id,
          method,
          question: sample.text,
          truth: sample.answer,
          image,
          answers: stages.map(({ after, texts, verdicts }) => ({
            after,
            text: texts.get(sample.id) ?? '',
            verdict: verdicts.get(sample.id) ?? ('missing' satisfies Verdict),
          })),
        });
      }
    }
  }
  return examples;
}

function choose(samples: readonly TestSample[], forgotten: (sample: TestSample) => boolean) {
  const first = samples.find(forgotten);
  const rest = samples.filter((sample) => sample !== first);
  const others = [...rest.filter((sample) => !forgotten(sample)), ...rest];
  return [...new Set([...(first === undefined ? [] : [first]), ...others])].slice(0, examplesPerTask);
}

const imageTypes: Readonly<Record<string, string>> = {
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
};

async function imageUrl(file: string): Promise<string | undefined> {
  const type = imageTypes[extname(file).toLowerCase()];
  try {
    if (type !== undefined && statSync(file).size <= plainImageBytes) {
      return `data:${type};base64,${readFileSync(file).toString('base64')}`;
    }
    const small = await sharp(file)
      .resize(smallImagePixels, smallImagePixels, { fit: 'inside', withoutEnlargement: true })
      .jpeg({ quality: 80 })
      .toBuffer();
    return `data:image/jpeg;base64,${small.toString('base64')}`;
  } catch {
    // A report without this picture is better than none; the run itself has decoded it.
    return undefined;
  }
}
