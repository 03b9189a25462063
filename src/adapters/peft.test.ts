import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import {
  batchFeeds,
  fixture,
  projectorNames,
  shape,
  config as tinyConfig,
  traceLlava,
  weights,
  withoutPadding,
} from '../../test/support/llava-tiny.ts';
import { expectParity, fixturePath } from '../../test/support/parity.ts';
import { UserError } from '../base/errors.ts';
import { openSafetensors, serializeSafetensors } from '../formats/weights/safetensors.ts';
import { llavaShape } from '../models/llava/shape.ts';
import { float32, type HostTensor } from '../tensor/dtype.ts';
import { Program } from '../tensor/program.ts';
import type { AdapterSpec } from './adapter.ts';
import { createAdapter } from './index.ts';
import {
  CONFIG_FILE,
  PROJECTOR_FILE,
  readAdapter,
  readProjector,
  serializeAdapter,
  serializeProjector,
  type TensorValues,
  WEIGHTS_FILE,
} from './peft.ts';

const root = mkdtempSync(join(tmpdir(), 'coin-peft-'));
let folder: string;
let folders = 0;
beforeEach(() => {
  folder = join(root, String(folders++));
});
afterAll(() => rmSync(root, { recursive: true }));

const published = fixturePath('llava-tiny', 'adapter');

/** An adapter of the fixture's model with values that are all different. */
function adapterOf(spec: AdapterSpec) {
  const adapter = createAdapter(spec, shape.adaptable);
  traceLlava(adapter);
  let next = 0;
  const values = new Map(
    [...adapter.parameters.values()].map(({ name, shape }): [string, HostTensor] => [
      name,
      float32(
        Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => Math.fround(next++ * 1e-3)),
        shape,
      ),
    ]),
  );
  return { adapter, values };
}

function write(spec: AdapterSpec, values: TensorValues): void {
  cpSync(published, folder, { recursive: true });
  for (const [name, content] of Object.entries(serializeAdapter({ spec, values, targets: shape })))
    writeFileSync(join(folder, name), content);
}

function changeConfig(changes: Readonly<Record<string, unknown>>): void {
  cpSync(published, folder, { recursive: true });
  const config = JSON.parse(readFileSync(join(folder, CONFIG_FILE), 'utf8')) as Record<string, unknown>;
  writeFileSync(join(folder, CONFIG_FILE), JSON.stringify({ ...config, ...changes }));
}

/** Rewrites the published adapter's tensors by name; undefined drops one. */
function changeTensors(change: (name: string) => string | undefined): void {
  cpSync(published, folder, { recursive: true });
  const prefix = 'base_model.model.';
  const tensors = [...readAdapter(published).values].flatMap(([name, { shape, data }]) => {
    const renamed = change(prefix + name);
    return renamed === undefined
      ? []
      : [[renamed, { dtype: 'F32', shape, data: data as Float32Array }] as const];
  });
  writeFileSync(join(folder, WEIGHTS_FILE), serializeSafetensors(Object.fromEntries(tensors)));
}

const messageOf = (action: () => unknown): string => {
  try {
    action();
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
  return 'nothing was thrown';
};

const someTensor = 'base_model.model.model.language_model.layers.1.mlp.up_proj.lora_B.weight';
const lora: AdapterSpec = { kind: 'lora', rank: 4, alpha: 8, dropout: 0.05 };
const moelora: AdapterSpec = { kind: 'moelora', rank: 8, alpha: 16, dropout: 0.05, experts: 4 };

describe('readAdapter', () => {
  it('reads an adapter that PEFT wrote, to the same logits', async () => {
    const { spec, values } = readAdapter(published, { targets: shape });
    expect(spec).toEqual({ kind: 'lora', rank: 4, alpha: 8, dropout: 0 });
    const { logits } = traceLlava(createAdapter(spec, shape.adaptable));
    const program = await Program.compile({ logits });
    const result = await program.runOnHost({ ...batchFeeds(), ...Object.fromEntries(values) });
    await program.dispose();
    expectParity('logits', withoutPadding(result.logits as HostTensor), fixture.expected.get('logits'));
  });

  it.each([lora, moelora])('reads back what was written: $kind', (spec) => {
    const { adapter, values } = adapterOf(spec);
    write(spec, values);
    for (const options of [{}, { expected: adapter.parameters }]) {
      const read = readAdapter(folder, { targets: shape, ...options });
      expect(read.spec).toEqual(spec);
      expect(Object.fromEntries(read.values)).toEqual(Object.fromEntries(values));
    }
  });

  it('writes the same names and settings as PEFT', () => {
    const { spec, values } = readAdapter(published, { targets: shape });
    write(spec, values);
    const names = (path: string) => [...openSafetensors(join(path, WEIGHTS_FILE)).tensors.keys()].sort();
    expect(names(folder)).toEqual(names(published));
    const config = (path: string) =>
      JSON.parse(readFileSync(join(path, CONFIG_FILE), 'utf8')) as Record<string, unknown>;
    const { target_modules: pattern, ...ours } = config(folder);
    expect(config(published)).toMatchObject(ours);
    const fits = (module: string) => new RegExp(`^(?:${pattern})$`).test(module);
    expect(fits('model.language_model.layers.11.self_attn.q_proj')).toBe(true);
    expect(fits('model.language_model.layers.0.mlp.down_proj')).toBe(true);
    expect(fits('model.vision_tower.encoder.layers.0.self_attn.q_proj')).toBe(false);
    expect(fits('lm_head')).toBe(false);
  });

  it('writes the same bytes from the same values', () => {
    const { values } = adapterOf(moelora);
    const reversed = new Map([...values].reverse());
    expect(serializeAdapter({ spec: moelora, values: reversed, targets: shape })).toEqual(
      serializeAdapter({ spec: moelora, values, targets: shape }),
    );
  });

  it.each([
    [{ peft_type: 'LOHA' }, 'peft_type: "LOHA" is not supported; known are LORA, MOELORA'],
    [{ peft_type: null }, 'peft_type: null is not supported'],
    [
      { use_dora: true },
      'use_dora: true is not supported: DoRA rescales the whole weight, not its update alone',
    ],
    [{ use_rslora: 1 }, 'use_rslora: 1 is not supported'],
    [{ fan_in_fan_out: true }, 'fan_in_fan_out: true is not supported'],
    [{ rank_pattern: { q_proj: 0.5 } }, 'rank_pattern: {"q_proj":0.5} is not supported'],
    [{ alpha_pattern: { '(?P<n>q)_proj': 8 } }, 'alpha_pattern: {"(?P<n>q)_proj":8} is not supported'],
    [{ target_modules: String.raw`.*_proj\Z` }, String.raw`target_modules: ".*_proj\\Z" is not supported`],
    [{ target_modules: '(' }, 'target_modules: "(" is not supported'],
    [{ target_modules: null }, 'target_modules: null is not supported'],
    [{ layers_to_transform: [-1] }, 'layers_to_transform: [-1] is not supported'],
    [{ target_parameters: ['experts'] }, 'target_parameters: ["experts"] is not supported'],
    [
      { trainable_token_indices: [1] },
      'trainable_token_indices: [1] is not supported: embeddings are frozen here',
    ],
    [{ layer_replication: [[0, 1]] }, 'layer_replication: [[0,1]] is not supported: layers are not repeated'],
    [{ bias: 'all' }, 'bias: "all" is not supported: biases train along in PEFT, here they are frozen'],
    [
      { modules_to_save: ['lm_head'] },
      'modules_to_save: ["lm_head"] is not supported: only what the model trains alongside, its projector, can be',
    ],
    [{ modules_to_save: ['(.mm_projector'] }, 'modules_to_save: ["(.mm_projector"] is not supported'],
    [
      { init_lora_weights: 'pissa' },
      'init_lora_weights: "pissa" is not supported: this initialisation changes the base weights too',
    ],
    [{ a_setting_of_tomorrow: 1 }, 'a_setting_of_tomorrow: 1 is not supported'],
    [{ constructor: 1 }, 'constructor: 1 is not supported'],
    [{ expert_num: 4 }, 'expert_num: 4 is not supported'],
    [{ r: 0 }, 'r: 0 is not supported'],
    [{ r: undefined }, 'r: is missing'],
    [{ lora_alpha: '16' }, 'lora_alpha: "16" is not supported'],
    [{ lora_dropout: 1 }, 'lora_dropout: 1 is not supported'],
    [{ peft_type: 'MOELORA' }, 'expert_num: is missing'],
    [{ peft_type: 'MOELORA', expert_num: 0.5 }, 'expert_num: 0.5 is not supported'],
    [{ peft_type: 'MOELORA', expert_num: 3 }, 'expert_num: 3 does not divide r = 4'],
    [
      { peft_type: 'MOELORA', expert_num: 2, rank_pattern: { q_proj: 5 } },
      'expert_num: 2 does not divide q_proj = 5',
    ],
  ])('refuses the setting %o by name', (changes, message) => {
    changeConfig(changes);
    expect(messageOf(() => readAdapter(folder, { targets: shape }))).toContain(join(folder, CONFIG_FILE));
    expect(messageOf(() => readAdapter(folder, { targets: shape }))).toContain(message);
  });

  it('names all settings that it refuses at once', () => {
    changeConfig({ use_dora: true, bias: 'lora_only' });
    expect(messageOf(() => readAdapter(folder)).split('\n')).toHaveLength(2);
  });

  it.each([false, true])('refuses missing, renamed and misshapen tensors (expected known: %s)', (known) => {
    const expected = adapterOf({ ...lora, dropout: 0 }).adapter.parameters;
    const message = () => messageOf(() => readAdapter(folder, known ? { expected } : {}));
    const canonical = someTensor.replace('base_model.model.', '');

    changeTensors((name) => (name === someTensor ? undefined : name));
    expect(message()).toContain(`${WEIGHTS_FILE}: ${canonical}: tensor is missing`);

    changeTensors((name) => (name === someTensor ? name.replace('up_proj', 'side_proj') : name));
    expect(message()).toContain('layers.1.mlp.side_proj.lora_B.weight: unknown tensor');
    expect(message()).toContain(`${canonical}: tensor is missing`);

    changeTensors((name) => name.replace('lora_A', 'lora_magnitude_vector'));
    expect(message()).toContain('lora_magnitude_vector.weight: unknown tensor');
    expect(message()).toContain('more');

    changeTensors((name) => name.replace('base_model.', ''));
    expect(message()).toContain('unknown tensor: names begin with "base_model.model."');

    changeConfig({ r: 2 });
    expect(message()).toMatch(/lora_A\.weight: expected shape \[2, 32\], found \[4, 32\]/);
  });

  it('misses a whole layer only where the model is known', () => {
    changeTensors((name) => (name.includes('layers.1.') ? undefined : name));
    const expected = adapterOf({ ...lora, dropout: 0 }).adapter.parameters;
    expect(readAdapter(folder).values.size).toBe(14);
    expect(messageOf(() => readAdapter(folder, { targets: shape }))).toContain('layers.1.');
    expect(messageOf(() => readAdapter(folder, { expected }))).toContain('layers.1.');
    changeTensors((name) => (name.includes('layers.0.') ? undefined : name));
    expect(messageOf(() => readAdapter(folder, { targets: shape }))).toContain('layers.0.');
  });

  it('misses what the configuration targets, not what it leaves out', () => {
    const missing = 'layers.1.mlp.up_proj.lora_A.weight: tensor is missing';
    changeTensors((name) => (name.includes('layers.1.mlp.up_proj') ? undefined : name));
    expect(messageOf(() => readAdapter(folder, { targets: shape }))).toContain(missing);
    const config = JSON.parse(readFileSync(join(folder, CONFIG_FILE), 'utf8')) as Record<string, unknown>;
    const left = { ...config, exclude_modules: String.raw`.*layers\.1\.mlp\.up_proj` };
    writeFileSync(join(folder, CONFIG_FILE), JSON.stringify(left));
    const { spec, values } = readAdapter(folder, { targets: shape });
    expect(values.size).toBe(26);
    expect(Object.keys(spec.layers ?? {})).toHaveLength(13);
    const deeper = llavaShape({ ...tinyConfig, text: { ...tinyConfig.text, layers: 3 } });
    expect(messageOf(() => readAdapter(folder, { targets: deeper }))).toContain('layers.2.self_attn.q_proj');
    writeFileSync(join(folder, CONFIG_FILE), JSON.stringify({ ...config, target_modules: ['q_proj'] }));
    expect(messageOf(() => readAdapter(folder))).toContain(
      'unknown tensor in a LORA adapter: target_modules of adapter_config.json does not name its layer',
    );
  });

  it('refuses layer numbers out of all proportion', () => {
    changeTensors((name) => (name === someTensor ? name.replace('.1.', '.4000000000.') : name));
    expect(messageOf(() => readAdapter(folder))).toContain('layers.4000000000');
  });

  it('refuses an adapter of another rank, with shapes', () => {
    const { values } = adapterOf({ ...lora, rank: 8 });
    write({ ...lora, rank: 8 }, values);
    const expected = adapterOf(lora).adapter.parameters;
    expect(messageOf(() => readAdapter(folder, { expected }))).toContain(
      'expected shape [4, 32], found [8, 32]',
    );
  });

  it('says what is not there', () => {
    expect(messageOf(() => readAdapter(join(root, 'nowhere')))).toContain('no such file');
  });
});

describe('serializeAdapter', () => {
  it('does not write half an adapter', () => {
    const { values } = adapterOf(moelora);
    const [first] = values.keys();
    values.delete(first as string);
    expect(() => serializeAdapter({ spec: moelora, values, targets: shape })).toThrow(
      `${first}: tensor is missing`,
    );
    expect(() => serializeAdapter({ spec: lora, values: adapterOf(moelora).values, targets: shape })).toThrow(
      'lora_router.weight: unknown tensor in a LORA adapter',
    );
  });
});

describe('the projector', () => {
  const values: TensorValues = new Map(
    projectorNames.map((name) => {
      const { data, shape } = weights.values(name);
      return [name, float32(data, shape)];
    }),
  );

  function writeProjector(tensors: TensorValues): void {
    cpSync(published, folder, { recursive: true });
    writeFileSync(join(folder, PROJECTOR_FILE), serializeProjector(tensors));
  }

  it('is read back as it was written', () => {
    writeProjector(values);
    expect(Object.fromEntries(readProjector(folder, values))).toEqual(Object.fromEntries(values));
  });

  it('is not restored in part', () => {
    const [first = '', second = ''] = projectorNames;
    const kept = new Map([...values].filter(([name]) => name !== first));
    writeProjector(kept);
    expect(messageOf(() => readProjector(folder, values))).toContain(`${first}: tensor is missing`);
    writeProjector(new Map([...values, [`base_model.model.${first}`, values.get(first) as HostTensor]]));
    expect(messageOf(() => readProjector(folder, values))).toContain(`${first}: stands twice, as ${first}`);
    writeProjector(new Map([...values, [`${first}.old`, values.get(first) as HostTensor]]));
    expect(messageOf(() => readProjector(folder, values))).toContain(`${first}.old: unknown tensor`);
    writeProjector(new Map([...values, [first, values.get(second) as HostTensor]]));
    expect(messageOf(() => readProjector(folder, values))).toContain(
      `${first}: expected shape [32, 24], found [32]`,
    );
  });

  it('must be there', () => {
    cpSync(published, folder, { recursive: true });
    expect(messageOf(() => readProjector(folder, values))).toContain(`${PROJECTOR_FILE}: no such file`);
  });
});

it('takes or refuses any settings, and never breaks on them', () => {
  cpSync(published, folder, { recursive: true });
  const config = JSON.parse(readFileSync(join(published, CONFIG_FILE), 'utf8')) as Record<string, unknown>;
  const keys = [...Object.keys(config), 'expert_num', '__proto__', 'toString'];
  const types = fc.constantFrom('LORA', 'MOELORA', 'MOE_LORA_CoIN');
  const values = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom('all-linear', '.*(', '(a+)', ['q_proj'], ['(.mm_projector'], { '(': 1 }, { q_proj: 2 }),
  );
  fc.assert(
    fc.property(
      types,
      fc.array(fc.tuple(fc.constantFrom(...keys), values), { maxLength: 6 }),
      (type, changes) => {
        const changed = { ...config, peft_type: type, ...Object.fromEntries(changes) };
        writeFileSync(join(folder, CONFIG_FILE), JSON.stringify(changed));
        expect(typeof messageOf(() => readAdapter(folder))).toBe('string');
      },
    ),
    { numRuns: 500 },
  );
});
