// An OpenAI-compatible endpoint for tests, that misbehaves as it is told: per request the test says what comes back.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Asked {
  /** The user message. */
  readonly prompt: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers: IncomingMessage['headers'];
  /** How often this prompt was asked before. */
  readonly before: number;
  readonly at: number;
}

export type Behaviour = (asked: Asked, response: ServerResponse) => void | Promise<void>;

export class JudgeServer {
  readonly requests: Asked[] = [];
  behaviour: Behaviour;
  /** What is answered when the endpoint is asked for its models. */
  models: (response: ServerResponse) => void = (response) =>
    response.end(JSON.stringify({ data: [{ id: 'only-one' }] }));
  #server: Server;

  private constructor(server: Server, behaviour: Behaviour) {
    this.#server = server;
    this.behaviour = behaviour;
  }

  static async start(behaviour: Behaviour): Promise<JudgeServer> {
    const server = createServer((request, response) => {
      void judge.#answer(request, response);
    });
    const judge = new JudgeServer(server, behaviour);
    await new Promise<void>((started) => server.listen(0, '127.0.0.1', started));
    return judge;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`;
  }

  /** How often each prompt was asked. */
  counts(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const { prompt } of this.requests) counts.set(prompt, (counts.get(prompt) ?? 0) + 1);
    return counts;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((stopped) => this.#server.close(stopped));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => {});
    if (request.url === '/v1/models') {
      this.models(response);
      return;
    }
    let text = '';
    try {
      for await (const part of request) text += part;
    } catch {
      return; // Whoever asked was killed.
    }
    const body = JSON.parse(text) as { readonly messages: readonly { role: string; content: string }[] };
    const prompt = body.messages.find(({ role }) => role === 'user')?.content ?? '';
    const before = this.requests.filter((asked) => asked.prompt === prompt).length;
    const asked = { prompt, body: { ...body }, headers: request.headers, before, at: performance.now() };
    this.requests.push(asked);
    await this.behaviour(asked, response);
  }
}

/** A chat completion with this content. */
export function say(response: ServerResponse, content: string | null, more: object = {}): void {
  response.setHeader('content-type', 'application/json');
  response.end(completionOf(content, more));
}

export function completionOf(content: string | null, more: object = {}): string {
  return JSON.stringify({
    choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content, ...more } }],
    usage: { prompt_tokens: 100, completion_tokens: 3 },
  });
}

export function fail(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>> = {},
  text = 'no',
) {
  response.writeHead(status, headers);
  response.end(text);
}
