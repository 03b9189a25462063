// `coin generate` and `coin adapter …` as commands: what they print, and what they refuse.
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AdapterSpec } from '../../src/adapters/adapter.ts';
import {
  CONFIG_FILE,
  PROJECTOR_FILE,
  serializeAdapter,
  serializeProjector,
  WEIGHTS_FILE,
} from '../../src/adapters/peft.ts';
import { packageFolder } from '../../src/base/package.ts';
import { encodePng } from '../../src/formats/images/image.ts';
import { openSafetensors } from '../../src/formats/weights/safetensors.ts';
import { type LlavaModel, openLlava } from '../../src/models/llava/model.ts';
import { float32 } from '../../src/tensor/dtype.ts';
import { normalArray } from '../../src/tensor/random.ts';
import { buildIfStale, commandLine } from '../support/built.ts';
import { fixturePath } from '../support/parity.ts';

const folder = mkdtempSync(join(tmpdir(), 'coin-cli-adapters-'));
const lora: AdapterSpec = { kind: 'lora', rank: 4, alpha: 8, dropout: 0 };
const question = 'What is in the image?';

beforeAll(async () => {
  buildIfStale();
  const data = new Uint8Array(30 * 20 * 3).fill(200);
  writeFileSync(join(folder, 'grey.png'), await encodePng({ width: 30, height: 20, data }));
  const model = openLlava(join(packageFolder, 'assets', 'nano'));
  writeAdapter('lora', lora, model);
  writeAdapter('experts', { ...lora, kind: 'moelora', experts: 2 }, model);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** An adapter of the embedded model, large enough to change answers, and a changed projector beside it. */
function writeAdapter(name: string, spec: AdapterSpec, { shape, weights }: LlavaModel): void {
  const draw = (purpose: string, shape: readonly [number, number], standardDeviation: number) =>
    float32(normalArray(shape[0] * shape[1], { seed: 1, purpose, standardDeviation }), shape);
  const values = [...weights.tensors].flatMap(([weight, { entry }]) => {
    const path = weight.replace(/\.weight$/, '');
    if (!shape.adaptable.has(path)) return [];
    const [outputs = 0, inputs = 0] = entry.shape;
    const parts = [
      [`${path}.lora_A.weight`, draw(`${path}.A`, [spec.rank, inputs], 0.1)],
      [`${path}.lora_B.weight`, draw(`${path}.B`, [outputs, spec.rank], 0.1)],
    ] as const;
    if (spec.experts === undefined) return parts;
    return [
      ...parts,
      [`${path}.lora_router.weight`, draw(`${path}.R`, [spec.experts, inputs], 0.1)] as const,
    ];
  });
  const target = join(folder, name);
  mkdirSync(target);
  const files = serializeAdapter({ spec, values: new Map(values), targets: shape });
  writeFileSync(join(target, CONFIG_FILE), files[CONFIG_FILE]);
  writeFileSync(join(target, WEIGHTS_FILE), files[WEIGHTS_FILE]);
  const projector = [...shape.alongside].map(([projectorName, { shape: dims }]) => {
    const { data } = weights.values(projectorName);
    return [
      projectorName,
      float32(
        data.map((value) => value * 1.25),
        dims,
      ),
    ] as const;
  });
  writeFileSync(join(target, PROJECTOR_FILE), serializeProjector(new Map(projector)));
}

function coin(parameters: readonly string[], input = '') {
  const { status, stdout, stderr } = spawnSync(process.execPath, [commandLine, ...parameters], {
    cwd: folder,
    encoding: 'utf8',
    input,
  });
  return { status, stdout, stderr };
}

const ask = (...options: string[]) =>
  coin(['generate', ...options, '--image', 'grey.png', '--prompt', question]);

describe('coin generate', () => {
  it('answers one question, and many from lines', () => {
    const single = ask('nano');
    expect(single).toMatchObject({ status: 0, stderr: '' });
    expect(single.stdout).toMatch(/^\S.*\S\n$/);
    const lines = [
      question,
      '',
      JSON.stringify({ prompt: 'Where is the <image>?', image: 'grey.png', id: 'second' }),
    ];
    const { status, stdout, stderr } = coin(
      ['generate', 'nano', '--json', '--max-new-tokens', '3'],
      lines.join('\n'),
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const answers = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
      .sort((a, b) => b.prompt.localeCompare(a.prompt));
    expect(answers).toMatchObject([
      { prompt: 'Where is the <image>?', image: 'grey.png', id: 'second', tokens: 3 },
      { prompt: question, tokens: 3 },
    ]);
    const text = coin(
      ['generate', 'nano', '--input', '-', '--image', 'grey.png'],
      `${question}\n${question}\n`,
    );
    expect(text.stdout).toBe(`1\t${single.stdout}2\t${single.stdout}`);
  });

  it('answers with rounded weights, beside an adapter too', () => {
    for (const options of [
      ['--base-weights', 'int8'],
      ['--base-weights', 'int4', '--adapter', 'lora'],
    ]) {
      const { status, stdout, stderr } = ask('nano', ...options);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(stdout).toMatch(/^\S.*\n$/);
    }
    expect(readdirSync(join(folder, 'runs', 'weight-cache'))).toHaveLength(2);
  });

  it.each([
    [['nano', '--prompt', 'a <image> b'], '', 'a question has <image>, and no image: a <image> b\n'],
    [
      ['nano', '--image', 'grey.png', '--prompt', '<image><image>'],
      '',
      'a question has <image> 2 times, and one image: <image><image>\n',
    ],
    [['nano', '--prompt', 'q', '--image', 'no.png'], '', 'no.png: no such image\n'],
    [['nano', '--prompt', ''], '', '--prompt is empty\n'],
    [['nano', '--prompt', 'q', '--input', 'f'], '', 'expected either --prompt or --input, found both\n'],
    [
      ['nano'],
      '\n',
      'standard input: no questions\n  hint: give --prompt TEXT, or questions on standard input, one a line\n',
    ],
    [['nano'], 'a\n{"prompt": 3}', 'standard input:2: prompt: expected string, found number 3 (row 2)\n'],
    [['nano'], '{"prompt": "a"', /^standard input:1: not JSON: /],
    [['nano', '--input', 'none.jsonl'], '', 'none.jsonl: no such file\n'],
    [
      ['nano', '--prompt', 'q', '--max-new-tokens', '0'],
      '',
      /^--max-new-tokens: expected a whole number of at least 1/,
    ],
    [
      ['nano', '--prompt', 'q', '--template', 'vicuna'],
      '',
      /^--template: expected vicuna_v1, roles, llava_llama_2, plain, chat; found "vicuna"\n {2}hint: did you mean vicuna_v1/,
    ],
    [
      ['nano', '--prompt', 'q', '--template', 'chat'],
      '',
      /this model has no chat template: expected chat_template\.jinja/,
    ],
    [['nano', '--prompt', 'q', '--adapter', 'nowhere'], '', /^nowhere.adapter_config\.json: no such file\n/],
    [
      ['nano', '--prompt', 'q', '--base-weights', 'int8', '--provider', 'webgpu'],
      '',
      '--base-weights int8 does not run on provider webgpu\n',
    ],
    [['nowhere', '--prompt', 'q'], '', /^nowhere: model: no such folder\n/],
  ] as const)('%j is a mistake', (parameters, input, message) => {
    const { status, stdout, stderr } = coin(['generate', ...parameters], input);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    if (typeof message === 'string') expect(stderr).toBe(message);
    else expect(stderr).toMatch(message);
  });
});

describe('coin adapter', () => {
  it('merges, and the merged model answers as the two together', () => {
    const merged = coin(['adapter', 'merge', 'nano', 'lora', '--to', 'merged']);
    expect(merged).toEqual({
      status: 0,
      stdout: 'merged: 42 layers merged, the projector replaced; model.safetensors\n',
      stderr: '',
    });
    expect(readdirSync(join(folder, 'merged')).sort()).toEqual(
      readdirSync(join(packageFolder, 'assets', 'nano')).sort(),
    );
    const together = ask('nano', '--adapter', 'lora');
    expect(together.status).toBe(0);
    expect(ask('merged')).toEqual(together);
    expect(together.stdout).not.toBe(ask('nano').stdout);
    expect(coin(['adapter', 'merge', 'nano', 'lora', '--to', 'merged'])).toMatchObject({
      status: 2,
      stderr: 'merged: exists already\n  hint: name a new folder\n',
    });
  });

  it('converts: a LoRA takes its projector inside, experts keep theirs beside', () => {
    expect(coin(['adapter', 'convert', 'nano', 'lora', '--to', 'peft'])).toEqual({
      status: 0,
      stdout: 'peft: adapter_config.json, adapter_model.safetensors\n',
      stderr: '',
    });
    const { modules_to_save } = JSON.parse(readFileSync(join(folder, 'peft', CONFIG_FILE), 'utf8'));
    expect(modules_to_save).toEqual(['multi_modal_projector']);
    const names = [...openSafetensors(join(folder, 'peft', WEIGHTS_FILE)).tensors.keys()];
    expect(names).toContain('base_model.model.model.multi_modal_projector.linear_1.weight');
    expect(ask('nano', '--adapter', 'peft')).toEqual(ask('nano', '--adapter', 'lora'));
    expect(coin(['adapter', 'convert', 'nano', 'experts', '--to', 'moved']).stdout).toBe(
      'moved: adapter_config.json, adapter_model.safetensors, non_lora_trainables.safetensors\n',
    );
    expect(ask('nano', '--adapter', 'moved')).toEqual(ask('nano', '--adapter', 'experts'));
  });

  it.each([
    [
      'patterns',
      /^LoRA in .*patterns\nrank {8}2, 3, 4, 6\nscale {7}3\.266, 3\.536, 4, 4\.619, 6\.25\nlayers {6}13: /,
    ],
    ['some-layers', /layers {6}3: down_proj, q_proj, v_proj\n.*\nprojector {3}inside\n$/],
    [
      'all-linear',
      /projector {3}none: the model's own\ntower {7}is adapted too: merge the adapter to use it\n$/,
    ],
    [
      'coin-moelora',
      /^MoELoRA in .*\nrank {8}8, shared among 4 experts\nscale {7}2\n.*\n.*\nprojector {3}beside\n$/,
    ],
  ])('says what %s is', (name, text) => {
    const { status, stdout, stderr } = coin(['adapter', 'inspect', fixturePath('adapters', name)]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(text);
    const json = coin(['adapter', 'inspect', fixturePath('adapters', name), '--json']);
    expect(JSON.parse(json.stdout)).toMatchObject({ kind: name === 'coin-moelora' ? 'moelora' : 'lora' });
  });

  it('says what of a setting it cannot do', () => {
    mkdirSync(join(folder, 'dora'));
    const config = JSON.parse(readFileSync(join(folder, 'lora', CONFIG_FILE), 'utf8'));
    writeFileSync(join(folder, 'dora', CONFIG_FILE), JSON.stringify({ ...config, use_dora: true }));
    expect(coin(['adapter', 'inspect', 'dora'])).toMatchObject({
      status: 2,
      stdout: '',
      stderr: `${join('dora', CONFIG_FILE)}: use_dora: true is not supported: DoRA rescales the whole weight, not its update alone\n`,
    });
  });

  it('does not merge experts', () => {
    const { status, stdout, stderr } = coin(['adapter', 'merge', 'nano', 'experts', '--to', 'never']);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(/^an adapter of type moelora cannot be merged: its gates depend on the input/);
    expect(existsSync(join(folder, 'never'))).toBe(false);
  });
});
