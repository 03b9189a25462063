// Who judges the answers of one evaluation: the lexical stand-in at once, or a model through the cache. A cell is the
// answers of one task after one stage.

import { UserError } from '../../base/errors.ts';
import { AnswerCache } from '../../evaluation/judging/answer-cache.ts';
import { JudgeFailure, type JudgeModel } from '../../evaluation/judging/judge-model.ts';
import { LexicalJudge, lexicalVersion } from '../../evaluation/judging/lexical.ts';
import {
  type ChatMessage,
  type JudgeRules,
  judgeMessages,
  judgePrompt,
} from '../../evaluation/judging/prompt.ts';
import { sha256 } from '../../formats/files/files.ts';
import type { JudgeAnswer, JudgeDescription } from '../../runs/judge-files.ts';
import type { AnswerStyle, TestSample } from '../../tasks/task.ts';

/** One answer to be judged. */
export interface JudgeItem {
  readonly sample: TestSample;
  readonly text: string;
  readonly style: AnswerStyle;
}

export interface CellOutcome {
  /** In the order of the items; undefined where the judge gave none. */
  readonly answers: readonly (JudgeAnswer | undefined)[];
  /** Why answers are missing, with how often. */
  readonly failures: ReadonlyMap<string, number>;
}

/** What is left to ask. */
export interface Workload {
  /** Different prompts without an answer. */
  readonly requests: number;
  /** Items whose answer is known already, or is that of another item. */
  readonly known: number;
  /** Characters of the prompts to be sent. */
  readonly characters: number;
  /** Mean over the requests so far; undefined before the first. */
  readonly secondsPerRequest?: number;
  readonly concurrency: number;
  /** Bound on an answer. */
  readonly tokensPerAnswer: number;
}

export interface CellJudge {
  readonly description: JudgeDescription;
  readonly notes: readonly string[];
  workload(items: Iterable<JudgeItem>): Workload;
  judge(items: readonly JudgeItem[], signal: AbortSignal, onAnswer: () => void): Promise<CellOutcome>;
  close(): Promise<void>;
}

export function lexicalCellJudge(): CellJudge {
  const judge = new LexicalJudge();
  return {
    description: {
      id: 'lexical',
      label: 'lexical stand-in',
      standIn: true,
      settings: { compares: 'words (F1), numbers, boxes, WordNet synonyms; no model' },
      identity: `lexical ${lexicalVersion}`,
    },
    notes: [],
    workload: (items) => ({
      requests: 0,
      known: [...items].length,
      characters: 0,
      concurrency: 1,
      tokensPerAnswer: 0,
    }),
    judge: async (items, signal, onAnswer) => {
      signal.throwIfAborted();
      const answers = items.map(({ sample, text, style }) => {
        onAnswer();
        return { question_id: sample.id, text: String(judge.score(sample, text, style)) };
      });
      return { answers, failures: new Map() };
    },
    close: async () => {},
  };
}

export interface ModelJudgeOptions {
  readonly model: JudgeModel;
  /** The folder of this judge alone, locked by the caller. */
  readonly cacheFolder: string;
  readonly rules: JudgeRules;
}

/** After so many failures in a row nothing more is asked: the endpoint is gone. */
const patience = 20;

export function modelCellJudge({ model, cacheFolder, rules }: ModelJudgeOptions): CellJudge {
  const { identity } = model;
  const cache = new AnswerCache(cacheFolder, identity);
  const messagesOf = ({ sample, text, style }: JudgeItem): readonly ChatMessage[] =>
    judgeMessages(judgePrompt(sample, text, style, rules), identity.sampling.mode);
  let failedInARow = 0;
  /** The first request goes alone: it shows whether the endpoint takes what is asked of it. */
  let probed = false;
  const ask = async (item: JudgeItem, failures: Map<string, number>, signal: AbortSignal) => {
    try {
      const { text, declined } = await cache.ask(model, messagesOf(item), signal);
      failedInARow = 0;
      return { question_id: item.sample.id, text, ...(declined === undefined ? {} : { declined }) };
    } catch (error) {
      if (!(error instanceof JudgeFailure)) throw error;
      failures.set(error.message, (failures.get(error.message) ?? 0) + 1);
      if (++failedInARow >= patience) {
        throw new UserError({
          message: `the judge failed ${patience} times in a row, last with: ${error.message}`,
          hint: 'every answer so far is kept; the same command goes on from there',
        });
      }
      return undefined;
    }
  };
  return {
    description: {
      id: judgeId(model, rules),
      label: identity.model.replace(/ [0-9a-f]{64}$/, ''),
      standIn: false,
      settings: settingsOfJudge(model),
      identity: sha256(JSON.stringify([identity, rules])),
    },
    get notes() {
      const { damaged } = cache;
      return damaged === 0
        ? model.notes
        : [...model.notes, `${damaged} damaged lines of the cache were passed over.`];
    },
    workload: (items) => {
      const open = new Set<string>();
      let [known, characters] = [0, 0];
      for (const item of items) {
        const messages = messagesOf(item);
        const prompt = messages.map(({ content }) => content).join('\n');
        const key = sha256(prompt);
        if (open.has(key) || cache.kept(messages) !== undefined) known++;
        else {
          open.add(key);
          characters += prompt.length;
        }
      }
      return {
        requests: open.size,
        known,
        characters,
        secondsPerRequest: cache.meanSeconds(),
        concurrency: model.concurrency,
        tokensPerAnswer: identity.sampling.maxTokens,
      };
    },
    judge: async (items, signal, onAnswer) => {
      const failures = new Map<string, number>();
      const answers: (JudgeAnswer | undefined)[] = new Array(items.length).fill(undefined);
      const stop = new AbortController();
      const any = AbortSignal.any([signal, stop.signal]);
      let next = 0;
      const work = async (goOn = () => true) => {
        while (next < items.length && goOn()) {
          any.throwIfAborted();
          const index = next++;
          answers[index] = await ask(items[index] as JudgeItem, failures, any);
          onAnswer();
        }
      };
      await work(() => {
        const item = items[next] as JudgeItem;
        const goesOn = !probed;
        if (goesOn) probed = cache.kept(messagesOf(item)) === undefined;
        return goesOn;
      });
      const workers = Array.from({ length: Math.min(model.concurrency, items.length) }, () =>
        work().catch((error: unknown) => {
          stop.abort(error);
          throw error;
        }),
      );
      // Requests under way come to their end before anything is closed.
      const ended = await Promise.allSettled(workers);
      signal.throwIfAborted();
      if (stop.signal.aborted && ended.some(({ status }) => status === 'rejected')) throw stop.signal.reason;
      return { answers, failures };
    },
    close: async () => {
      await model.close();
      cache.close();
    },
  };
}

/** A folder's name: letters and digits of the model's name, and a hash that tells settings and rules apart. */
export function judgeId({ identity }: Pick<JudgeModel, 'identity'>, rules: JudgeRules): string {
  const name = identity.model
    .toLowerCase()
    .replace(/ [0-9a-f]{64}$/, '')
    .replace(/[^a-z0-9]+/g, '-');
  const short = name.slice(-40).replace(/^-+|-+$/g, '') || 'judge';
  return `${short}-${sha256(JSON.stringify([identity, rules])).slice(0, 8)}`;
}

function settingsOfJudge({
  identity: { kind, model, sampling },
}: JudgeModel): Readonly<Record<string, string>> {
  const { mode, temperature, topP, repetitionPenalty, seed, maxTokens, structured } = sampling;
  return {
    judge: `${model} (${kind})`,
    settings: mode,
    temperature: String(temperature),
    'top-p': String(topP),
    ...(repetitionPenalty === undefined ? {} : { 'repetition penalty': String(repetitionPenalty) }),
    ...(seed === undefined ? {} : { seed: String(seed) }),
    'tokens at most': String(maxTokens),
    'structured output': structured ? 'where the judge takes it' : 'no',
  };
}
