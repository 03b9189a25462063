// The `webgpu` provider against `cpu`: every primitive and its gradients, a decoder layer, and training whose state stays
// on the device. Runs where a software Vulkan driver is installed (Debian: the chromium package brings SwiftShader).
// The provider can abort its process, so the checks run in a process of their own: this same file, with the driver named.
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Generator } from '../../src/evaluation/generation/generator.ts';
import { openLlava } from '../../src/models/llava/model.ts';
import { float32, type HostTensor, int32 } from '../../src/tensor/dtype.ts';
import { grad } from '../../src/tensor/grad.ts';
import type { Tensor } from '../../src/tensor/graph.ts';
import { add, concat, cos, input, matmul, mul, sin, softmax, sub, sum } from '../../src/tensor/ops.ts';
import { DeviceTensor, floats, Program, type Value } from '../../src/tensor/program.ts';
import { normalArray } from '../../src/tensor/random.ts';
import { compareNumbers } from '../support/compare.ts';
import { decoderBatch, decoderBlock, decoderParameters, parameterNames } from '../support/decoder-block.ts';
import { writeWeights } from '../support/files/weight-files.ts';
import { normal } from '../support/plain.ts';
import {
  type BuiltCase,
  buildCase,
  describeCase,
  feedCase,
  primitiveCases,
  type Sizes,
  sizesFeed,
  sizesInput,
} from '../support/primitive-cases.ts';
import { writeToyModel } from '../support/toy-model.ts';

const CHILD = 'COIN_WEBGPU_CHILD';
const TOLERANCE = 1e-5;
const CASES = 8;

/** The description file of a Vulkan driver that needs no GPU, or of the one the environment names. */
function findDriver(): string | undefined {
  const named = process.env.VK_ICD_FILENAMES;
  if (named !== undefined && existsSync(named)) return named;
  const root = '/usr/lib';
  if (!existsSync(root)) return undefined;
  return readdirSync(root)
    .map((folder) => join(root, folder, 'vk_swiftshader_icd.json'))
    .find((path) => existsSync(path));
}

/** Chromium brings the Vulkan loader along with the driver; a system without one finds it there. */
function childEnvironment(driver: string, folder: string): NodeJS.ProcessEnv {
  const libraries = [process.env.LD_LIBRARY_PATH, dirname(driver)].filter((path) => path !== undefined);
  return {
    ...process.env,
    [CHILD]: '1',
    VK_ICD_FILENAMES: driver,
    XDG_RUNTIME_DIR: folder,
    LD_LIBRARY_PATH: libraries.join(delimiter),
  };
}

interface ChildReport {
  readonly numPassedTests: number;
  readonly testResults: readonly {
    readonly assertionResults: readonly {
      readonly title: string;
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

if (process.env[CHILD] === undefined) describeParent(findDriver());
else describeProvider();

function describeParent(driver: string | undefined): void {
  if (driver === undefined) {
    it.skip('webgpu: NOT TESTED, no software Vulkan driver here (Debian: apt install chromium)', () => {});
    return;
  }
  it('webgpu agrees with cpu (in a process of its own)', { timeout: 0 }, async ({ signal }) => {
    const folder = mkdtempSync(join(tmpdir(), 'coin-webgpu-'));
    try {
      const reportPath = join(folder, 'report.json');
      const root = fileURLToPath(new URL('../..', import.meta.url));
      const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
      const outcome = await promisify(execFile)(
        process.execPath,
        [
          vitest,
          'run',
          'test/tensor/webgpu.test.ts',
          '--testTimeout=0',
          '--reporter=json',
          `--outputFile=${reportPath}`,
        ],
        {
          cwd: root,
          env: childEnvironment(driver, folder),
          maxBuffer: 1 << 26,
          signal,
        },
      ).catch((error: Error) => error);
      if (!existsSync(reportPath)) throw new Error(`the process left no report: ${String(outcome)}`);
      const report = JSON.parse(readFileSync(reportPath, 'utf8')) as ChildReport;
      const failures = report.testResults
        .flatMap(({ assertionResults }) => assertionResults)
        .filter(({ status }) => status !== 'passed')
        .map(({ title, status, failureMessages }) => `${title}: ${status} ${failureMessages.join('\n')}`);
      expect(failures).toEqual([]);
      expect(report.numPassedTests).toBe(Object.keys(primitiveCases).length + 7);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}

function describeProvider(): void {
  describe('webgpu agrees with cpu', () => {
    for (const [primitive, row] of Object.entries(primitiveCases)) {
      it(primitive, async () => {
        const cases = fc.sample(row.cases, { seed: 13, numRuns: CASES });
        const built = cases.map((testCase, i) => buildCase(testCase, `c${i}_`));
        const outputs: Record<string, Tensor> = Object.assign(
          { sizesOut: sizesInput() },
          ...built.map((one, i) => outputsOf(one, `c${i}_`)),
        );
        const sizesOfNames: readonly Sizes[] = [
          { n: 2, m: 3 },
          { n: 1, m: 1 },
        ];
        const runs = sizesOfNames.map((sizes) =>
          Object.assign(
            { sizes: sizesFeed(sizes) },
            ...cases.map((testCase, i) => feedCase(testCase, sizes, 1, `c${i}_`)),
          ),
        );
        await compareProviders(outputs, runs, (name) => {
          const place = Number(/^c(\d+)_/.exec(name)?.[1] ?? 0);
          return `${name}: ${describeCase(built[place] as BuiltCase)}`;
        });
      });
    }

    it('a decoder layer, its loss and all its gradients', async () => {
      const { parameters, loss, logits } = decoderBlock();
      const gradients = grad(loss, Object.values(parameters));
      const outputs: Record<string, Tensor> = {
        loss,
        logits,
        ...Object.fromEntries(gradients.map((gradient, i) => [`d${parameterNames[i]}`, gradient])),
      };
      const feeds = { ...decoderParameters(), ...decoderBatch(2, 9) };
      await compareProviders(outputs, [feeds], (name) => name);
    });

    it('answers with caches kept on the device', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'coin-webgpu-model-'));
      try {
        await writeToyModel(folder, { seed: 3 });
        const model = openLlava(folder);
        const { config, weights } = model;
        const features = ['one', 'two'].map((name) =>
          floats(normal(name, [config.imageTokens, config.vision.hiddenSize])),
        );
        const texts = ['a cup?', 'Which is left of the small box', 'red'];
        const prompts = texts.map((text, i) => ({
          ...model.prompts.ask(text, { image: { rows: config.imageTokens } }),
          features: features[i % 2] as Float32Array,
        }));
        const answer = async (provider: 'cpu' | 'webgpu') => {
          const options = { model, weights: weights.provider(), slots: 2, program: { provider } };
          const generator = await Generator.compile(options);
          const answers = await generator.generate(prompts, {}, 5);
          const { statistics } = generator;
          await generator.dispose();
          return { answers, shared: statistics?.sharedTokens };
        };
        const [device, host] = [await answer('webgpu'), await answer('cpu')];
        expect(device).toEqual(host);
        expect(device.shared).toBeGreaterThan(0);
        expect(device.answers.map((ids) => ids.length)).toEqual([5, 5, 5]);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });

    it('three updates with the parameters kept on the device', async () => {
      const { parameters, loss } = decoderBlock();
      const gradients = grad(loss, Object.values(parameters));
      const updated = parameterNames.map(
        (name, i) => [`${name}.next`, sub(parameters[name], mul(gradients[i] as Tensor, 0.05))] as const,
      );
      const outputs = { loss, ...Object.fromEntries(updated) };
      const keepOnDevice = updated.map(([name]) => name);
      const onDevice = await Program.compile(outputs, { provider: 'webgpu', keepOnDevice });
      const onHost = await Program.compile(outputs);
      // A tensor on the device is read back by a program whose outputs are on the host.
      const copies = parameterNames.map((name) => [
        `${name}.copy`,
        add(input(name, 'float32', parameters[name].shape), 0),
      ]);
      const reader = await Program.compile(Object.fromEntries(copies), { provider: 'webgpu' });

      let device: Record<string, Value> = decoderParameters();
      let host: Record<string, Value> = decoderParameters();
      for (let step = 0; step < 3; step++) {
        const batch = { ...decoderBatch(2, 5), draw: int32([step], []) };
        const before = device;
        const [a, b] = [await onDevice.run({ ...device, ...batch }), await onHost.run({ ...host, ...batch })];
        compareNumbers(asNumbers(a.loss), asNumbers(b.loss), {
          tolerance: TOLERANCE,
          message: `loss ${step}`,
        });
        [device, host] = [a, b].map((results) =>
          Object.fromEntries(parameterNames.map((name) => [name, results[`${name}.next`] as Value])),
        ) as [Record<string, Value>, Record<string, Value>];
        expect(Object.values(device).every((value) => value instanceof DeviceTensor)).toBe(true);
        for (const value of Object.values(before)) if (value instanceof DeviceTensor) value.dispose();
      }
      const copied = await reader.runOnHost(device);
      for (const name of parameterNames) {
        compareNumbers(copied[`${name}.copy`], asNumbers(host[name]), {
          tolerance: TOLERANCE,
          message: name,
        });
      }
      await Promise.all([onDevice.dispose(), onHost.dispose(), reader.dispose()]);
    });

    it('sine and cosine at angles that rotary positions reach', async () => {
      const x = input('x', 'float32', ['n']);
      const outputs = { sin: sin(x), cos: cos(x) };
      const angles = Float32Array.from({ length: 4001 }, (_, i) => (i - 2000) * 2.0471);
      await compareProviders(outputs, [{ x: float32(angles, [angles.length]) }], (name) => name);
    });

    it('frozen weights of every storage type', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'coin-webgpu-weights-'));
      const w = writeWeights(join(folder, 'model.safetensors'), {
        full: ['F32', [8, 8]],
        half: ['F16', [8, 8]],
        brain: ['BF16', [8, 8]],
      });
      const x = input('x', 'float32', ['n', 8]);
      const y = matmul(matmul(matmul(x, w.full), w.half, { transposeB: true }), w.brain);
      const [dx] = grad(sum(y), [x]);
      const feeds = { x: float32(normalArray(24, { seed: 2, purpose: 'x' }), [3, 8]) };
      await compareProviders({ y, dx: dx as Tensor }, [feeds], (name) => name);
      rmSync(folder, { recursive: true });
    });

    it('a cache on the device that begins empty and grows', async () => {
      const cache = input('cache', 'float32', ['batch', 'past', 4]);
      const x = input('x', 'float32', ['batch', 1, 4]);
      const grown = concat([cache, x], 1);
      const mixed = matmul(softmax(matmul(x, grown, { transposeB: true })), grown);
      const outputs = { grown, mixed };
      const onDevice = await Program.compile(outputs, { provider: 'webgpu', keepOnDevice: ['grown'] });
      const onHost = await Program.compile(outputs);
      let device: Value = float32([], [2, 0, 4]);
      let host: Value = device;
      for (let step = 0; step < 3; step++) {
        const token = float32(normalArray(8, { seed: step, purpose: 'token' }), [2, 1, 4]);
        const a = await onDevice.run({ cache: device, x: token });
        const b = await onHost.run({ cache: host, x: token });
        const message = `step ${step}`;
        compareNumbers(asNumbers(a.mixed), asNumbers(b.mixed), { tolerance: TOLERANCE, message });
        [device, host] = [a.grown as Value, b.grown as Value];
        expect(device).toBeInstanceOf(DeviceTensor);
        expect(device.shape).toEqual([2, step + 1, 4]);
      }
      await Promise.all([onDevice.dispose(), onHost.dispose()]);
    });

    it('runs twice to the same bits', async () => {
      const { parameters, loss } = decoderBlock();
      const [gradient] = grad(loss, [parameters.query]);
      const program = await Program.compile({ loss, gradient: gradient as Tensor }, { provider: 'webgpu' });
      const feeds = { ...decoderParameters(), ...decoderBatch(2, 5) };
      const [first, second] = [await program.run(feeds), await program.run(feeds)];
      expect(floats(second.gradient)).toEqual(floats(first.gradient));
      await program.dispose();
    });
  });
}

function outputsOf({ result, loss, variables }: BuiltCase, prefix: string): Record<string, Tensor> {
  const gradients = loss === undefined ? [] : grad(loss, variables);
  return {
    [`${prefix}v`]: result,
    ...Object.fromEntries(gradients.map((gradient, i) => [`${prefix}g${i}`, gradient])),
  };
}

async function compareProviders(
  outputs: Readonly<Record<string, Tensor>>,
  runs: readonly Readonly<Record<string, HostTensor>>[],
  describeOutput: (name: string) => string,
): Promise<void> {
  const [webgpu, cpu] = [
    await Program.compile(outputs, { provider: 'webgpu' }),
    await Program.compile(outputs),
  ];
  for (const feeds of runs) {
    const [actual, expected] = [await webgpu.runOnHost(feeds), await cpu.runOnHost(feeds)];
    for (const name of Object.keys(outputs)) {
      const exact = outputs[name]?.dtype !== 'float32';
      compareNumbers(actual[name], expected[name], {
        tolerance: exact ? 0 : TOLERANCE,
        message: describeOutput(name),
      });
    }
  }
  await webgpu.dispose();
  await cpu.dispose();
}

function asNumbers(value: Value | undefined): HostTensor {
  return value as HostTensor;
}
