// Which step of a plan is done next, and by whom, where several engines work side by side. A training waits for the stage
// before it, an evaluation for its training, and every training for the zero-shot answers. Computes nothing.
import { methodOf, type Step } from '../config/plan.ts';

/** Hands out steps, each once, as soon as what they need is there. */
export class StepBoard {
  readonly #left: Set<Step>;
  readonly #underWay = new Set<Step>();
  readonly #workers: number;
  readonly #isComplete: (step: Step) => boolean;
  #waiting: (() => void)[] = [];

  /**
   * `steps` in the order of the plan. Whether one is complete is asked when what it needs is: a stage that came out
   * otherwise than before makes all that began from it incomplete.
   */
  constructor(
    steps: readonly Step[],
    { workers, isComplete }: { readonly workers: number; readonly isComplete: (step: Step) => boolean },
  ) {
    this.#left = new Set(steps);
    this.#workers = workers;
    this.#isComplete = isComplete;
  }

  /**
   * The next step for a worker that did `before` last; undefined when nothing is left for it. A single worker follows the
   * plan. Of several, each stays with a method, and trains as long as it can: evaluations wait for nobody, so they are
   * what is shared at the end.
   */
  async take(before?: Step): Promise<Step | undefined> {
    for (;;) {
      const ready = this.#ready();
      const step = this.#workers === 1 ? ready[0] : this.#best(ready, before);
      if (step !== undefined) {
        this.#left.delete(step);
        this.#underWay.add(step);
        return step;
      }
      if (this.#left.size === 0) return undefined;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  finish(step: Step): void {
    this.#underWay.delete(step);
    this.#wake();
  }

  /** Nothing more is handed out. */
  close(): void {
    this.#left.clear();
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  #ready(): readonly Step[] {
    for (;;) {
      const able = this.#able();
      const complete = able.filter(this.#isComplete);
      if (complete.length === 0) return able;
      for (const step of complete) this.#left.delete(step);
    }
  }

  /** Those whose needs are there. */
  #able(): readonly Step[] {
    const open = [...this.#left, ...this.#underWay];
    const opened = new Set(open.map(({ key }) => key));
    const isOpen = (step: Step | undefined) => step !== undefined && opened.has(step.key);
    const zeroShot = open.some((step) => step.kind === 'evaluate' && step.trained === undefined);
    return [...this.#left].filter((step) =>
      step.kind === 'evaluate' ? !isOpen(step.trained) : !zeroShot && !isOpen(step.previous),
    );
  }

  #best(ready: readonly Step[], before: Step | undefined): Step | undefined {
    const mine = before && methodOf(before);
    const taken = new Set([...this.#underWay].map(methodOf));
    const preferences: readonly ((step: Step) => boolean)[] = [
      (step) => step.kind === 'train' && methodOf(step) === mine,
      (step) => step.kind === 'train' && !taken.has(methodOf(step)),
      (step) => methodOf(step) === mine,
      (step) => step.kind === 'train',
      () => true,
    ];
    for (const preferred of preferences) {
      const step = ready.find(preferred);
      if (step !== undefined) return step;
    }
    return undefined;
  }
}
