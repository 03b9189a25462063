// A judge behind an OpenAI-compatible endpoint (vLLM, llama.cpp, Ollama, hosted). Retries what may pass, stops at what
// cannot, and keeps the key to itself: it is in one header and nowhere else.
import { z } from 'zod';
import { UserError } from '../../base/errors.ts';
import {
  answerKey,
  JudgeFailure,
  type JudgeIdentity,
  type JudgeModel,
  type JudgeReply,
  plainScore,
  type Sampling,
  scoreSchema,
} from './judge-model.ts';
import { KeyGuard } from './key-guard.ts';
import { askedWaitMs, backOffMs, Gate, pause } from './pacing.ts';
import type { ChatMessage } from './prompt.ts';

export interface EndpointOptions {
  /** e.g. `http://localhost:8000/v1`. */
  readonly url: string;
  readonly model: string;
  readonly sampling: Sampling;
  readonly key?: string;
  readonly concurrency?: number;
  /** Further tries after the first. */
  readonly retries?: number;
  /** For a whole request, its body included. */
  readonly timeoutMs?: number;
  /** Aborts when a request has had its time, from its start to the last byte of its body; by default after `timeoutMs`. */
  readonly deadline?: () => AbortSignal;
  readonly backOffBaseMs?: number;
}

/** A judge's answer is a line; a body that does not end is not read to its end. */
const longestBody = 1 << 20;

const completion = z.object({
  choices: z
    .array(
      z.object({
        message: z.object({ content: z.string().nullish(), refusal: z.string().nullish() }),
      }),
    )
    .min(1),
  usage: z
    .object({ prompt_tokens: z.number().optional(), completion_tokens: z.number().optional() })
    .nullish(),
});

type Answered =
  | { readonly kind: 'reply'; readonly reply: Omit<JudgeReply, 'seconds'> }
  | { readonly kind: 'again'; readonly why: string; readonly waitMs: number }
  | { readonly kind: 'declined'; readonly status: number; readonly why: string };

export class EndpointJudge implements JudgeModel {
  readonly identity: JudgeIdentity;
  readonly concurrency: number;
  readonly #options: Required<Omit<EndpointOptions, 'key' | 'concurrency' | 'deadline'>>;
  readonly #deadline: () => AbortSignal;
  readonly #guard: KeyGuard;
  readonly #key: string | undefined;
  readonly #address: string;
  readonly #gate = new Gate();
  readonly #notes: string[] = [];
  /** Becomes false when the endpoint does not take structured output. */
  #structured: boolean;
  /** Whether any prompt was answered: then a declined one is that prompt's own. */
  #answered = false;

  /** @throws UserError for an address that is none, and a model whose name holds the key: names are kept and shown. */
  constructor({ key, concurrency = 8, deadline, ...options }: EndpointOptions) {
    this.#options = { retries: 6, timeoutMs: 60_000, backOffBaseMs: 1000, ...options };
    this.#deadline = deadline ?? (() => AbortSignal.timeout(this.#options.timeoutMs));
    this.#key = key;
    this.#guard = new KeyGuard(key);
    refuseKey(this.#guard, options.url, 'the address of the judge holds the key');
    refuseKey(this.#guard, options.model, "the name of the judge's model holds the key");
    this.#address = chatAddress(options.url);
    this.identity = { kind: 'endpoint', model: options.model, sampling: options.sampling };
    this.concurrency = concurrency;
    this.#structured = options.sampling.structured;
  }

  get notes(): readonly string[] {
    return this.#notes;
  }

  async answer(messages: readonly ChatMessage[], signal: AbortSignal): Promise<JudgeReply> {
    const { retries, backOffBaseMs } = this.#options;
    const key = answerKey(this.identity, messages);
    let why = '';
    for (let attempt = 0; attempt <= retries; attempt++) {
      await this.#gate.pass(signal);
      const started = performance.now();
      const structured = this.#structured;
      const answered = await this.#request(messages, structured, signal);
      const seconds = (performance.now() - started) / 1000;
      if (answered.kind === 'reply') {
        this.#answered = true;
        return { ...answered.reply, seconds };
      }
      if (answered.kind === 'declined') {
        if (this.#answered) return { text: '', declined: answered.why, seconds };
        if (structured) {
          this.#withoutStructure(answered.why);
          attempt--;
          continue;
        }
        throw this.#unusable(answered.status, answered.why);
      }
      why = answered.why;
      if (attempt < retries)
        await pause(Math.max(answered.waitMs, backOffMs(backOffBaseMs, attempt, key)), signal);
    }
    throw new JudgeFailure(why);
  }

  async close(): Promise<void> {}

  async #request(
    messages: readonly ChatMessage[],
    structured: boolean,
    signal: AbortSignal,
  ): Promise<Answered> {
    const deadline = this.#deadline();
    let response: Response;
    let body: string | undefined;
    try {
      response = await fetch(this.#address, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...(this.#key === undefined ? {} : { authorization: `Bearer ${this.#key}` }),
        },
        body: JSON.stringify(this.#body(messages, structured)),
        redirect: 'error',
        signal: AbortSignal.any([signal, deadline]),
      });
      body = await readBody(response);
    } catch (error) {
      signal.throwIfAborted();
      const why = deadline.aborted
        ? `no whole answer within ${this.#options.timeoutMs / 1000} s`
        : this.#told(causeOf(error));
      return { kind: 'again', why, waitMs: 0 };
    }
    const { status, headers } = response;
    const waitMs = askedWaitMs(headers, status);
    if (waitMs > 0) this.#gate.holdFor(waitMs);
    if (response.ok) return this.#read(body, structured);
    const why = `HTTP ${status}${this.#told(body === undefined ? '' : `: ${body}`)}`;
    if (status === 408 || status === 409 || status === 425 || status === 429 || status >= 500) {
      return { kind: 'again', why, waitMs };
    }
    if ([400, 413, 422].includes(status)) return { kind: 'declined', status, why };
    throw this.#unusable(status, why);
  }

  #body(messages: readonly ChatMessage[], structured: boolean): unknown {
    const { model, sampling } = this.#options;
    return {
      model,
      messages,
      temperature: sampling.temperature,
      top_p: sampling.topP,
      max_tokens: sampling.maxTokens,
      stream: false,
      ...(sampling.seed === undefined ? {} : { seed: sampling.seed }),
      ...(sampling.repetitionPenalty === undefined ? {} : { repetition_penalty: sampling.repetitionPenalty }),
      ...(structured
        ? {
            response_format: {
              type: 'json_schema',
              json_schema: { name: 'judgement', strict: true, schema: scoreSchema },
            },
          }
        : {}),
    };
  }

  #read(body: string | undefined, structured: boolean): Answered {
    const again = (why: string): Answered => ({ kind: 'again', why, waitMs: 0 });
    if (body === undefined) return again(`an answer of more than ${longestBody} bytes`);
    let value: unknown;
    try {
      value = JSON.parse(body);
    } catch {
      return again('the answer is not whole JSON');
    }
    const parsed = completion.safeParse(value);
    if (!parsed.success) return again('the answer is not a chat completion');
    const { choices, usage } = parsed.data;
    const { content, refusal } = choices[0]?.message ?? {};
    const text = this.#guard.hideSecret(content ?? refusal ?? '');
    return {
      kind: 'reply',
      reply: {
        text: structured ? plainScore(text) : text,
        ...(usage?.prompt_tokens === undefined ? {} : { inputTokens: usage.prompt_tokens }),
        ...(usage?.completion_tokens === undefined ? {} : { outputTokens: usage.completion_tokens }),
      },
    };
  }

  #withoutStructure(why: string): void {
    if (!this.#structured) return;
    this.#structured = false;
    this.#notes.push(
      `The endpoint takes no structured output (${why}); answers are asked for as plain text.`,
    );
  }

  #unusable(status: number, why: string): UserError {
    const hints: Readonly<Record<number, string>> = {
      401: 'set the key in an environment variable and name it with --key-env',
      403: 'the key may not use this model',
      404: 'check the address (it ends in /v1 in most cases) and --model',
    };
    return new UserError({
      file: this.#address,
      message: `the judge cannot be used: ${why}`,
      hint: hints[status] ?? `check --model (${this.#options.model}) and what the endpoint says`,
    });
  }

  /** Text of the endpoint for people: short, one line, and without the key should the endpoint repeat it. */
  #told(text: string): string {
    return told(text, this.#guard);
  }
}

function told(text: string, guard: KeyGuard): string {
  return guard
    .hide(text)
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim()
    .slice(0, 200);
}

/**
 * The only model of an endpoint.
 * @param deadline aborts when the endpoint has had its time.
 * @throws UserError when it has several, does not say, or names one by the key.
 */
export async function onlyModelOf(
  url: string,
  key: string | undefined,
  deadline: AbortSignal = AbortSignal.timeout(30_000),
): Promise<string> {
  const guard = new KeyGuard(key);
  refuseKey(guard, url, 'the address of the judge holds the key');
  const address = `${chatAddress(url).replace(/\/chat\/completions$/, '')}/models`;
  const list = z.object({ data: z.array(z.object({ id: z.string() })) });
  try {
    const response = await fetch(address, {
      headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
      redirect: 'error',
      signal: deadline,
    });
    const body = await readBody(response);
    if (body === undefined) throw new Error(`an answer of more than ${longestBody} bytes`);
    const { data } = list.parse(JSON.parse(body));
    const [model, another] = data;
    for (const { id } of data)
      refuseKey(guard, id, 'the endpoint names a model by the key, which would be kept');
    if (model !== undefined && another === undefined) return model.id;
    const names = data.slice(0, 8).map(({ id }) => told(id, guard));
    throw new UserError({
      message: 'expected --model',
      hint: `the endpoint has ${names.join(', ') || 'no model'}`,
    });
  } catch (error) {
    if (error instanceof UserError) throw error;
    const why = deadline.aborted ? 'no whole answer in time' : told(causeOf(error), guard);
    throw new UserError({
      file: address,
      message: `the endpoint does not name its models (${why})`,
      hint: 'check the address, or name the model with --model',
    });
  }
}

function refuseKey(guard: KeyGuard, text: string, message: string): void {
  if (!guard.isIn(text)) return;
  throw new UserError({
    message,
    hint: 'a key is kept nowhere: give it in an environment variable, named with --key-env, and nowhere else',
  });
}

/** The address of chat completions below an endpoint. Throws UserError when it is not one, or holds a password. */
function chatAddress(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !['http:', 'https:'].includes(parsed.protocol)) {
    throw new UserError({
      file: url,
      message: 'expected an http or https address, e.g. http://localhost:8000/v1',
    });
  }
  if (parsed.username !== '' || parsed.password !== '') {
    throw new UserError({
      message: 'the address of the judge holds a name or password',
      hint: 'leave it out; a key goes into an environment variable, named with --key-env',
    });
  }
  parsed.hash = '';
  parsed.pathname = `${parsed.pathname.replace(/\/+$|\/chat\/completions\/*$/g, '')}/chat/completions`;
  return parsed.href;
}

async function readBody(response: Response): Promise<string | undefined> {
  if (response.body === null) return '';
  const decoder = new TextDecoder();
  let [text, bytes] = ['', 0];
  for await (const part of response.body) {
    bytes += part.length;
    if (bytes > longestBody) return undefined;
    text += decoder.decode(part, { stream: true });
  }
  return text + decoder.decode();
}

function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error && error.cause.message !== '' ? error.cause.message : error.message;
}
