// Questions about images to answers: a model, perhaps with an adapter, behind one call. What a run does with its samples
// is `engine/engine.ts`; here are questions that somebody asks.
import { createAdapter } from '../../adapters/index.ts';
import { UserError } from '../../base/errors.ts';
import type { DiskCacheOptions } from '../../formats/files/disk-cache.ts';
import type { ModelAdapter, OpenModel } from '../../models/family.ts';
import { ImageEncoder } from '../../models/image-encoder.ts';
import { layoutsOf } from '../../models/layouts.ts';
import { adaptsImages, ownAlongside } from '../../models/model-adapter.ts';
import { strip } from '../../tasks/python.ts';
import type { HostTensor } from '../../tensor/dtype.ts';
import type { Provider } from '../../tensor/program.ts';
import type { Rewrite } from '../../tensor/rewrite.ts';
import { Generator } from './generator.ts';
import { TextStream } from './text-stream.ts';

export interface AskedQuestion {
  readonly text: string;
  /** An image's file. It stands where the text has `<image>`, or before the text. */
  readonly image?: string;
}

export interface AskOptions {
  readonly maxNewTokens: number;
  /** Told of every piece of an answer as it comes. */
  readonly onText?: (index: number, piece: string) => void;
  /** Told of every answer when it is complete. */
  readonly onAnswer?: (index: number, answer: Answer) => void;
  readonly signal?: AbortSignal;
}

export interface Answer {
  readonly text: string;
  readonly tokens: number;
  readonly promptTokens: number;
}

export interface AnswererOptions {
  readonly model: OpenModel;
  readonly adapter?: ModelAdapter;
  readonly provider?: Provider;
  /** Answers in progress side by side. */
  readonly slots?: number;
  /** Where images' features are kept for later; without it they are not. */
  readonly featureCache?: DiskCacheOptions;
  /** Rewrites of the language model's programs, such as rounded weights. */
  readonly rewrites?: readonly Rewrite[];
}

const IMAGE = '<image>';

export class Answerer {
  readonly #model: OpenModel;
  readonly #generator: Generator;
  readonly #parameters: Readonly<Record<string, HostTensor>>;
  readonly #provider: Provider;
  readonly #featureCache: DiskCacheOptions | undefined;
  #encoder: ImageEncoder | undefined;

  private constructor(
    model: OpenModel,
    generator: Generator,
    parameters: Readonly<Record<string, HostTensor>>,
    provider: Provider,
    featureCache: DiskCacheOptions | undefined,
  ) {
    this.#model = model;
    this.#generator = generator;
    this.#parameters = parameters;
    this.#provider = provider;
    this.#featureCache = featureCache;
  }

  /** Throws UserError for an adapter that changes the vision tower. */
  static async open(options: AnswererOptions): Promise<Answerer> {
    const { model, adapter, provider = 'cpu', slots = 1, rewrites = [], featureCache } = options;
    if (adapter !== undefined && adaptsImages(model.family, adapter)) {
      throw new UserError({
        message: 'the adapter changes the vision tower, which is computed apart from it',
        hint: 'merge it first: coin adapter merge MODEL ADAPTER --to FOLDER',
      });
    }
    const generator = await Generator.compile({
      model,
      slots,
      program: { provider, rewrites },
      adapter: adapter && createAdapter(adapter.spec, model.shape.adaptable),
    });
    const alongside = new Map([...ownAlongside(model), ...(adapter?.alongside ?? [])]);
    return new Answerer(
      model,
      generator,
      Object.fromEntries([...alongside, ...(adapter?.values ?? [])]),
      provider,
      featureCache,
    );
  }

  /**
   * Answers, in the order of the questions.
   * @throws UserError naming a question whose text has more than one place for the image; DataError for its image.
   */
  async ask(questions: readonly AskedQuestion[], options: AskOptions): Promise<readonly Answer[]> {
    const { maxNewTokens, onText, onAnswer, signal } = options;
    const { prompts: family, tokenizer } = this.#model;
    for (const { text, image } of questions) {
      const places = text.split(IMAGE).length - 1;
      if (places > 1) throw new UserError(`a question has ${IMAGE} ${places} times, and one image: ${text}`);
      if (places === 1 && image === undefined)
        throw new UserError(`a question has ${IMAGE}, and no image: ${text}`);
    }
    const layouts = await layoutsOf(this.#model, questions);
    const prompts = questions.map(({ text, image }, i) => ({
      ...family.ask(text, { image: layouts[i], imageMarker: IMAGE }),
      image,
    }));
    const streams = prompts.map(() => new TextStream(tokenizer));
    const answerOf = (index: number, ids: readonly number[]): Answer => ({
      text: strip(tokenizer.decode(ids)),
      tokens: ids.length,
      promptTokens: prompts[index]?.inputIds.length ?? 0,
    });
    const give = (index: number, piece: string | undefined) => {
      if (piece !== undefined && piece !== '') onText?.(index, piece);
    };
    const answers = await this.#generator.generate(prompts, this.#parameters, maxNewTokens, {
      signal,
      loadFeatures: async (images) => (await this.#openEncoder()).encode(images),
      onToken: (index, id) => give(index, streams[index]?.push(id)),
      onAnswer: (index, ids) => {
        give(index, streams[index]?.end());
        onAnswer?.(index, answerOf(index, ids));
      },
    });
    return answers.map((ids, index) => answerOf(index, ids));
  }

  async dispose(): Promise<void> {
    await this.#generator.dispose();
    await this.#encoder?.dispose();
  }

  /** Compiled for the first image. */
  async #openEncoder(): Promise<ImageEncoder> {
    this.#encoder ??= await ImageEncoder.open({
      model: this.#model,
      program: { provider: this.#provider },
      disk: this.#featureCache,
    });
    return this.#encoder;
  }
}
