// How far a run is: what the progress display shows, as numbers and words. Draws nothing.

import type { Step } from '../../config/plan.ts';
import type { PlannedStep, RunObserver, StepProgress } from '../../runs/execute.ts';

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

interface Current {
  readonly step: Step;
  readonly start: number;
  readonly progress?: StepProgress;
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
  /** Steps under way, by key, in the order in which they began. */
  readonly #current = new Map<string, Current>();

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
    this.#current.set(step.key, { step, start: this.#now() });
  }

  stepProgress(step: Step, progress: StepProgress): void {
    const start = this.#current.get(step.key)?.start ?? this.#now();
    this.#current.set(step.key, { step, start, progress });
  }

  stepFinished(step: Step): void {
    const work = this.#work[step.kind];
    work.seconds += this.#secondsOf(step);
    work.samples += this.#planned.find((planned) => planned.step.key === step.key)?.samples ?? 0;
    this.#finished.add(step.key);
    this.#current.delete(step.key);
  }

  /** The run; of a step under way its stage and the step; of several a line each. */
  levels(): readonly Level[] {
    const current = [...this.#current.values()].map(({ step }) => step);
    const [only] = current;
    if (current.length === 1 && only !== undefined) return [this.run(), this.stage(only), this.step(only)];
    return [
      this.run(),
      ...current.map((step) => {
        const { label, fraction, details } = this.step(step);
        return { label: stageName(step), fraction, details: [label, ...details] };
      }),
    ];
  }

  run(): Level {
    const total = this.#planned.length;
    const done = this.#planned.filter(({ step }) => this.#finished.has(step.key)).length;
    const left = this.secondsLeft();
    return {
      label: this.#title,
      fraction: total === 0 ? 0 : (done + this.#fractionUnderWay()) / total,
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
      fraction: same.length === 0 ? 0 : (done + this.#fractionOf(of)) / same.length,
      details: [`${done}/${same.length} steps`],
    };
  }

  step(of: Step): Level {
    const { progress } = this.#current.get(of.key) ?? {};
    const label = stepName(of);
    if (progress === undefined) return { label, fraction: 0, details: ['starting'] };
    const { done, total, unit, loss, samplesPerSecond } = progress;
    const left = done === 0 ? undefined : (this.#secondsOf(of) / done) * (total - done);
    return {
      label,
      fraction: this.#fractionOf(of),
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
      const ofKind = this.#planned.filter(({ step }) => step.kind === kind);
      const remaining = ofKind
        .filter(({ step }) => !this.#finished.has(step.key))
        .reduce((sum, { step, samples }) => sum + samples * (1 - this.#fractionOf(step)), 0);
      const underWay = ofKind.filter(({ step }) => this.#current.has(step.key));
      const seen = underWay.reduce(
        (sum, { step, samples }) => sum + samples * this.#fractionOf(step),
        this.#work[kind].samples,
      );
      const spent = underWay.reduce((sum, { step }) => sum + this.#secondsOf(step), this.#work[kind].seconds);
      if (remaining === 0) continue;
      if (seen === 0) return undefined;
      left += (remaining * spent) / seen;
    }
    // Steps side by side use the same seconds.
    return left / Math.max(1, this.#current.size);
  }

  #secondsOf({ key }: Step): number {
    const current = this.#current.get(key);
    return current === undefined ? 0 : (this.#now() - current.start) / 1000;
  }

  #fractionOf({ key }: Step): number {
    const progress = this.#current.get(key)?.progress;
    return progress === undefined || progress.total === 0 ? 0 : Math.min(1, progress.done / progress.total);
  }

  #fractionUnderWay(): number {
    return [...this.#current.values()].reduce((sum, { step }) => sum + this.#fractionOf(step), 0);
  }
}

/** e.g. `MoELoRA 3 ImageNet`, or `Joint` where one stage trains on everything. */
export function stageName(step: Step): string {
  const trained = step.kind === 'train' ? step : step.trained;
  if (trained === undefined) return 'zero-shot';
  const { label } = trained;
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
