// What a judge is that can be asked: a model behind an endpoint or on this machine. What is asked and where the answers
// are kept is not its business.
import { sha256 } from '../../formats/files/files.ts';
import type { ChatMessage } from './prompt.ts';

/**
 * `deterministic`: temperature 0, a seed, the form of the answer enforced where that is possible.
 * `reference`: as the reference samples: temperature 0.7, top-p 0.8, repetition penalty 1.05, 20 tokens, no seed.
 */
export const samplingModes = ['deterministic', 'reference'] as const;
export type SamplingMode = (typeof samplingModes)[number];

export interface Sampling {
  readonly mode: SamplingMode;
  readonly temperature: number;
  readonly topP: number;
  readonly repetitionPenalty?: number;
  readonly seed?: number;
  readonly maxTokens: number;
  /** Whether the answer's form is asked for as a JSON schema or a grammar. */
  readonly structured: boolean;
}

export const samplings: Readonly<Record<SamplingMode, Sampling>> = {
  deterministic: { mode: 'deterministic', temperature: 0, topP: 1, seed: 0, maxTokens: 24, structured: true },
  reference: {
    mode: 'reference',
    temperature: 0.7,
    topP: 0.8,
    repetitionPenalty: 1.05,
    maxTokens: 20,
    structured: false,
  },
};

/** What the answers depend on. Where the endpoint is does not belong to it, and a key never does. */
export interface JudgeIdentity {
  readonly kind: 'endpoint' | 'gguf';
  readonly model: string;
  readonly sampling: Sampling;
}

export interface JudgeReply {
  /** What was answered; of structured output the score alone. */
  readonly text: string;
  /** The endpoint's own words when it declined this one prompt for good; `text` is then empty. */
  readonly declined?: string;
  readonly inputTokens?: number;
  readonly outputTokens?: number;
  readonly seconds: number;
}

export interface JudgeModel {
  readonly identity: JudgeIdentity;
  /** How many answers may be under way at once. */
  readonly concurrency: number;
  /** @throws JudgeFailure when this prompt got no answer, UserError when none would, `signal.reason` when it aborts. */
  answer(messages: readonly ChatMessage[], signal: AbortSignal): Promise<JudgeReply>;
  close(): Promise<void>;
  /** What a user should know of how the judge was used, e.g. that structured output was not taken. */
  readonly notes: readonly string[];
}

/** One prompt that got no answer however often it was asked. The others go on. */
export class JudgeFailure extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'JudgeFailure';
  }
}

/** The schema of structured output: one score. */
export const scoreSchema = {
  type: 'object',
  properties: { score: { type: 'integer', enum: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10] } },
  required: ['score'],
  additionalProperties: false,
} as const;

/** Names what an answer depends on, the prompt included. */
export function answerKey(identity: JudgeIdentity, messages: readonly ChatMessage[]): string {
  return sha256(JSON.stringify([identity, messages]));
}

/** The score alone of structured output; other text as it is. */
export function plainScore(text: string): string {
  const score = /^\s*\{\s*"score"\s*:\s*(\d+)\s*\}\s*$/.exec(text)?.[1];
  return score ?? text;
}
