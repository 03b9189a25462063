// How far a run is: what the progress display shows, as numbers and words. Draws nothing.

import { methods } from '../methods/index.ts';
import type { PlannedStep, RunObserver, StepProgress } from '../runs/execute.ts';
import type { Step } from '../runs/plan.ts';

/** One level of progress: the run, a stage of it, or a step. */
export interface Level {
  readonly label: string;
  /** 0 to 1. */
  readonly fraction: number;
  readonly details: readonly string[];
}

interface Work {
  samples: number;
  seconds: number;
}

export class ProgressState implements RunObserver {
  readonly #title: string;
  readonly #now: () => number;
  #planned: readonly PlannedStep[] = [];
  readonly #finished = new Set<string>();
  /** Done by this process, by the kind of step: what the time left is estimated from. */
  readonly #work: Record<Step['kind'], Work> = {
    train: { samples: 0, seconds: 0 },
    evaluate: { samples: 0, seconds: 0 },
  };
  #runStart = 0;
  #current: { readonly step: Step; readonly start: number; readonly progress?: StepProgress } | undefined;

  /** `now` in milliseconds. */
  constructor({
    title,
    now = () => performance.now(),
  }: { readonly title: string; readonly now?: () => number }) {
    this.#title = title;
    this.#now = now;
  }

  runStarted(planned: readonly PlannedStep[]): void {
    this.#planned = planned;
    this.#runStart = this.#now();
    for (const { step, complete } of planned) if (complete) this.#finished.add(step.key);
  }

  stepStarted(step: Step): void {
    this.#current = { step, start: this.#now() };
  }

  stepProgress(step: Step, progress: StepProgress): void {
    const start = this.#current?.start ?? this.#now();
    this.#current = { step, start, progress };
  }

  stepFinished(step: Step): void {
    const work = this.#work[step.kind];
    work.seconds += this.#stepSeconds();
    work.samples += this.#planned.find((planned) => planned.step.key === step.key)?.samples ?? 0;
    this.#finished.add(step.key);
    this.#current = undefined;
  }

  /** Run, stage and step; the lower ones only while a step is under way. */
  levels(): readonly Level[] {
    return [
      this.run(),
      ...(this.#current === undefined ? [] : [this.stage(this.#current.step), this.step()]),
    ];
  }

  run(): Level {
    const total = this.#planned.length;
    const done = this.#planned.filter(({ step }) => this.#finished.has(step.key)).length;
    const left = this.secondsLeft();
    return {
      label: this.#title,
      fraction: total === 0 ? 0 : (done + this.#stepFraction()) / total,
      details: [
        `${done}/${total} steps`,
        clock((this.#now() - this.#runStart) / 1000),
        ...(left === undefined ? [] : [`${clock(left)} left`]),
      ],
    };
  }

  stage(of: Step): Level {
    const same = this.#planned.filter(({ step }) => stageName(step) === stageName(of));
    const done = same.filter(({ step }) => this.#finished.has(step.key)).length;
    return {
      label: stageName(of),
      fraction: same.length === 0 ? 0 : (done + this.#stepFraction()) / same.length,
      details: [`${done}/${same.length} steps`],
    };
  }

  step(): Level {
    const { step, progress } = this.#current ?? {};
    if (step === undefined) return { label: '', fraction: 0, details: [] };
    const label = stepName(step);
    if (progress === undefined) return { label, fraction: 0, details: ['starting'] };
    const { done, total, unit, loss, samplesPerSecond } = progress;
    const left = done === 0 ? undefined : (this.#stepSeconds() / done) * (total - done);
    return {
      label,
      fraction: this.#stepFraction(),
      details: [
        `${done}/${total} ${unit}`,
        ...(loss === undefined ? [] : [`loss ${loss.toFixed(3)}`]),
        `${samplesPerSecond.toFixed(samplesPerSecond < 10 ? 1 : 0)} samples/s`,
        ...(left === undefined ? [] : [`${clock(left)} left`]),
      ],
    };
  }

  /** Undefined until a step of each kind that is left has shown how fast it goes. */
  secondsLeft(): number | undefined {
    let left = 0;
    for (const kind of ['train', 'evaluate'] as const) {
      const { samples, seconds } = this.#work[kind];
      const current = this.#current?.step.kind === kind ? this.#current.step.key : undefined;
      const remaining = this.#planned
        .filter(({ step }) => step.kind === kind && !this.#finished.has(step.key))
        .reduce(
          (sum, { step, samples }) => sum + samples * (step.key === current ? 1 - this.#stepFraction() : 1),
          0,
        );
      const own = this.#planned.find(({ step }) => step.key === current)?.samples ?? 0;
      const seen = samples + own * (current === undefined ? 0 : this.#stepFraction());
      const spent = seconds + (current === undefined ? 0 : this.#stepSeconds());
      if (remaining === 0) continue;
      if (seen === 0) return undefined;
      left += (remaining * spent) / seen;
    }
    return left;
  }

  #stepSeconds(): number {
    return this.#current === undefined ? 0 : (this.#now() - this.#current.start) / 1000;
  }

  #stepFraction(): number {
    const progress = this.#current?.progress;
    return progress === undefined || progress.total === 0 ? 0 : Math.min(1, progress.done / progress.total);
  }
}

/** e.g. `MoELoRA 3 ImageNet`, or `Joint` where one stage trains on everything. */
export function stageName(step: Step): string {
  const trained = step.kind === 'train' ? step : step.trained;
  if (trained === undefined) return 'zero-shot';
  const { label } = methods[trained.method];
  return trained.tasks.length > 1 ? label : `${label} ${trained.stage} ${trained.task}`;
}

export function stepName(step: Step): string {
  const all = step.kind === 'train' && step.tasks.length > 1;
  return `${step.kind} ${all ? `${step.tasks.length} tasks` : step.task}`;
}

/** `0:07`, `12:34`, `1:02:03`. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const rest = String(whole % 60).padStart(2, '0');
  return hours === 0 ? `${minutes}:${rest}` : `${hours}:${String(minutes).padStart(2, '0')}:${rest}`;
}
