// Every request to a judge and its answer, on disk, found by what the answer depends on. An answer is given out only
// after it is on the disk; the same prompt asked twice at the same time is one request.
import { join } from 'node:path';
import { z } from 'zod';
import { writeJsonAtomic } from '../../formats/files/files.ts';
import { forEachLine, LineLog } from '../../formats/records/lines.ts';
import { answerKey, type JudgeIdentity, type JudgeModel } from './judge-model.ts';
import type { ChatMessage } from './prompt.ts';

const recordSchema = z.object({
  key: z.string(),
  text: z.string(),
  declined: z.string().optional(),
  inputTokens: z.number().optional(),
  outputTokens: z.number().optional(),
  seconds: z.number(),
});

export type KeptAnswer = Readonly<Omit<z.output<typeof recordSchema>, 'key'>>;

export class AnswerCache {
  readonly #identity: JudgeIdentity;
  readonly #answers = new Map<string, KeptAnswer>();
  readonly #underWay = new Map<string, Promise<KeptAnswer>>();
  readonly #log: LineLog;
  /** Lines that are no records; they are asked again. */
  readonly damaged: number;

  /** `folder` holds one judge's answers, and belongs to one process at a time: the caller locks it. */
  constructor(folder: string, identity: JudgeIdentity) {
    this.#identity = identity;
    const file = join(folder, 'answers.jsonl');
    let damaged = 0;
    const wholeBytes = forEachLine(file, (line) => {
      const parsed = recordSchema.safeParse(parseOrUndefined(line));
      if (!parsed.success) damaged++;
      else {
        const { key, ...answer } = parsed.data;
        this.#answers.set(key, answer);
      }
    });
    this.damaged = damaged;
    this.#log = new LineLog(file, wholeBytes);
    writeJsonAtomic(join(folder, 'judge.json'), identity);
  }

  /** The answer kept for these messages. */
  kept(messages: readonly ChatMessage[]): KeptAnswer | undefined {
    return this.#answers.get(answerKey(this.#identity, messages));
  }

  /** The kept answer, or the judge's, which is then kept. Rejects as `judge.answer` does; nothing is kept then. */
  ask(judge: JudgeModel, messages: readonly ChatMessage[], signal: AbortSignal): Promise<KeptAnswer> {
    const key = answerKey(this.#identity, messages);
    const kept = this.#answers.get(key);
    if (kept !== undefined) return Promise.resolve(kept);
    const underWay = this.#underWay.get(key);
    if (underWay !== undefined) return underWay;
    const answer = this.#askAndKeep(key, judge, messages, signal).finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, answer);
    return answer;
  }

  /** Mean seconds per request so far; undefined when none was made. */
  meanSeconds(): number | undefined {
    if (this.#answers.size === 0) return undefined;
    let sum = 0;
    for (const { seconds } of this.#answers.values()) sum += seconds;
    return sum / this.#answers.size;
  }

  close(): void {
    this.#log.close();
  }

  async #askAndKeep(
    key: string,
    judge: JudgeModel,
    messages: readonly ChatMessage[],
    signal: AbortSignal,
  ): Promise<KeptAnswer> {
    const answer = await judge.answer(messages, signal);
    await this.#log.append(JSON.stringify({ key, ...answer, messages }));
    this.#answers.set(key, answer);
    return answer;
  }
}

function parseOrUndefined(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
