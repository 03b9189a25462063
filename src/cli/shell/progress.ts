// Shows how far a run is: on a terminal bars that are redrawn in place, elsewhere plain lines with the time, and
// nothing when asked to be quiet. Writes to stderr, so that results on stdout stay clean.

import { printableLines } from '../../base/printable.ts';
import type { Step } from '../../config/plan.ts';
import { painter, useColor } from '../../report/terminal/paint.ts';
import type { PlannedStep, RunObserver, StepProgress } from '../../runs/execute.ts';
import { type Level, ProgressState, stageName } from './progress-state.ts';

export interface Progress extends RunObserver {
  /** Says something beside the progress. */
  notice(text: string): void;
  /** Shows no more, and leaves the terminal as it was. May be called twice. */
  stop(): void;
}

export interface ProgressOptions {
  readonly title: string;
  readonly quiet?: boolean;
  readonly stream?: NodeJS.WriteStream;
  /** Milliseconds, for tests. */
  readonly now?: () => number;
}

export function createProgress(options: ProgressOptions): Progress {
  const { quiet = false, stream = process.stderr } = options;
  if (quiet) return { notice: (text) => stream.write(`${printableLines(text)}\n`), stop: () => {} };
  const live = stream.isTTY === true && process.env.TERM !== 'dumb';
  return live ? new LiveProgress({ ...options, stream }) : new LineProgress({ ...options, stream });
}

const hideCursor = '\u001B[?25l';
const showCursor = '\u001B[?25h';
const clearBelow = '\u001B[0J';
const redrawMs = 100;
const labelWidth = 20;
/** Room for the longest details: steps, loss, samples per second and the time left. */
const detailsWidth = 52;
const barWidth = { least: 8, most: 32 };

/** Bars on a terminal. */
class LiveProgress implements Progress {
  readonly #state: ProgressState;
  readonly #stream: NodeJS.WriteStream;
  readonly #color: boolean;
  /** The widths of the lines on the screen, to know how many rows they take after the window changed. */
  #drawn: readonly number[] = [];
  #notice = '';
  #lastDraw = 0;
  #timer: NodeJS.Timeout | undefined;
  readonly #restore = () => this.#stream.write(showCursor);
  readonly #redraw = () => this.#draw(true);

  constructor({ title, stream = process.stderr, now }: ProgressOptions) {
    this.#state = new ProgressState({ title, now });
    this.#stream = stream;
    this.#color = useColor(stream);
  }

  runStarted(planned: readonly PlannedStep[]): void {
    this.#state.runStarted(planned);
    this.#stream.write(hideCursor);
    // `exit` is also reached after an uncaught error.
    process.on('exit', this.#restore);
    this.#stream.on('resize', this.#redraw);
    this.#timer = setInterval(this.#redraw, 1000).unref();
    this.#draw(true);
  }

  stepStarted(step: Step): void {
    this.#state.stepStarted(step);
    this.#draw();
  }

  stepProgress(step: Step, progress: StepProgress): void {
    this.#state.stepProgress(step, progress);
    this.#draw();
  }

  stepFinished(step: Step): void {
    this.#state.stepFinished(step);
    this.#draw();
  }

  notice(said: string): void {
    const text = printableLines(said);
    if (this.#timer === undefined) {
      this.#stream.write(`${text}\n`);
      return;
    }
    this.#notice = text;
    this.#draw(true);
  }

  stop(): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#stream.off('resize', this.#redraw);
    process.off('exit', this.#restore);
    this.#stream.write(this.#eraser() + showCursor);
    this.#drawn = [];
  }

  #draw(always = false): void {
    const now = performance.now();
    if (this.#timer === undefined || (!always && now - this.#lastDraw < redrawMs)) return;
    this.#lastDraw = now;
    const width = this.#columns();
    const lines = renderLevels(this.#state.levels(), { width, color: this.#color });
    if (this.#notice !== '') lines.push({ text: this.#notice.slice(0, width), width: this.#notice.length });
    const erase = this.#eraser();
    this.#drawn = lines.map((line) => Math.min(line.width, width));
    this.#stream.write(erase + lines.map(({ text }) => `${text}\n`).join(''));
  }

  #columns(): number {
    // One column is left free: a full line makes some terminals wrap.
    return Math.max(20, (this.#stream.columns || 80) - 1);
  }

  #eraser(): string {
    const columns = this.#stream.columns || 80;
    const rows = this.#drawn.reduce((sum, width) => sum + Math.max(1, Math.ceil(width / columns)), 0);
    return rows === 0 ? '' : `\u001B[${rows}A\r${clearBelow}`;
  }
}

interface Line {
  readonly text: string;
  /** Columns, without the colours. */
  readonly width: number;
}

/** A line per level: label, bar, details. Details that do not fit are left out from the end. */
export function renderLevels(
  levels: readonly Level[],
  { width, color }: { readonly width: number; readonly color: boolean },
): Line[] {
  const paint = painter(color);
  // From the width alone, so that nothing jumps from one redraw to the next.
  const labels = Math.min(labelWidth, Math.floor(width / 3));
  const bar = Math.min(barWidth.most, Math.max(barWidth.least, width - labels - detailsWidth - 4));
  const room = Math.max(0, width - labels - bar - 4);
  return levels.map(({ label, fraction, details }, index) => {
    const name = label.length > labels ? `${label.slice(0, labels - 1)}…` : label.padEnd(labels);
    const filled = Math.round(Math.min(1, fraction) * bar);
    const kept = [...details];
    while (kept.length > 0 && kept.join(' · ').length > room) kept.pop();
    const text = kept.join(' · ');
    const colors = ['cyan', 'blue', 'green'] as const;
    return {
      text: `${paint(index === 0 ? 'bold' : 'reset', name)}  ${paint(colors[index] ?? 'green', '━'.repeat(filled))}${paint('dim', '─'.repeat(bar - filled))}  ${text}`,
      width: labels + 4 + bar + text.length,
    };
  });
}

const lineEveryMs = 15_000;

/** Lines in a log: one per finished step, and one now and then during a long one. */
class LineProgress implements Progress {
  readonly #state: ProgressState;
  readonly #stream: NodeJS.WriteStream;
  readonly #now: () => number;
  #lastLine = 0;

  constructor({ title, stream = process.stderr, now = () => performance.now() }: ProgressOptions) {
    this.#state = new ProgressState({ title, now });
    this.#stream = stream;
    this.#now = now;
  }

  runStarted(planned: readonly PlannedStep[]): void {
    this.#state.runStarted(planned);
    this.#line([this.#state.run().label, ...this.#state.run().details.slice(0, 1)]);
  }

  stepStarted(step: Step): void {
    this.#state.stepStarted(step);
  }

  stepProgress(step: Step, progress: StepProgress): void {
    this.#state.stepProgress(step, progress);
    if (progress.done === progress.total || this.#now() - this.#lastLine < lineEveryMs) return;
    const { label, details } = this.#state.step(step);
    this.#line([stageName(step), label, ...details]);
  }

  stepFinished(step: Step): void {
    // The time left of a step that is done says nothing.
    const { label, details } = this.#state.step(step);
    this.#state.stepFinished(step);
    const figures = details.filter((text) => text !== 'starting' && !text.endsWith(' left'));
    this.#line([stageName(step), label, ...figures], this.#state.run().details);
  }

  notice(said: string): void {
    const text = printableLines(said);
    this.#line([text]);
  }

  stop(): void {}

  #line(parts: readonly string[], run: readonly string[] = []): void {
    this.#lastLine = this.#now();
    const time = new Date().toTimeString().slice(0, 8);
    const whole = run.length === 0 ? '' : `  [${run.join(' · ')}]`;
    this.#stream.write(`${time}  ${parts.join(' · ')}${whole}\n`);
  }
}
