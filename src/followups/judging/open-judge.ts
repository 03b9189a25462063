// From what a user writes (`lexical`, an address, `gguf:FILE`) to a judge that is ready, with its cache locked.
import { join } from 'node:path';
import { UserError } from '../../base/errors.ts';
import { EndpointJudge, onlyModelOf } from '../../evaluation/judging/endpoint-judge.ts';
import { GgufJudge } from '../../evaluation/judging/gguf-judge.ts';
import { type JudgeModel, type SamplingMode, samplings } from '../../evaluation/judging/judge-model.ts';
import { ownRules, readJudgeRules } from '../../evaluation/judging/prompt.ts';
import { lockFolder } from '../../formats/files/lock.ts';
import { type CellJudge, judgeId, lexicalCellJudge, modelCellJudge } from './cell-judge.ts';

export interface OpenJudgeOptions {
  /** `lexical`, an http(s) address, or `gguf:FILE`. */
  readonly judge: string;
  readonly model?: string;
  /** The name of an environment variable. Its value goes into requests and nowhere else. */
  readonly keyVariable?: string;
  readonly settings: SamplingMode;
  readonly maxTokens?: number;
  /** In the layout of the reference's rule.json. */
  readonly ruleFile?: string;
  /** Holds a folder per judge. */
  readonly cacheFolder: string;
  readonly concurrency: number;
  readonly retries: number;
  readonly timeoutSeconds: number;
}

/** Throws UserError for a judge that does not exist, a key that is not set, or a cache that is in use. */
export async function openJudge(options: OpenJudgeOptions): Promise<CellJudge> {
  if (options.judge === 'lexical') return lexicalCellJudge();
  const rules = options.ruleFile === undefined ? ownRules : readJudgeRules(options.ruleFile);
  const model = await openModel(options);
  const cacheFolder = join(options.cacheFolder, judgeId(model, rules));
  const release = lockFolder(cacheFolder, {
    what: 'the answers of this judge',
    otherwise: 'keep other ones with --cache FOLDER',
  });
  try {
    const judge = modelCellJudge({ model, cacheFolder, rules });
    return {
      description: judge.description,
      get notes() {
        return judge.notes;
      },
      workload: (items) => judge.workload(items),
      judge: (items, signal, onAnswer) => judge.judge(items, signal, onAnswer),
      close: async () => {
        try {
          await judge.close();
        } finally {
          release();
        }
      },
    };
  } catch (error) {
    release();
    throw error;
  }
}

async function openModel(options: OpenJudgeOptions): Promise<JudgeModel> {
  const { judge, settings, maxTokens, concurrency, retries, timeoutSeconds } = options;
  const sampling = { ...samplings[settings], ...(maxTokens === undefined ? {} : { maxTokens }) };
  if (judge.startsWith('gguf:')) return new GgufJudge({ file: judge.slice('gguf:'.length), sampling });
  if (!/^https?:\/\//i.test(judge)) {
    throw new UserError({
      message: `unknown judge "${judge}"`,
      hint: 'expected lexical, the address of an OpenAI-compatible endpoint (http://localhost:8000/v1), or gguf:FILE',
    });
  }
  const key = keyIn(options.keyVariable);
  const model = options.model ?? (await onlyModelOf(judge, key));
  return new EndpointJudge({
    url: judge,
    model,
    sampling,
    concurrency,
    retries,
    timeoutMs: timeoutSeconds * 1000,
    ...(key === undefined ? {} : { key }),
  });
}

function keyIn(variable: string | undefined): string | undefined {
  if (variable === undefined) return undefined;
  const key = process.env[variable];
  if (key !== undefined && key.trim() !== '') return key.trim();
  throw new UserError({
    message: `the environment variable ${variable} is not set`,
    hint: 'it holds the key of the judge; --key-env names it',
  });
}
