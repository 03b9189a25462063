// The GGUF judge against a stand-in for node-llama-cpp: what is passed to it. No weights are run here.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { GgufJudge, type LlamaPackage } from './gguf-judge.ts';
import { type SamplingMode, samplings } from './judge-model.ts';
import { judgeMessages } from './prompt.ts';

let folder: string;
let file: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'coin-gguf-'));
  file = join(folder, 'Some Judge.gguf');
  writeFileSync(file, 'GGUF');
});
afterAll(() => rmSync(folder, { recursive: true }));

function fakePackage(answer: string) {
  const calls: unknown[] = [];
  const disposed: string[] = [];
  const dispose = (name: string) => ({ dispose: async () => void disposed.push(name) });
  class Session {
    constructor(options: object) {
      calls.push(options);
    }
    async prompt(text: string, options: object) {
      calls.push({ text, ...options });
      return answer;
    }
    async dispose() {
      disposed.push('session');
    }
  }
  const package_: LlamaPackage = {
    LlamaChatSession: Session,
    getLlama: async () => ({
      ...dispose('llama'),
      loadModel: async ({ modelPath }) => {
        calls.push({ modelPath });
        return {
          ...dispose('model'),
          createContext: async () => ({ ...dispose('context'), getSequence: () => dispose('sequence') }),
        };
      },
      createGrammarForJsonSchema: async (schema) => ({ schema }),
    }),
  };
  return { calls, disposed, load: async () => package_ };
}

async function ask(mode: SamplingMode, answer: string) {
  const { calls, disposed, load } = fakePackage(answer);
  const judge = new GgufJudge({ file, sampling: samplings[mode], load });
  const { text } = await judge.answer(judgeMessages('rate', mode), new AbortController().signal);
  await judge.close();
  return { judge, calls, disposed, text };
}

it('is deterministic with a grammar, and gives the score alone', async () => {
  const { judge, calls, disposed, text } = await ask('deterministic', '{"score": 9}');
  expect(text).toBe('9');
  expect(calls).toEqual([
    { modelPath: file },
    expect.objectContaining({ systemPrompt: expect.any(String), autoDisposeSequence: true }),
    expect.objectContaining({
      text: 'rate',
      temperature: 0,
      seed: 0,
      maxTokens: 24,
      repeatPenalty: false,
      grammar: {
        schema: expect.objectContaining({ properties: { score: { enum: expect.arrayContaining([0, 10]) } } }),
      },
    }),
  ]);
  expect(disposed).toEqual(['session', 'context', 'llama']);
  // The model is known by its bytes, not by where it lies.
  expect(judge.identity.model).toMatch(/^Some Judge\.gguf [0-9a-f]{64}$/);
});

it("samples as the reference in the reference's mode", async () => {
  const { calls, text } = await ask('reference', ' 8/10');
  expect(text).toBe(' 8/10');
  expect(calls[1]).not.toHaveProperty('systemPrompt');
  expect(calls[2]).toMatchObject({
    temperature: 0.7,
    topP: 0.8,
    maxTokens: 20,
    repeatPenalty: { penalty: 1.05 },
  });
  expect(calls[2]).not.toHaveProperty('grammar');
  expect(calls[2]).not.toHaveProperty('seed');
});

it('names the package when it is not installed', async () => {
  const judge = new GgufJudge({ file, sampling: samplings.deterministic });
  const answer = judge.answer([], new AbortController().signal);
  await expect(answer).rejects.toThrow(
    /needs the package node-llama-cpp.*\n {2}hint: npm install --no-save node-llama-cpp/,
  );
  await judge.close();
});
