// Moments at which a process kills itself without warning, so that tests stop it exactly where they mean to. Asked for by
// the environment variable COIN_KILL (docs/testing.md); without it nothing here does anything but what it is given to do.
import { UserError } from './errors.ts';

const phases = ['before', 'within', 'after'] as const;
/** What is written in one go may be killed half written; what is one call of the system cannot. */
const moments = {
  /** The content of a file, aside. */
  write: phases,
  /** A finished file or folder put into its place. */
  rename: ['before', 'after'],
  /** A line that is synced by itself: a record of a run's journal. */
  journal: phases,
  /** An answer, a model's or a judge's. */
  answer: phases,
  /** The state of a training that is under way. */
  checkpoint: ['before', 'after'],
} as const satisfies Readonly<Record<string, readonly Phase[]>>;

type Phase = (typeof phases)[number];
type Moment = keyof typeof moments;
type Torn = { [M in Moment]: 'within' extends (typeof moments)[M][number] ? M : never }[Moment];

interface KillPoint {
  readonly moment: Moment;
  readonly phase: Phase;
  /** Only paths that hold this text count. */
  readonly text: string;
}

let wanted: KillPoint | undefined | null = null;
let left = 0;

/** Does what it is given to do, and is killed before or after it where that is asked for. */
export function killable(moment: Moment, path: string, act: () => void): void {
  pass(moment, 'before', path);
  act();
  pass(moment, 'after', path);
}

/** As `killable`, of a write of which one half may be done. */
export function killableWrite<T extends string | Uint8Array>(
  moment: Torn,
  path: string,
  content: T,
  write: (content: T) => void,
): void {
  pass(moment, 'before', path);
  pass(moment, 'within', path, () => write(content.slice(0, content.length >> 1) as T));
  write(content);
  pass(moment, 'after', path);
}

function pass(moment: Moment, phase: Phase, path: string, last?: () => void): void {
  if (wanted === null) {
    const setting = process.env.COIN_KILL;
    wanted = setting === undefined || setting === '' ? undefined : parse(setting);
  }
  if (wanted === undefined) return;
  if (wanted.moment !== moment || wanted.phase !== phase || !path.includes(wanted.text)) return;
  if (--left > 0) return;
  last?.();
  process.kill(process.pid, 'SIGKILL');
  // The signal is on its way; nothing is done until it is there.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

/** `MOMENT:N`, `MOMENT:N:PHASE` or `MOMENT:N:PHASE:TEXT`. */
function parse(setting: string): KillPoint {
  const [moment = '', number = '', phase = 'after', ...rest] = setting.split(':');
  const refuse = (expected: string) => {
    throw new UserError({ message: `COIN_KILL: expected ${expected}; found "${setting}"` });
  };
  if (!Object.hasOwn(moments, moment))
    refuse(`MOMENT:N[:PHASE[:TEXT]] of ${Object.keys(moments).join(', ')}`);
  if (!/^[1-9]\d{0,8}$/.test(number)) refuse(`a whole number of at least 1 after "${moment}:"`);
  const possible: readonly string[] = moments[moment as Moment];
  if (!possible.includes(phase)) refuse(`${possible.join(', ')} after "${moment}:${number}:"`);
  left = Number(number);
  return { moment: moment as Moment, phase: phase as Phase, text: rest.join(':') };
}
