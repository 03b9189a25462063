// A judge's endpoint that never ends, and one that repeats the key: a request is bounded in time and size, and the key
// reaches nobody. The moment at which time is up is made to happen by the endpoint.
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../../src/base/errors.ts';
import {
  EndpointJudge,
  type EndpointOptions,
  onlyModelOf,
} from '../../src/evaluation/judging/endpoint-judge.ts';
import { JudgeFailure, samplings } from '../../src/evaluation/judging/judge-model.ts';
import { fail, JudgeServer, say } from '../support/judge-server.ts';

const key = 'sk-proj/a+very-secret_key';
const base64 = (text: string) => Buffer.from(text).toString('base64');
/** Ways in which an endpoint may repeat the key, and what of each must not get through. */
const repeated: readonly (readonly [string, string, string])[] = [
  ['as it is', key, 'a+very-secret'],
  ['in capitals', key.toUpperCase(), 'A+VERY-SECRET'],
  ['percent-encoded', encodeURIComponent(key), 'a%2Bvery'],
  ['percent-encoded twice', encodeURIComponent(encodeURIComponent(key)), 'a%252Bvery'],
  [
    'with every byte percent-encoded',
    key.replace(/./g, (one) => `%${one.charCodeAt(0).toString(16)}`),
    '%76%65',
  ],
  ['in base64', base64(key), base64(key).slice(4, 20)],
  ['in base64 behind other text', base64(`Bearer ${key}`), base64(`Bearer ${key}`).slice(16, 30)],
  ['in base64 behind a name', base64(`a:${key}`), base64(`a:${key}`).slice(8, 24)],
  ['in base64 for addresses', Buffer.from(key).toString('base64url'), base64(key).slice(4, 12)],
  ['in hexadecimal', Buffer.from(key).toString('hex'), Buffer.from('very').toString('hex')],
  ['escaped', key.replace(/./g, (one) => `\\u00${one.charCodeAt(0).toString(16)}`), '\\u0076\\u0065'],
  ['in HTML', key.replace(/./g, (one) => `&#${one.charCodeAt(0)};`), '&#118;&#101;'],
  ['with marks between', [...key].join('\u200b'), 'v\u200be\u200br'],
];

let server: JudgeServer;
beforeEach(async () => {
  server = await JudgeServer.start((_, response) => say(response, '8'));
});
afterEach(() => server.stop());

const calm = new AbortController().signal;
const ask = (options: Partial<EndpointOptions> = {}, judge = open(options)) =>
  judge.answer([{ role: 'user', content: 'rate this' }], calm);

function open(options: Partial<EndpointOptions> = {}): EndpointJudge {
  const { url } = server;
  const sampling = samplings.deterministic;
  return new EndpointJudge({ url, model: 'm', sampling, key, retries: 1, backOffBaseMs: 1, ...options });
}

const errorOf = (asked: Promise<unknown>): Promise<unknown> => asked.catch((error: unknown) => error);

function drained(response: ServerResponse): Promise<unknown> {
  const settled = new AbortController();
  const { signal } = settled;
  return Promise.race([once(response, 'drain', { signal }), once(response, 'close', { signal })]).finally(
    () => settled.abort(),
  );
}

/** More than any machine holds, as fast as it is taken; resolves to the bytes that were taken once nobody takes more. */
async function flood(response: ServerResponse): Promise<number> {
  const piece = Buffer.alloc(1 << 16, ' ');
  let taken = 0;
  while (!response.closed && taken < 10e9) {
    taken += piece.length;
    if (!response.write(piece)) await drained(response);
  }
  return taken;
}

const endless: readonly (readonly [string, (response: ServerResponse) => void])[] = [
  ['headers that never come', () => {}],
  ['a body that never comes', (response) => response.flushHeaders()],
  ['a body that stops', (response) => response.write('{"choices": [')],
];

describe('a request ends', () => {
  it.each(endless)('when its time is up: %s', async (_, misbehave) => {
    let current = new AbortController();
    server.behaviour = ({ before }, response) => {
      if (before > 0) return say(response, '8');
      misbehave(response);
      current.abort();
    };
    const deadline = () => {
      current = new AbortController();
      return current.signal;
    };
    expect((await ask({ deadline })).text).toBe('8');
    expect(server.requests).toHaveLength(2);
    server.behaviour = (_asked, response) => {
      misbehave(response);
      current.abort();
    };
    await expect(ask({ deadline, timeoutMs: 7000 })).rejects.toThrow(
      new JudgeFailure('no whole answer within 7 s'),
    );
  });

  it.each(endless)('when its time is up, asked for models: %s', async (_, misbehave) => {
    const time = new AbortController();
    server.models = (response) => {
      misbehave(response);
      time.abort();
    };
    await expect(onlyModelOf(server.url, key, time.signal)).rejects.toThrow(
      'the endpoint does not name its models (no whole answer in time)',
    );
  });

  it('when its body is too long: the connection is cut, whatever is still to come', async () => {
    let taken: Promise<number> | undefined;
    server.behaviour = ({ before }, response) => {
      if (before > 0) return say(response, '8');
      taken = flood(response);
    };
    expect((await ask()).text).toBe('8');
    expect(await taken).toBeLessThan(1e9);
    server.models = (response) => {
      taken = flood(response);
    };
    await expect(onlyModelOf(server.url, key)).rejects.toThrow(/an answer of more than 1048576 bytes/);
    expect(await taken).toBeLessThan(1e9);
  });
});

describe.each(repeated)('the key, repeated %s', (_, text, kept) => {
  it('is not in an error', async () => {
    server.behaviour = (_asked, response) => fail(response, 401, {}, `no such key: ${text}`);
    const error = await errorOf(ask());
    expect(String(error)).toContain('[key]');
    expect(String(error)).not.toContain(kept);
  });

  it('is not in what is said of a prompt, nor in the notes', async () => {
    server.behaviour = ({ body }, response) =>
      'response_format' in body ? fail(response, 400, {}, text) : say(response, '8');
    const judge = open();
    await ask({}, judge);
    server.behaviour = (_asked, response) => fail(response, 422, {}, text);
    const { declined } = await ask({}, judge);
    expect(declined).toContain('[key]');
    expect(declined).not.toContain(kept);
    expect(judge.notes.join()).toContain('[key]');
    expect(judge.notes.join()).not.toContain(kept);
  });

  it('is not in an answer, nor in a refusal', async () => {
    server.behaviour = (_asked, response) => say(response, `7 ${text}.`);
    const { text: answer } = await ask();
    expect(answer).toMatch(/^7 .*\[key\].*\.$/);
    expect(answer).not.toContain(kept);
    server.behaviour = (_asked, response) => say(response, null, { refusal: text });
    const { text: refusal } = await ask();
    expect(refusal).toContain('[key]');
    expect(refusal).not.toContain(kept);
  });

  it('is no name of a model', async () => {
    for (const names of [[text], ['other', `m-${text}`]]) {
      server.models = (response) => response.end(JSON.stringify({ data: names.map((id) => ({ id })) }));
      const error = await errorOf(onlyModelOf(server.url, key));
      expect(error).toBeInstanceOf(UserError);
      expect(String(error)).toContain('the endpoint names a model by the key');
      expect(String(error)).not.toContain(kept);
    }
    server.models = (response) => response.end(text);
    expect(String(await errorOf(onlyModelOf(server.url, key)))).not.toContain(kept);
    expect(() => open({ model: text })).toThrow("the name of the judge's model holds the key");
  });
});

it('a word that local servers are given for a key is no secret: names and answers stay as they are', async () => {
  server.behaviour = (_asked, response) => say(response, '8');
  expect((await ask({ key: '8', model: 'm8' })).text).toBe('8');
});
