// Test samples with their answers over the stages, for the report: per task some of each fate that there is, the
// forgotten first. The same samples for every method, chosen the same way every time.
import { readFileSync, statSync } from 'node:fs';
import { extname } from 'node:path';
import { sharp } from '../formats/images/sharp.ts';
import type { Fate } from '../metrics/lifelines.ts';
import type { TaskName } from '../tasks/index.ts';
import type { Verdict } from '../tasks/task.ts';
import type { Aspects, AttributedAnswer, SampleHistory } from './answers.ts';
import type { ErrorLabel, OtherStyle } from './attribution.ts';

/** One test sample with its answers over the stages of one method; verdicts are those of strict scoring. */
export interface ExampleResult {
  readonly task: string;
  readonly id: string;
  readonly method: string;
  readonly question: string;
  readonly truth: string;
  /** `data:` URL, absent for text-only samples. */
  readonly image?: string;
  readonly answers: readonly ExampleAnswer[];
  readonly fate?: Fate;
}

export interface ExampleAnswer {
  readonly after: string;
  readonly text: string;
  readonly verdict: Verdict;
  /** What kind of wrong answer it is. */
  readonly error?: ErrorLabel;
  /** Which other style, of `otherStyle`. */
  readonly style?: OtherStyle;
  /** 0 to 10, by the judge of the run's errors. */
  readonly judgeScore?: number;
}

/** Images are embedded as they are up to this size, and made smaller above it. */
const plainImageBytes = 60_000;
const smallImagePixels = 256;

export async function exampleResults(
  tasks: readonly TaskName[],
  aspects: Aspects,
  perFate: number,
): Promise<readonly ExampleResult[]> {
  const examples: ExampleResult[] = [];
  for (const task of tasks) {
    const byMethod = aspects.methods
      .map((method) => ({ method, histories: aspects.histories(method, task) }))
      .filter(({ histories }) => histories.length > 0);
    for (const index of choose(
      byMethod.map(({ histories }) => histories),
      perFate,
    )) {
      const file = byMethod[0]?.histories[index]?.sample.image;
      const image = file === undefined ? undefined : await imageUrl(file);
      for (const { method, histories } of byMethod) {
        const history = histories[index];
        if (history === undefined) continue;
        const { sample, first, answers, line } = history;
        examples.push({
          task,
          id: sample.id,
          method,
          question: sample.text,
          truth: sample.answer,
          image,
          fate: line.fate,
          answers: answers.map((answer, stage) => exampleAnswer(answer, tasks[first + stage] ?? '')),
        });
      }
    }
  }
  return examples;
}

function exampleAnswer({ text, verdict, error, judgeScore }: AttributedAnswer, after: string): ExampleAnswer {
  return {
    after,
    text,
    verdict,
    ...(error === undefined ? {} : { error: error.label }),
    ...(error?.style === undefined ? {} : { style: error.style }),
    ...(judgeScore === undefined ? {} : { judgeScore }),
  };
}

const chosenOrder: readonly Fate[] = ['forgotten', 'recovered', 'kept', 'never'];

/** Per fate the places of the first samples that have it under some method and were not chosen yet. */
function choose(methods: readonly (readonly SampleHistory[])[], perFate: number): readonly number[] {
  const chosen = new Set<number>();
  for (const fate of chosenOrder) {
    const places = (methods[0] ?? []).flatMap((_, index) => {
      const has = methods.some((histories) => histories[index]?.line.fate === fate);
      return has && !chosen.has(index) ? [index] : [];
    });
    for (const place of places.slice(0, perFate)) chosen.add(place);
  }
  return [...chosen];
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
    const small = await sharp()(file)
      .resize(smallImagePixels, smallImagePixels, { fit: 'inside', withoutEnlargement: true })
      .jpeg({ quality: 80 })
      .toBuffer();
    return `data:image/jpeg;base64,${small.toString('base64')}`;
  } catch {
    // A report without this image is better than none; the run itself has decoded it.
    return undefined;
  }
}
