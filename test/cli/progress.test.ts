// The progress display: its numbers with a clock of our own, its bars, and its plain lines.

import { Writable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createProgress, renderLevels } from '../../src/cli/shell/progress.ts';
import { clock, ProgressState } from '../../src/cli/shell/progress-state.ts';
import { builtIn } from '../../src/config/catalogue.ts';
import { planRun, type Step } from '../../src/config/plan.ts';
import type { PlannedStep } from '../../src/runs/execute.ts';

const steps = planRun(
  {
    tasks: ['GQA', 'VQAv2'],
    methods: ['lora'],
    evaluation: { zeroShot: true, unseen: false },
  },
  builtIn,
);
const planned: readonly PlannedStep[] = steps.map((step) => ({
  step,
  samples: step.kind === 'train' ? 500 : 100,
  complete: false,
}));
const [zeroShot, zeroShot2, train, evaluate] = steps as [Step, Step, Step, Step];

function stream(properties: { isTTY?: boolean; columns?: number } = {}) {
  const chunks: string[] = [];
  const writable = new Writable({
    write(chunk, _encoding, done) {
      chunks.push(String(chunk));
      done();
    },
  });
  return Object.assign(writable, properties, {
    text: () => chunks.join(''),
    chunks,
  }) as unknown as NodeJS.WriteStream & {
    text(): string;
    readonly chunks: readonly string[];
  };
}

describe('the time left', () => {
  it('is unknown until each kind of step that is left has been seen, then follows the samples', () => {
    let now = 0;
    const state = new ProgressState({ title: 'tiny', now: () => now });
    state.runStarted(planned);
    expect(state.secondsLeft()).toBeUndefined();
    for (const step of [zeroShot, zeroShot2]) {
      state.stepStarted(step);
      now += 2_000;
      state.stepFinished(step);
    }
    expect(state.secondsLeft()).toBeUndefined();
    state.stepStarted(train);
    now += 5_000;
    state.stepProgress(train, { done: 1, total: 4, unit: 'steps', samplesPerSecond: 25, loss: 2 });
    // 375 samples of this stage and 500 of the next at 25/s, three evaluations of 100 at 50/s.
    expect(state.secondsLeft()).toBeCloseTo(875 / 25 + 300 / 50, 6);
    expect(state.step(train)).toEqual({
      label: 'train GQA',
      fraction: 0.25,
      details: ['1/4 steps', 'loss 2.000', '25 samples/s', '0:15 left'],
    });
    expect(state.stage(train)).toMatchObject({
      label: 'LoRA 1 GQA',
      fraction: 0.125,
      details: ['0/2 steps'],
    });
    expect(state.run().details).toEqual(['2/7 steps', '0:09', '0:41 left']);
  });

  it('counts what was complete before', () => {
    const state = new ProgressState({ title: 'tiny', now: () => 0 });
    state.runStarted(planned.map((step, index) => ({ ...step, complete: index < 7 })));
    expect(state.secondsLeft()).toBe(0);
    expect(state.run().fraction).toBe(1);
  });

  it('reads like a clock', () => {
    expect([0, 7.4, 59.6, 754, 3723].map(clock)).toEqual(['0:00', '0:07', '1:00', '12:34', '1:02:03']);
  });
});

describe('bars', () => {
  const levels = [
    { label: 'nano', fraction: 0.5, details: ['4/8 steps', '1:00', '2:00 left'] },
    { label: 'MoELoRA 3 ImageNet', fraction: 0.25, details: ['1/4 steps'] },
    { label: 'evaluate ScienceQA', fraction: 1, details: ['100/100 samples', '25 samples/s'] },
  ];

  it.each([20, 40, 60, 79, 120, 200])('fit %i columns', (width) => {
    const lines = renderLevels(levels, { width, color: true });
    for (const line of lines) {
      const plain = stripVTControlCharacters(line.text);
      expect(plain.length).toBe(line.width);
      expect(plain.length).toBeLessThanOrEqual(width);
    }
  });

  it('show how far it is', () => {
    const [run, , step] = renderLevels(levels, { width: 100, color: false }).map(({ text }) => text);
    expect(run).toMatch(/^nano {18}(━+)(─+) {2}4\/8 steps · 1:00 · 2:00 left$/);
    // Bars of one width, whatever stands before and after them.
    const starts = renderLevels(levels, { width: 100, color: false }).map(({ text }) => text.search(/[━─]/));
    expect(new Set(starts).size).toBe(1);
    const [, filled = '', open = ''] = /(━+)(─+)/.exec(run ?? '') ?? [];
    expect(filled.length).toBe(open.length);
    expect(step).not.toContain('─');
  });
});

describe('on a terminal', () => {
  it('draws in place, hides the cursor and gives it back', () => {
    const terminal = stream({ isTTY: true, columns: 80 });
    const listeners = process.listenerCount('exit');
    const progress = createProgress({ title: 'tiny', stream: terminal });
    progress.notice('Drawing the data');
    progress.runStarted?.(planned);
    expect(process.listenerCount('exit')).toBe(listeners + 1);
    progress.stepStarted?.(zeroShot);
    progress.notice('Stopping after this batch');
    expect(terminal.text().startsWith('Drawing the data\n\u001B[?25l')).toBe(true);
    expect(terminal.text().match(/Drawing/g)).toHaveLength(1);
    expect(terminal.text()).toContain('\u001B[1A\r\u001B[0J');
    expect(stripVTControlCharacters(terminal.chunks.at(-1) ?? '')).toMatch(
      /tiny .*\nzero-shot .*\nevaluate GQA .*\nStopping after this batch\n$/,
    );
    progress.stop();
    progress.stop();
    expect(terminal.text().endsWith('\u001B[4A\r\u001B[0J\u001B[?25h')).toBe(true);
    expect(process.listenerCount('exit')).toBe(listeners);
  });
});

describe('elsewhere', () => {
  it('writes a line per step, and one now and then in a long step', () => {
    const log = stream();
    let now = 0;
    const progress = createProgress({ title: 'tiny', stream: log, now: () => now });
    progress.runStarted?.(planned);
    progress.stepStarted?.(train);
    for (let done = 1; done <= 40; done++) {
      now += 1_000;
      progress.stepProgress?.(train, {
        done,
        total: 40,
        unit: 'steps',
        samplesPerSecond: 16,
        loss: 1 / done,
      });
    }
    progress.stepFinished?.(train);
    progress.stepStarted?.(evaluate);
    progress.stepFinished?.(evaluate);
    progress.stop();
    const lines = log.text().trimEnd().split('\n');
    expect(lines.every((line) => /^\d\d:\d\d:\d\d {2}\S/.test(line))).toBe(true);
    expect(lines.map((line) => line.slice(10))).toEqual([
      'tiny · 0/7 steps',
      'LoRA 1 GQA · train GQA · 15/40 steps · loss 0.067 · 16 samples/s · 0:25 left',
      'LoRA 1 GQA · train GQA · 30/40 steps · loss 0.033 · 16 samples/s · 0:10 left',
      'LoRA 1 GQA · train GQA · 40/40 steps · loss 0.025 · 16 samples/s  [1/7 steps · 0:40]',
      'LoRA 1 GQA · evaluate GQA  [2/7 steps · 0:40 · 0:40 left]',
    ]);
    expect(log.text()).not.toContain('\u001B');
  });

  it('is silent when asked to, but for notices', () => {
    const log = stream({ isTTY: true, columns: 80 });
    const progress = createProgress({ title: 'tiny', stream: log, quiet: true });
    progress.runStarted?.(planned);
    progress.notice('Stopping');
    progress.stop();
    expect(log.text()).toBe('Stopping\n');
  });
});
