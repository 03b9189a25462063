// A judge on this machine: a GGUF model run by node-llama-cpp (3.x), which is loaded only here and is no dependency of
// the package. One prompt at a time, each in a session of its own; the form of the answer is enforced by a grammar.
import { existsSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { UserError } from '../../base/errors.ts';
import { sha256OfFile } from '../../formats/files/files.ts';
import {
  type JudgeIdentity,
  type JudgeModel,
  type JudgeReply,
  plainScore,
  type Sampling,
  scoreSchema,
} from './judge-model.ts';
import type { ChatMessage } from './prompt.ts';

/** What is used of node-llama-cpp's public interface. */
export interface LlamaPackage {
  getLlama(options?: object): Promise<Llama>;
  readonly LlamaChatSession: new (options: {
    readonly contextSequence: Disposable_;
    readonly systemPrompt?: string;
    readonly autoDisposeSequence?: boolean;
  }) => LlamaSession;
}

interface Disposable_ {
  dispose(): void | Promise<void>;
}

interface Llama extends Disposable_ {
  loadModel(options: { readonly modelPath: string }): Promise<LlamaModel>;
  createGrammarForJsonSchema(schema: object): Promise<object>;
}

interface LlamaModel extends Disposable_ {
  createContext(): Promise<LlamaContext>;
}

interface LlamaContext extends Disposable_ {
  getSequence(): Disposable_;
}

interface LlamaSession extends Disposable_ {
  prompt(text: string, options: object): Promise<string>;
}

/** The grammar's schema language takes an `enum` without a type. */
const grammarSchema = { type: 'object', properties: { score: { enum: scoreSchema.properties.score.enum } } };

export interface GgufOptions {
  readonly file: string;
  readonly sampling: Sampling;
  /** Another than the installed package, for tests. */
  readonly load?: () => Promise<LlamaPackage>;
}

export class GgufJudge implements JudgeModel {
  readonly identity: JudgeIdentity;
  readonly concurrency = 1;
  readonly notes: readonly string[] = [];
  readonly #options: GgufOptions;
  #opened:
    | Promise<{
        readonly llama: Llama;
        readonly context: LlamaContext;
        readonly grammar: object | undefined;
        readonly Session: LlamaPackage['LlamaChatSession'];
      }>
    | undefined;

  /** Throws UserError when there is no such file. The model itself is loaded with the first prompt. */
  constructor(options: GgufOptions) {
    this.#options = options;
    if (!existsSync(options.file)) {
      throw new UserError({
        file: options.file,
        message: 'no such file',
        hint: 'expected a model in GGUF format',
      });
    }
    const model = `${basename(options.file)} ${sha256OfFile(options.file)}`;
    this.identity = { kind: 'gguf', model, sampling: options.sampling };
  }

  async answer(messages: readonly ChatMessage[], signal: AbortSignal): Promise<JudgeReply> {
    signal.throwIfAborted();
    this.#opened ??= this.#open();
    const { context, grammar, Session } = await this.#opened;
    const { sampling } = this.#options;
    const started = performance.now();
    const system = messages.find(({ role }) => role === 'system');
    const session = new Session({
      contextSequence: context.getSequence(),
      autoDisposeSequence: true,
      ...(system === undefined ? {} : { systemPrompt: system.content }),
    });
    try {
      const text = await session.prompt(messages.findLast(({ role }) => role === 'user')?.content ?? '', {
        temperature: sampling.temperature,
        topP: sampling.topP,
        maxTokens: sampling.maxTokens,
        signal,
        ...(sampling.seed === undefined ? {} : { seed: sampling.seed }),
        ...(sampling.repetitionPenalty === undefined
          ? { repeatPenalty: false }
          : { repeatPenalty: { penalty: sampling.repetitionPenalty } }),
        ...(grammar === undefined ? {} : { grammar }),
      });
      return { text: plainScore(text), seconds: (performance.now() - started) / 1000 };
    } finally {
      await session.dispose();
    }
  }

  async close(): Promise<void> {
    const opened = await this.#opened?.catch(() => undefined);
    await opened?.context.dispose();
    await opened?.llama.dispose();
  }

  async #open() {
    const { file, sampling, load = loadPackage } = this.#options;
    const { getLlama, LlamaChatSession } = await load();
    const llama = await getLlama();
    const model = await llama.loadModel({ modelPath: resolve(file) });
    const context = await model.createContext();
    const grammar = sampling.structured ? await llama.createGrammarForJsonSchema(grammarSchema) : undefined;
    return { llama, context, grammar, Session: LlamaChatSession };
  }
}

/** Throws UserError naming the package when it is not installed. */
async function loadPackage(): Promise<LlamaPackage> {
  const name = 'node-llama-cpp';
  try {
    return (await import(name)) as LlamaPackage;
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND';
    if (!missing) throw error;
    throw new UserError({
      message: `a GGUF judge needs the package ${name}, which is not installed`,
      hint: `npm install --no-save ${name}@3`,
    });
  }
}
