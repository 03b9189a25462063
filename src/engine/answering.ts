// Test samples to lines of a prediction file: prompts in, answers decoded. Which model and adapter answer is the
// generator's and the parameters' matter; which samples are left is the caller's.
import { appendFileSync } from 'node:fs';
import { killableWrite } from '../base/kill-points.ts';
import type { RunConfig } from '../config/schema.ts';
import type { GenerationStatistics, Generator, Prompt } from '../evaluation/generation/generator.ts';
import type { ImageEncoder } from '../models/image-encoder.ts';
import { type Family, type OpenModel, openModel } from '../models/index.ts';
import { strip } from '../tasks/python.ts';
import type { ImageAspect, Prediction, Task, TestSample } from '../tasks/task.ts';
import type { Value } from '../tensor/program.ts';

/** How images of a task are shown in its evaluation; in training they are always padded. */
export function aspectOf({ imageTransform }: Pick<RunConfig, 'imageTransform'>, task: Task): ImageAspect {
  return imageTransform === 'reference' ? task.referenceAspect : 'pad';
}

/** A model folder, with the prompt template that the configuration asks for. */
export function openRunModel(
  { promptTemplate }: Pick<RunConfig, 'promptTemplate'>,
  folder: string,
  families: Iterable<Family>,
): OpenModel {
  return openModel(folder, { families, template: promptTemplate === 'auto' ? undefined : promptTemplate });
}

export interface AnsweringOptions {
  readonly model: OpenModel;
  readonly encoder: ImageEncoder;
  /** How images are fitted into the tower's square. */
  readonly aspect: ImageAspect;
  readonly generator: Generator;
  readonly parameters: Readonly<Record<string, Value>>;
  readonly samples: readonly TestSample[];
  /** Per sample; images are added here. */
  readonly prompts: readonly Prompt[];
  readonly maxNewTokens: number;
  /** Gets a line of JSON per sample, in the order in which answers end. */
  readonly predictionFile: string;
  /** Each sample by itself, nothing shared: the slow way that every other must agree with. */
  readonly alone?: boolean;
  readonly signal?: AbortSignal;
  readonly onAnswer?: (done: number) => void;
}

/** What the generation did; the last sample's where each was answered alone. */
export async function answerSamples(options: AnsweringOptions): Promise<GenerationStatistics | undefined> {
  const { model, encoder, aspect, generator, parameters, samples, maxNewTokens, alone = false } = options;
  const prompts = samples.map(({ image }, i): Prompt => {
    const prompt = options.prompts[i] as Prompt;
    return image === undefined ? prompt : { ...prompt, image };
  });
  // What the template puts before a question: prompts without an image begin with it.
  const textPrefix = model.prompts.ask('a').inputIds;
  let done = 0;
  const answer = (some: readonly number[]) =>
    generator.generate(
      some.map((index) => prompts[index] as Prompt),
      parameters,
      maxNewTokens,
      {
        share: !alone,
        textPrefix,
        signal: options.signal,
        loadFeatures: (images) => encoder.encode(images, { aspect }),
        onAnswer: (i, ids) => {
          const { id, text: prompt } = samples[some[i] as number] as TestSample;
          const line: Prediction = {
            question_id: id,
            prompt,
            text: strip(model.tokenizer.decode(ids)),
          };
          const file = options.predictionFile;
          killableWrite('answer', file, `${JSON.stringify(line)}\n`, (text) => appendFileSync(file, text));
          options.onAnswer?.(++done);
        },
      },
    );
  const all = samples.map((_, index) => index);
  if (alone) for (const index of all) await answer([index]);
  else await answer(all);
  return generator.statistics;
}
